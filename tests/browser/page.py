#!/usr/bin/env python3
"""What a person does on the web mixer, with a real browser.

page.py mix|link|musician --http HOST:PORT --osc HOST:PORT [--token TOKEN] [--other TOKEN]

Each prints what it saw, a line a question; exit status 1 with the question that failed.
"""

import argparse
import math
import sys
import time

from chrome import Chrome
from wire import Cable, Osc

READY = "window.headroom?.link.up && document.querySelector('.strip .fader:not(.unknown)')"
RESTS = "window.headroom.link.pending.size === 0 && window.headroom.link.asked.length === 0"
KICK, VOX = "[data-base='/ch/1']", "[data-base='/ch/2']"


def near(a, b, by):
    return abs(a - b) <= by


def check(what, holds, told=""):
    print(f"{'ok  ' if holds else 'FAIL'} {what}{f': {told}' if told != '' else ''}", flush=True)
    if not holds:
        sys.exit(1)


def open_mixer(chrome, http, **how):
    page = chrome.page(f"http://{http[0]}:{http[1]}/", **how)
    page.until("the page is linked and shows faders", READY)
    page.until("the fader of channel 1 is there", f"document.querySelector(\"{KICK} .fader:not(.unknown)\")")
    return page


def no_errors(*pages):
    errors = [e for page in pages for e in page.errors()]
    check("no script failed", not errors, errors or "")


def held_page(page, selector):
    """The level that a fader of the page shows, in dB."""
    text = page.text(selector).replace("−", "-")
    return -144.0 if text == "off" else float(text)


def agree(page, selector, console, address):
    """Waits until what the page shows is what the console holds, and nothing is under way; returns that."""
    deadline = time.monotonic() + 10
    while True:
        rests = page.value(RESTS)
        shown, level = held_page(page, f"{selector} .readout"), console.ask(address)
        if rests and near(shown, level, 0.06):
            return level
        if time.monotonic() > deadline:
            check(f"page and console agree on {address}", False, f"shown {shown}, held {level}")
        time.sleep(0.02)


def travel(page, console):
    """The page's tapers are the console's."""
    for address, values in (("/ch/1/fader", (-144, -85, -52.5, -33.3, -12, 0, 7)), ("/ch/1/pan", (-1, 0.25)), ("/ch/1/eq/1/freq", (20, 440, 15000)), ("/ch/1/comp/ratio", (1, 4, 100))):
        before = console.ask(address)
        for value in values:
            console.send(address, float(value))
            wanted = console.ask(f"/norm{address}")
            got, back = page.value(
                "import('/assets/store.js').then(async ({ toNorm, fromNorm }) => { const meta = await window.headroom.about("
                f"{address!r}); const n = toNorm(meta, {value}); return [n, fromNorm(meta, n)]; }})")
            check(f"{address} {value} stands where the console has it", near(got, wanted, 1e-5) and near(back, value, 0.01 * abs(value) + 1e-3), f"{got:.4f}")
        console.send(address, before)


def curves(page):
    """What is drawn is the prototypes of analog filters, here with complex numbers."""
    def prototype(kind, f0, gain, q, f):
        a, s = 10 ** (gain / 40), 1j * f / f0
        d = s * s + s / q + 1
        r = math.sqrt(a) / q
        h = {"peak": (s * s + s * a / q + 1) / (s * s + s / (a * q) + 1),
             "lowshelf": a * (s * s + s * r + a) / (a * s * s + s * r + 1),
             "highshelf": a * (a * s * s + s * r + 1) / (s * s + s * r + a),
             "lowcut": s * s / d, "highcut": 1 / d, "bandpass": s / q / d, "notch": (s * s + 1) / d}[kind]
        return 20 * math.log10(abs(h))

    worst = 0
    for kind in ("peak", "lowshelf", "highshelf", "lowcut", "highcut", "bandpass", "notch"):
        for f0, gain, q in ((100, 6, 0.7), (1000, -12, 3), (8000, 18, 0.4)):
            for f in (30, 90, 700, 2500, 16000):
                got = page.value(f"import('/assets/response.js').then((r) => r.bandDb({kind!r}, {f0}, {gain}, {q}, {f}))")
                worst = max(worst, abs(got - prototype(kind, f0, gain, q, f)))
    check("bands are drawn as the prototypes are", worst < 1e-6, f"{worst:.1e} dB off at most")


