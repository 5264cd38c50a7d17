#!/usr/bin/env python3
"""cost.py RIG [WIDTHxHEIGHT[#VIEW] …]   What a frame of the web mixer costs in a browser, by its own trace."""

import bisect
import os
import sys
import time

from chrome import Chrome
from program import Program

SECONDS = 6
SCRIPT = {"FireAnimationFrame", "FunctionCall", "TimerFire", "EvaluateScript", "RunMicrotasks", "EventDispatch", "MinorGC", "MajorGC", "V8.GC_SCAVENGER"}
LAYOUT = {"UpdateLayoutTree", "Layout"}


def trace(chrome):
    chrome.command("Tracing.start", transferMode="ReportEvents", traceConfig={"includedCategories": ["devtools.timeline", "toplevel", "v8", "disabled-by-default-v8.gc"]})
    time.sleep(SECONDS)
    chrome.events.clear()
    chrome.command("Tracing.end")
    events, heard = [], list(chrome.events)
    while True:
        for event in heard:
            if event["method"] == "Tracing.dataCollected":
                events += event["params"]["value"]
        if any(event["method"] == "Tracing.tracingComplete" for event in heard):
            return events
        heard = [chrome.hear(20)]


def frames(events):
    """Microseconds of script and layout of each frame, on the main thread that draws most."""
    mains = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain"}
    own = {key: [e for e in events if (e["pid"], e["tid"]) == key and e.get("ph") == "X"] for key in mains}
    busiest = max(own.values(), key=lambda all: sum(e["name"] == "FireAnimationFrame" for e in all))
    begins = []
    for begin in sorted(e["ts"] for e in busiest if e["name"] == "FireAnimationFrame"):
        # Callbacks of one frame follow one another at once.
        if not begins or begin - begins[-1] > 3000:
            begins.append(begin)
    spans, cost = [], [0] * len(begins)
    for a, b in sorted((e["ts"], e["ts"] + e.get("dur", 0)) for e in busiest if e["name"] in SCRIPT | LAYOUT):
        if spans and a <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], b)
        else:
            spans.append([a, b])
    for a, b in spans:
        frame = bisect.bisect_right(begins, a) - 1
        if frame >= 0:
            cost[frame] += b - a
    return sorted(cost[:-1])


def main(rig, views):
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../server/web")
    weight = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    print(f"page: {weight / 1000:.0f} kB in {len(os.listdir(folder))} files")
    with Program(rig) as program, Chrome() as chrome:
        for view in views:
            size, _, part = view.partition("#")
            width, height = map(int, size.split("x"))
            page = chrome.page(f"http://{program.http[0]}:{program.http[1]}/#{part or 'mix'}", width=width, height=height)
            page.until("the page shows", "window.headroom?.link.up && document.querySelector('.fader:not(.unknown)')")
            paint = page.value("Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime)")
            time.sleep(1)
            strips = page.value("document.querySelectorAll('.strip').length")
            cost = frames(trace(chrome))
            at = lambda share: cost[int(len(cost) * share)] / 1000
            print(f"{view}: {strips} strips, first paint {paint} ms, {len(cost) / SECONDS:.0f} frames/s; script and layout of a frame: "
                  f"median {at(0.5):.2f} ms, 95 % {at(0.95):.2f} ms, 99 % {at(0.99):.2f} ms, longest {cost[-1] / 1000:.2f} ms")
            page.command("Page.close")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or ["5000x900", "1920x1080", "1280x800#strip/ch/1"])
