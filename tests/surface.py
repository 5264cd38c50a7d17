"""A Mackie Control made of python-rtmidi's JACK ports: handshake, pages, touch, motors, LCD, meters, flip, sends, unplug.

Takes the port of the console's OSC. Prints a line for each thing that was seen, and "all" at the end.
"""

import sys
import time

import rtmidi
from pythonosc.osc_message import OscMessage
from pythonosc.udp_client import SimpleUDPClient

UNITY = 12400
osc = SimpleUDPClient("127.0.0.1", int(sys.argv[1]))


def value(address):
    osc.send_message(address, [])
    for _ in range(100):
        message = OscMessage(osc.receive(5))
        if message.address == address:
            return message.params[0]
    sys.exit("no answer to " + address)


class Surface:
    def __init__(self):
        self.out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="X-Touch")
        self.out.open_virtual_port("to host")
        self.heard = rtmidi.MidiIn(rtapi=rtmidi.API_UNIX_JACK, name="X-Touch", queue_size_limit=100000)
        self.heard.ignore_types(sysex=False)
        self.heard.open_virtual_port("from host")
        self.faders, self.lights, self.rings = {}, {}, {}
        self.text, self.meters, self.asked = [" "] * 112, [], False

    def look(self):
        while message := self.heard.get_message():
            data = message[0]
            if data[0] & 0xF0 == 0xE0:
                self.faders[data[0] & 15] = data[1] | data[2] << 7
            elif data[0] == 0x90:
                self.lights[data[1]] = data[2]
            elif data[0] == 0xB0:
                self.rings[data[1]] = data[2]
            elif data[0] == 0xD0:
                self.meters.append(data[1])
            elif data[:6] == [0xF0, 0, 0, 0x66, 0x14, 0x12]:
                self.text[data[6] : data[6] + len(data) - 8] = map(chr, data[7:-1])
            elif data == [0xF0, 0, 0, 0x66, 0x14, 0, 0xF7]:
                self.asked = True

    def cell(self, line, strip):
        return "".join(self.text[line * 56 + strip * 7 :][:7]).strip()

    def until(self, what, seen):
        end = time.monotonic() + 20
        while not seen():
            self.look()
            if time.monotonic() > end:
                sys.exit(f"never: {what}: {''.join(self.text)!r} {self.faders} {self.lights}")
            time.sleep(0.002)
        print(what)

    def press(self, note):
        self.out.send_message([0x90, note, 127])
        self.out.send_message([0x90, note, 0])

    def move(self, fader, position):
        self.out.send_message([0xE0 | fader, position & 127, position >> 7])

    def touch(self, fader, on):
        self.out.send_message([0x90, 0x68 + fader, 127 if on else 0])

    def greet(self):
        self.until("handshake", lambda: self.asked)
        self.out.send_message([0xF0, 0, 0, 0x66, 0x14, 1, *b"ABCDEFG", 1, 2, 3, 4, 0xF7])

    def unplug(self):
        # Its JACK clients go with the ports.
        self.out.delete()
        self.heard.delete()


unit = Surface()
unit.greet()
unit.until("names", lambda: unit.cell(0, 0) == "One" and unit.cell(0, 7) == "Ch 8")
unit.until("motors", lambda: len(unit.faders) == 9 and abs(unit.faders[8] - UNITY) < 5)

unit.touch(0, True)
for position in range(9000, UNITY + 1, 200):
    unit.move(0, position)
unit.move(0, 6000)
unit.until("a hand moves the console", lambda: value("/ch/1/fader") < -10)
unit.faders.clear()
osc.send_message("/ch/1/fader", 5.0)
osc.send_message("/ch/2/fader", -20.0)
unit.until("the other motor", lambda: 1 in unit.faders)
assert 0 not in unit.faders, "the motor leaves the hand alone"
unit.touch(0, False)
unit.until("the motor when it is let go", lambda: unit.faders.get(0, 0) > UNITY)

unit.until("meters", lambda: any(m >> 4 == 0 and m & 15 > 5 for m in unit.meters))

unit.press(0x2F)
unit.until("the next page", lambda: unit.cell(0, 0) == "Ch 9")
unit.press(0x12)
unit.until("mute on the page", lambda: unit.lights.get(0x12) == 127 and value("/ch/11/mute") == 1)
unit.press(0x2E)
unit.until("the first page", lambda: unit.cell(0, 0) == "One" and unit.lights.get(0x12) == 0)

unit.press(0x29)
unit.press(0x32)
unit.until("sends on faders", lambda: unit.lights.get(0x32) == 127 and unit.faders.get(2) == 0)
unit.move(2, UNITY)
unit.until("a send", lambda: value("/ch/3/send/1/level") == 0 and value("/ch/3/fader") == 0)
unit.press(0x32)

unit.unplug()
osc.send_message("/ch/1/name", "Anew")
unit = Surface()
unit.greet()
unit.until("everything after a replug", lambda: unit.cell(0, 0) == "Anew" and len(unit.faders) == 9 and len(unit.lights) > 90)
unit.unplug()
print("all")