def mix(http, osc):
    console = Osc(osc)
    with Chrome() as chrome:
        one = open_mixer(chrome, http)
        two = open_mixer(chrome, http)

        curves(one)
        travel(one, console)
        console.send("/ch/1/fader", 0.0)
        one.until("a change from elsewhere shows", f"document.querySelector(\"{KICK} .readout\").textContent === '0.0'")
        one.drag(f"{KICK} .fader .cap", 0, 60)
        level = agree(one, KICK, console, "/ch/1/fader")
        check("a dragged fader moves the console, and the page shows its value", level < -2, f"{level:.2f} dB")
        agree(two, KICK, console, "/ch/1/fader")
        check("the other browser agrees", True)

        before = console.ask("/ch/1/fader")
        one.drag(f"{KICK} .fader .cap", 0, 60, modifiers=8)
        after = agree(one, KICK, console, "/ch/1/fader")
        check("with Shift it moves finely", 0 < before - after < 4, f"{before:.2f} to {after:.2f} dB")

        time.sleep(0.5)
        one.press(f"{KICK} .fader .cap")
        one.press(f"{KICK} .fader .cap")
        check("a double tap is 0 dB", console.until("/ch/1/fader", lambda v: v == 0) == 0)

        one.press(f"{VOX} .mute")
        console.until("/ch/2/mute", lambda v: v == 1)
        two.until("a mute shows in the other browser", f"document.querySelector(\"{VOX} .mute\").getAttribute('aria-pressed') === 'true'")
        console.send("/ch/2/mute", 0.0)
        one.until("and goes when another opens it", f"document.querySelector(\"{VOX} .mute\").getAttribute('aria-pressed') === 'false'")
        check("mutes agree", True)

        one.value(f"document.querySelector(\"{VOX} .fader\").focus()")
        console.send("/ch/2/fader", -10.0)
        one.until("the fader follows", f"document.querySelector(\"{VOX} .readout\").textContent === '−10.0'")
        one.key("ArrowUp")
        check("an arrow is half a dB", near(console.until("/ch/2/fader", lambda v: v != -10), -9.5, 1e-4))
        one.key("m")
        check("m mutes", console.until("/ch/2/mute", lambda v: v == 1) == 1)
        one.key("m")
        told = one.value(f"document.querySelector(\"{VOX} .fader\").getAttribute('aria-valuetext')")
        check("a reader of screens is told the level", told == "−9.5 dB", told)
        one.key("Enter", "\r")
        one.until("Enter opens a field", "document.querySelector('.typed')")
        one.value("document.querySelector('.typed').value = '-7.5 dB'")
        one.key("Enter", "\r")
        check("a typed value is taken", console.until("/ch/2/fader", lambda v: v == -7.5) == -7.5)

        # Two browsers pull at one fader at a time: in the end both show what the console holds.
        for k in range(3):
            one.drag(f"{KICK} .fader .cap", 0, 30)
            two.drag(f"{KICK} .fader .cap", 0, -20)
        levels = [agree(page, KICK, console, "/ch/1/fader") for page in (one, two, one)]
        level = levels[-1]
        check("two browsers at one fader agree", max(levels) - min(levels) < 0.2, f"{level:.2f} dB")

        # Sends on faders.
        one.press(".targets button[data-to='/bus/1']")
        one.until("sends are on the faders", "document.querySelector('.mixer.sending')")
        console.send("/ch/1/send/1/level", -20.0)
        one.until("the send shows", f"document.querySelector(\"{KICK} .fader:not(.unknown)\") && document.querySelector(\"{KICK} .readout\").textContent === '−20.0'")
        one.drag(f"{KICK} .fader .cap", 0, -40)
        check("a dragged send moves", console.until("/ch/1/send/1/level", lambda v: v > -20) > -20)

        # The equaliser.
        one.value("location.hash = 'strip/ch/1'")
        one.until("the equaliser is there", "document.querySelector('.eq .node.chosen')")
        one.until("its band stands where the console has it", "parseFloat(document.querySelector('.eq .node').style.transform.slice(10)) > 0")
        f0, g0 = console.ask("/ch/1/eq/1/freq"), console.ask("/ch/1/eq/1/gain")
        width, height = one.box(".eq .plot")[2:]
        one.drag(".eq .node", 100, -30)
        one.until("all is told", RESTS)
        freq, gain = console.ask("/ch/1/eq/1/freq"), console.ask("/ch/1/eq/1/gain")
        # The axis has three decades, the plot ±15 dB.
        wanted = f0 * 1000 ** (100 / width)
        check("a dragged band has the frequency under the finger", near(math.log(freq / wanted), 0, 0.02), f"{freq:.1f} Hz of {wanted:.1f}")
        check("and the gain", near(gain, g0 + 30 / height * 30, 0.3), f"{gain:.2f} dB")
        console.send("/ch/1/eq/1/gain", -6.0)
        one.until("the band follows another's hand", "document.querySelector('.eq .node').getAttribute('aria-valuetext').includes('−6.0 dB')")
        # Scenes: stored, looked at, recalled, taken back.
        one.value("location.hash = 'scenes'")
        one.until("the scenes show", "document.querySelector('.scenes li')")
        one.value("[...document.querySelectorAll('.card button')].find((b) => b.textContent === 'Store…').click()")
        one.until("a name is asked for", "document.querySelector('dialog input')")
        one.value("document.querySelector('dialog input').value = 'Verse'")
        one.key("Enter", "\r")
        one.until("the scene is in the list", "document.querySelector('.scenes .title')?.textContent === 'Verse'")
        stored = console.ask("/ch/2/fader")
        console.send("/ch/2/fader", -33.0)
        console.until("/ch/2/fader", lambda v: v == -33)
        one.press(".scenes .pick")
        one.until("a preview tells what a recall would change", "document.querySelector('.preview').textContent.includes('Vox · fader−33.0 dB')")
        one.press(".scenes .primary")
        check("a recall brings the scene back", console.until("/ch/2/fader", lambda v: v != -33) == stored, f"{stored} dB")
        one.value("[...document.querySelectorAll('.card button')].find((b) => b.textContent === 'Undo').click()")
        check("and is taken back", console.until("/ch/2/fader", lambda v: v != stored) == -33)

        for view in ("main", "scenes", "status", "setup", "mix"):
            one.value(f"location.hash = '{view}'")
            one.until(f"the view {view} shows", f"document.querySelector('#nav a[href=\"#{view}\"][aria-current]') && document.querySelector('.card, .strip')")
        one.value("location.hash = 'setup'")
        one.until("the page says who is on", "document.querySelectorAll('.clients td').length >= 6 && document.querySelector('.clients').textContent.includes('websocket')")
        layouts = one.value("Promise.all([...document.querySelectorAll('a[download]')].map(async (a) => (await fetch(a.href)).status))")
        check("and has layouts for tablets", layouts == [200, 200], layouts)
        one.value("location.hash = 'mix'")
        no_errors(one, two)

        # Several fingers, several faders.
        pad = open_mixer(chrome, http, width=1024, height=768, touch=True)
        console.send("/ch/1/fader", 0.0)
        console.send("/ch/2/fader", 0.0)
        both = " && ".join(f"document.querySelector(\"{s} .readout\").textContent === '0.0'" for s in (KICK, VOX))
        pad.until("both stand at 0", both)
        a, b = pad.box(f"{KICK} .fader .cap")[:2], pad.box(f"{VOX} .fader .cap")[:2]
        pad.touches("touchStart", [a])
        pad.touches("touchStart", [a, b])
        for k in range(1, 11):
            pad.touches("touchMove", [(a[0], a[1] + 6 * k), (b[0], b[1] + 10 * k)])
        low, lower = agree(pad, KICK, console, "/ch/1/fader"), agree(pad, VOX, console, "/ch/2/fader")
        check("two fingers move two faders", lower < low < 0, f"{low:.1f} and {lower:.1f} dB")
        # A finger rests on the first: what others send does not move it under the finger.
        console.send("/ch/1/fader", -40.0)
        console.send("/ch/2/mute", 1.0)
        pad.until("the page hears others meanwhile", f"document.querySelector(\"{VOX} .mute\").getAttribute('aria-pressed') === 'true'")
        check("a held fader stays under its finger", near(held_page(pad, f"{KICK} .readout"), low, 0.2), held_page(pad, f"{KICK} .readout"))
        pad.touches("touchEnd", [])
        check("and has the last word", near(console.until("/ch/1/fader", lambda v: v > -40), low, 0.2))
        console.send("/ch/2/mute", 0.0)
        no_errors(pad)


