"""The program, started for a script that looks at it."""

import os
import re
import subprocess
import tempfile
import time


class Program:
    """`headroom run RIG --rehearse`: a built-in source plays all inputs, nothing is heard. `with` ends it."""

    def __init__(self, rig):
        self.rig = rig

    def __enter__(self):
        self.home = tempfile.TemporaryDirectory(prefix="headroom-state-")
        binary = os.environ.get("HEADROOM_BIN", "target/release/headroom")
        self.log = open(os.path.join(self.home.name, "log"), "w+b")
        self.process = subprocess.Popen([binary, "run", self.rig, "--rehearse", "--backend", "internal", "--state", self.home.name],
                                        stdout=self.log, stderr=subprocess.STDOUT)
        self.osc = self._said(r"osc (\S+?):(\d+)")
        self.http = self._said(r"web mixer: http://([^:/]+):(\d+)")
        return self

    def _said(self, pattern):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with open(self.log.name, "rb") as log:
                text = log.read().decode(errors="replace")
            found = re.search(pattern, text)
            if found:
                return found[1], int(found[2])
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"headroom did not start:\n{text}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
        self.home.cleanup()
