"""Chromium without a window, driven over its debugging pipe; nothing but Python's own library."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE = 20.0
NAMES = ("chromium", "chromium-browser", "google-chrome")


def program():
    """The browser, or None."""
    return next((found for found in map(shutil.which, NAMES) if found), None)


class Chrome:
    """One browser; `with Chrome() as chrome:` ends it."""

    def __enter__(self):
        self.home = tempfile.mkdtemp(prefix="headroom-chromium-")
        to_read, self.writes = os.pipe()
        self.reads, to_write = os.pipe()

        def wire():
            # The browser reads at 3 and writes at 4; both may be taken by the pipes themselves.
            low, high = os.dup(to_read), os.dup(to_write)
            os.dup2(low, 3)
            os.dup2(high, 4)

        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
                 "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows",
                 "--disable-renderer-backgrounding", "--hide-scrollbars", "--user-data-dir=" + self.home]
        self.process = subprocess.Popen([program(), *flags, "about:blank"], preexec_fn=wire, close_fds=False,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(to_read)
        os.close(to_write)
        self.buffer, self.last, self.events = b"", 0, []
        return self

    def __exit__(self, *_):
        try:
            self.command("Browser.close")
            self.process.wait(5)
        except Exception:
            self.process.kill()
            self.process.wait()
        os.close(self.writes)
        os.close(self.reads)
        shutil.rmtree(self.home, ignore_errors=True)

    def command(self, method, session=None, **parameters):
        """Sends a command and waits for its answer; events on the way are kept."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.writes, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while True:
            heard = self.hear(until - time.monotonic())
            if heard is None:
                raise TimeoutError(f"{method} was not answered")
            if heard.get("id") == self.last:
                if "error" in heard:
                    raise RuntimeError(f"{method}: {heard['error']['message']}")
                return heard["result"]
            self.events.append(heard)

    def hear(self, patience):
        """The next message, or None."""
        while b"\0" not in self.buffer:
            if not select.select([self.reads], [], [], max(0.0, patience))[0]:
                return None
            more = os.read(self.reads, 1 << 20)
            if not more:
                raise EOFError("the browser has ended")
            self.buffer += more
        one, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(one)

    def page(self, url, width=1280, height=800, scale=1, touch=False):
        """A page in a profile of its own, as another person's browser."""
        context = self.command("Target.createBrowserContext")["browserContextId"]
        target = self.command("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        page.command("Page.enable")
        page.command("Runtime.enable")
        page.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=touch)
        # The page believes that somebody looks at it, whichever page is in front.
        page.command("Emulation.setFocusEmulationEnabled", enabled=True)
        if touch:
            page.command("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
        page.command("Page.navigate", url=url)
        return page


class Page:
    """One page: what a person sees and does."""

    def __init__(self, chrome, session):
        self.chrome, self.session = chrome, session

    def command(self, method, **parameters):
        return self.chrome.command(method, self.session, **parameters)

    def value(self, expression):
        """What an expression is in the page."""
        answer = self.command("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def until(self, what, expression, patience=PATIENCE):
        """Waits for an expression to be true; says what was awaited when it is not."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            try:
                if self.value(f"!!({expression})"):
                    return
            except RuntimeError:
                pass  # Between two documents there is nothing to ask.
            time.sleep(0.02)
        raise AssertionError(f"not within {patience} s: {what}")

    def text(self, selector):
        return self.value(f"document.querySelector({json.dumps(selector)})?.textContent ?? null")

    def box(self, selector):
        """Middle and size of an element."""
        x, y, w, h = self.value(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            "return [b.left, b.top, b.width, b.height]; })()")
        return x + w / 2, y + h / 2, w, h

    def mouse(self, kind, x, y, modifiers=0):
        self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", modifiers=modifiers,
                     buttons=0 if kind == "mouseReleased" else 1, clickCount=1)

    def press(self, selector):
        x, y, _, _ = self.box(selector)
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def drag(self, selector, dx, dy, modifiers=0):
        """Drags the middle of an element."""
        x, y, _, _ = self.box(selector)
        self.mouse("mousePressed", x, y, modifiers)
        for k in range(1, 11):
            self.mouse("mouseMoved", x + dx * k / 10, y + dy * k / 10, modifiers)
        self.mouse("mouseReleased", x + dx, y + dy, modifiers)
        self.settle()

    def settle(self):
        """Waits until the page has seen what was done, and drawn it."""
        self.value("new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(() => seen(true))))")

    def touches(self, kind, points):
        """`kind` with fingers at `points`, each `(x, y)`."""
        self.command("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)])
        self.settle()

    def key(self, key, text=None):
        code = {"m": "KeyM", "s": "KeyS"}.get(key, key)
        self.command("Input.dispatchKeyEvent", type="keyDown", key=key, code=code, **({"text": text} if text else {}))
        self.command("Input.dispatchKeyEvent", type="keyUp", key=key, code=code)

    def errors(self):
        """Exceptions that nobody caught."""
        thrown = [e["params"]["exceptionDetails"] for e in self.chrome.events
                  if e.get("sessionId") == self.session and e["method"] == "Runtime.exceptionThrown"]
        return [t.get("exception", {}).get("description") or t["text"] for t in thrown]

    def picture(self, path, **how):
        data = self.command("Page.captureScreenshot", **({"format": "png"} | how))["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