def link(http, osc):
    console = Osc(osc)
    cable = Cable(http)
    near_end = ("127.0.0.1", cable.port)
    is_up = "window.headroom.link.up"
    with Chrome() as chrome:
        page = open_mixer(chrome, near_end, touch=True, width=1024, height=768)
        console.send("/ch/1/fader", 0.0)
        console.send("/ch/2/fader", 0.0)
        page.until("faders stand at 0", f"document.querySelector(\"{KICK} .readout\").textContent === '0.0' && document.querySelector(\"{VOX} .readout\").textContent === '0.0'")

        cable.pull()
        page.until("the page says that it has no link", f"!{is_up} && !document.getElementById('banner').hidden")
        # A fader moved and let go early in the outage; another is still held at its end.
        a, b = page.box(f"{VOX} .fader .cap")[:2], page.box(f"{KICK} .fader .cap")[:2]
        page.touches("touchStart", [a])
        for k in range(1, 6):
            page.touches("touchMove", [(a[0], a[1] + 10 * k)])
        page.touches("touchEnd", [])
        let_go = time.monotonic()
        shown = held_page(page, f"{VOX} .readout")
        page.touches("touchStart", [b])
        for k in range(1, 6):
            page.touches("touchMove", [(b[0], b[1] + 8 * k)])
        held = held_page(page, f"{KICK} .readout")
        check("faders follow the hand without a link", shown < -3 and held < -3, f"{shown} and {held} dB")
        console.send("/ch/2/mute", 1.0)
        while time.monotonic() - let_go < 2.2:
            time.sleep(0.05)
        check("and do not snap back", held_page(page, f"{VOX} .readout") == shown)
        check("nothing reached the console", console.ask("/ch/1/fader") == 0 and console.ask("/ch/2/fader") == 0)
        cable.put_back()
        page.until("the link comes back", is_up)
        check("what is held is sent", near(console.until("/ch/1/fader", lambda v: v != 0), held, 0.06), f"{held} dB")
        page.until("what was let go long ago is not", f"document.querySelector(\"{VOX} .readout\").textContent === '0.0'")
        check("the console kept its own", console.ask("/ch/2/fader") == 0)
        page.until("what changed meanwhile shows", f"document.querySelector(\"{VOX} .mute\").getAttribute('aria-pressed') === 'true'")
        page.touches("touchEnd", [])
        check("a dropout is counted", page.value("window.headroom.link.dropouts") == 1)

        # Let go just before the link returns.
        cable.pull()
        page.until("the link is lost again", f"!{is_up}")
        a = page.box(f"{VOX} .fader .cap")[:2]
        page.touches("touchStart", [a])
        for k in range(1, 6):
            page.touches("touchMove", [(a[0], a[1] + 12 * k)])
        page.touches("touchEnd", [])
        shown = held_page(page, f"{VOX} .readout")
        page.value("window.headroom.link.tries = 0")
        cable.put_back()
        page.until("and back", is_up)
        check("a move let go a moment ago is sent", near(console.until("/ch/2/fader", lambda v: v != 0), shown, 0.06), f"{shown} dB")

        # A link that says nothing and does not end: a tablet out of reach.
        page.until("all is told", "window.headroom.link.pending.size === 0")
        cable.freeze()
        page.until("silence is noticed", f"!{is_up} && !document.getElementById('banner').hidden", 15)
        console.send("/ch/1/fader", -30.0)
        cable.put_back()
        page.until("it catches up", f"{is_up} && document.querySelector(\"{KICK} .readout\").textContent === '−30.0'")
        check("a frozen link is noticed, left and replaced", page.value("window.headroom.link.dropouts") == 3)
        no_errors(page)


