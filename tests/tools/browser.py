"""A real browser for tests: headless Chromium, spoken to through its own protocol on two pipes."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def installed() -> str | None:
    """The path of an installed Chromium, None without one."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One page in one browser process; a context manager."""

    def __init__(self, profile: Path, wide: int = 1400, tall: int = 900) -> None:
        read_end, self.output = os.pipe()
        self.input, write_end = os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (read_end, write_end)]
        self.count, self.buffer, self.events = 0, b"", []  # type: ignore[var-annotated]
        command = [
            str(installed()), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--no-first-run", "--remote-debugging-pipe", f"--user-data-dir={profile}",
            f"--window-size={wide},{tall}", "about:blank",
        ]  # fmt: skip

        def ends_in_place() -> None:
            """The protocol is spoken on the descriptors 3 and 4."""
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            command, pass_fds=(3, 4), preexec_fn=ends_in_place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for end in (read_end, write_end, *high):
            os.close(end)
        self.session = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *error: Any) -> None:
        self.process.terminate()
        self.process.wait(20)
        os.close(self.input)
        os.close(self.output)

    def send(self, method: str, **parameters: Any) -> Any:
        """Give an order and wait for its answer."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") != self.count:
                self.events.append(answer)
            elif "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            else:
                return answer["result"]

    def receive(self) -> Any:
        """The next message."""
        while b"\0" not in self.buffer:
            piece = os.read(self.input, 1 << 20)
            if not piece:
                raise RuntimeError("the browser ended")
            self.buffer += piece
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def run(self, program: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        found = self.send("Runtime.evaluate", expression=program, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    def open(self, path: Path | str, part: str = "", limit: float = 60) -> float:
        """Open a page of `tools.view`; return the seconds until it was ready, by its own clock."""
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=f"{Path(path).resolve().as_uri()}{part}")
        end = time.monotonic() + limit
        while time.monotonic() < end:
            state = self.run(
                "document.body ? [document.body.dataset.ready, document.body.dataset.failed] : [null, null]"
            )
            if state[1]:
                raise RuntimeError(state[1])
            if state[0]:
                return float(self.run("document.body.dataset.milliseconds")) / 1000
            time.sleep(0.02)
        raise TimeoutError(f"{path} was not ready after {limit} s")

    def click(self, x: float, y: float, times: int = 1) -> None:
        """Press and release the mouse at a point of the window, once or twice."""
        for count in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=count)

    def requests(self) -> list[str]:
        """Addresses that were asked for, other than files."""
        self.run("0")
        urls = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("file:", "about:", "data:", "blob:"))]

    def complaints(self) -> list[str]:
        """Errors and warnings on the console, and what the page did not catch."""
        found = []
        for event in self.events:
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(event["params"]["exceptionDetails"]))
            elif event.get("method") == "Runtime.consoleAPICalled" and event["params"]["type"] in ("error", "warning"):
                found.append(str(event["params"]["args"]))
            elif event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                found.append(event["params"]["entry"]["text"])
        return found
