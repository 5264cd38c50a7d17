#!/usr/bin/env python3
"""pictures.py RIG DIR   Pictures of the web mixer of a running rig: phone, tablet, desktop, as WebP below 150 kB."""

import os
import sys
import time

from chrome import Chrome
from program import Program
from wire import Osc

READY = "window.headroom?.link.up && document.querySelector('.fader:not(.unknown)') && !document.querySelector('.fader.unknown')"
SHOTS = [
    # name, width, height, pixels a point, fingers, view, what is done first
    ("web-desktop", 1280, 800, 1, False, "mix", ""),
    ("web-tablet", 1024, 768, 1, True, "strip/ch/1", ""),
    ("web-phone", 390, 844, 2, True, "mix", "[...document.querySelectorAll('.targets button')].find((b) => b.textContent === 'Wedge 1').click()"),
    ("web-main", 1280, 800, 1, False, "main", ""),
]
LEVELS = [-3, -6, -11, -8, -14, -5, -9, -12, -7, -4, -16, -10]


def main(rig, folder):
    with Program(rig) as program, Chrome() as chrome:
        osc = Osc(program.osc)
        # A mix as it might be: not all in one line.
        for n in range(1, 25):
            osc.send(f"/ch/{n}/fader", float(LEVELS[n % len(LEVELS)]))
            osc.send(f"/ch/{n}/send/wedge-1/level", float(LEVELS[(n * 5) % len(LEVELS)] - 4))
        osc.send("/ch/3/mute", 1.0)
        for band, freq, gain in ((1, 62, 3.5), (2, 330, -5), (3, 3400, 4), (4, 9000, 2)):
            osc.send(f"/ch/1/eq/{band}/freq", float(freq))
            osc.send(f"/ch/1/eq/{band}/gain", float(gain))
        for name, width, height, scale, touch, view, first in SHOTS:
            page = chrome.page(f"http://{program.http[0]}:{program.http[1]}/#{view}", width=width, height=height, scale=scale, touch=touch)
            page.until(f"{name} shows", READY)
            if first:
                page.value(first)
                page.until(f"{name} shows what it is to", READY)
            # Meters and the history of loudness have something to show.
            time.sleep(20 if view == "main" else 3)
            path = os.path.join(folder, f"{name}.webp")
            page.picture(path, format="webp", quality=86)
            size = os.path.getsize(path)
            print(f"{path}  {width}×{height}  {size / 1000:.0f} kB")
            if size >= 150_000:
                sys.exit(f"{path} is larger than 150 kB")


if __name__ == "__main__":
    main(*sys.argv[1:3])
