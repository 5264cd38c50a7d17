"""What stands between the browser and the console in tests: a cable that can be pulled, and OSC to ask the console."""

import select
import socket
import struct
import threading
import time


class Cable:
    """A TCP relay to `there` on a free port. It can be pulled, frozen (nothing passes and nobody is told) and put back."""

    def __init__(self, there):
        self.there = there
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs, self.lock = [], threading.Lock()
        self.is_in, self.is_frozen = True, False
        threading.Thread(target=self._accept, daemon=True).start()

    def pull(self):
        """Cuts all connections and refuses new ones."""
        with self.lock:
            self.is_in = False
            for pair in self.pairs:
                for end in pair:
                    end.close()
            self.pairs = []

    def freeze(self):
        self.is_frozen = True

    def put_back(self):
        self.is_frozen, self.is_in = False, True

    def _accept(self):
        while True:
            near, _ = self.listener.accept()
            if not self.is_in or self.is_frozen:
                near.close()
                continue
            far = socket.create_connection(self.there)
            with self.lock:
                self.pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    def _carry(self, source, sink):
        try:
            while True:
                if self.is_frozen:
                    time.sleep(0.01)
                    continue
                if not select.select([source], [], [], 0.1)[0]:
                    continue
                data = source.recv(65536)
                if not data:
                    break
                sink.sendall(data)
        except (OSError, ValueError):
            pass
        for end in (source, sink):
            end.close()


def _padded(data):
    return data + b"\0" * (4 - len(data) % 4)


class Osc:
    """Asks and sets over UDP, as a client of its own."""

    def __init__(self, there, token=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(there)
        if token:
            self.send("/login", token)
            self._until("/login")

    def send(self, address, *values):
        tags, body = ",", b""
        for value in values:
            if isinstance(value, str):
                tags, body = tags + "s", body + _padded(value.encode())
            else:
                tags, body = tags + "f", body + struct.pack(">f", value)
        self.socket.send(_padded(address.encode()) + _padded(tags.encode()) + body)

    def ask(self, address):
        """The first value at an address."""
        self.send(address)
        return self._until(address)

    def _until(self, address):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if not select.select([self.socket], [], [], 0.5)[0]:
                self.send(address)
                continue
            data = self.socket.recv(65536)
            name = data[:data.index(b"\0")]
            at = (len(name) // 4 + 1) * 4
            stop = data.index(b"\0", at)
            tags, at = data[at:stop], at + ((stop - at) // 4 + 1) * 4
            if name == b"/error":
                raise AssertionError(f"the console refused {address}: {data[at:]!r}")
            if name != address.encode():
                continue
            kind = tags[1:2]
            if kind == b"f":
                return struct.unpack_from(">f", data, at)[0]
            if kind == b"i":
                return struct.unpack_from(">i", data, at)[0]
            return data[at:data.index(b"\0", at)].decode()
        raise AssertionError(f"{address} was not answered")

    def until(self, address, holds, patience=10):
        """Waits for a value that `holds`."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            value = self.ask(address)
            if holds(value):
                return value
            time.sleep(0.02)
        raise AssertionError(f"{address} is {value}")