def musician(http, osc, token, other):
    desk, own = Osc(osc, other), Osc(osc, token)
    with Chrome() as chrome:
        stranger = chrome.page(f"http://{http[0]}:{http[1]}/")
        stranger.until("without a token one is asked for it", "document.querySelector('input[type=password]')")
        check("and sees no strip", stranger.value("document.querySelectorAll('.strip').length") == 0)
        stranger.value(f"document.querySelector('input[type=password]').value = {token!r}")
        stranger.press("form .primary")
        stranger.until("the token opens the mix", READY)
        no_errors(stranger)

        phone = chrome.page(f"http://{http[0]}:{http[1]}/?token={token}", width=390, height=844, scale=2, touch=True)
        phone.until("a link with a token opens the mix", READY)
        phone.until("all faders are there", f"document.querySelector(\"{KICK} .fader:not(.unknown)\")")
        check("the token does not stay in the address", "token" not in phone.value("location.href"))
        words = phone.value("document.querySelector('#nav').textContent")
        check("the musician has one view and the page's own", "My mix" in words and not any(w in words for w in ("Strip", "Scenes", "Main", "Status")), words)
        bases = phone.value("[...document.querySelectorAll('.strip')].map((s) => s.dataset.base)")
        check("the channels and the own master", bases == ["/ch/1", "/ch/2", "/bus/1"], bases)
        known = phone.value("[...window.headroom.store.values.keys()].filter((a) => /^.(ch|bus|main|dca)/.test(a))")
        alien = [a for a in known if "/send/2" in a or a.startswith("/bus/2") or a.startswith("/main") or a.endswith("/fader") and a.startswith("/ch")]
        check("and knows of nothing else", not alien, alien or f"{len(known)} addresses")

        a = phone.box(f"{KICK} .fader .cap")[:2]
        before = desk.ask("/ch/1/send/1/level")
        phone.touches("touchStart", [a])
        for k in range(1, 6):
            phone.touches("touchMove", [(a[0], a[1] - 20 * k)])
        phone.touches("touchEnd", [])
        level = desk.until("/ch/1/send/1/level", lambda v: v != before)
        check("a send of the own mix moves", level > before, f"{level:.1f} dB")
        check("which is the musician's own", near(own.ask("/ch/1/send/1/level"), level, 1e-6))
        phone.value("window.headroom.link.set('/ch/1/fader', -60)")
        phone.value("window.headroom.link.set('/main/fader', -60)")
        phone.until("all is told", RESTS)
        check("and the console takes no more from this page", desk.ask("/ch/1/fader") == 0 and desk.ask("/main/fader") == 0)
        desk.send("/ch/1/send/1/level", -20.0)
        phone.until("the desk's help shows", f"document.querySelector(\"{KICK} .readout\").textContent === '−20.0'")
        no_errors(phone)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("what", choices=["mix", "link", "musician"])
    arguments.add_argument("--http", required=True)
    arguments.add_argument("--osc", required=True)
    arguments.add_argument("--token")
    arguments.add_argument("--other")
    given = arguments.parse_args()

    def place(text):
        host, port = text.rsplit(":", 1)
        return host, int(port)

    http, osc = place(given.http), place(given.osc)
    if given.what == "mix":
        mix(http, osc)
    elif given.what == "link":
        link(http, osc)
    else:
        musician(http, osc, given.token, given.other)


if __name__ == "__main__":
    main()
