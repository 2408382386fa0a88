"""A headless Chromium for tests of pages, spoken to in its DevTools protocol over two pipes.

Chromium alone is needed, no driver of its version and no library: `--remote-debugging-pipe` reads commands from file
descriptor 3 and answers on 4, JSON messages that end with a zero byte (chromedevtools.github.io/devtools-protocol).

    def test_a_page(browser, tmp_path):
        page = browser.open(tmp_path / "index.html", width=390, dark=True)
        page.click("button.play")
        page.wait_for("document.querySelector('audio').currentTime > 0")
        assert page.problems == [] and page.network_requests == []

`browser` is a fixture of `conftest.py`; tests that use it are skipped where Chromium is absent.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60.0  # seconds for one answer; a machine that trains beside the tests is slow
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # tests may run as root, in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser:
    """One process of Chromium with a profile of its own; `open` gives a tab."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        command_read, self._commands = os.pipe()
        self._answers, answer_write = os.pipe()
        # The shell puts the pipes where Chromium looks for them. Until then they are above 9, where none stands in the
        # other's way; bash, because other shells know descriptors of one digit alone.
        read, write = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (command_read, answer_write))
        redirected = f'exec "$@" 3<&{read} 4>&{write} {read}<&- {write}>&-'
        self._process = subprocess.Popen(
            ["bash", "-c", redirected, "bash", CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(read, write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (command_read, answer_write, read, write):
            os.close(end)
        self._received = b""
        self._last_id = 0
        self._pages: dict[str, Page] = {}

    def open(self, page: Path | str, *, width: int = 1200, height: int = 900, dark: bool = False) -> "Page":
        """A new tab with a file (or address) loaded, as wide as a phone or a screen, light or dark."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = self._pages[session] = Page(self, session, target)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.call(f"{domain}.enable")
        tab.resize(width, height)
        tab.colour_scheme("dark" if dark else "light")
        tab.load(page)
        return tab

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; what happens meanwhile goes to the tabs."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        waiting = json.dumps(message).encode() + b"\0"
        while waiting:
            waiting = waiting[os.write(self._commands, waiting) :]
        while True:
            answer = self.next_message(PATIENCE)
            assert answer is not None, f"{method}: no answer in {PATIENCE:g} s"
            if answer.get("id") == self._last_id:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def next_message(self, seconds: float) -> dict[str, Any] | None:
        """The next answer or event, which its tab notes; None where there is none in time."""
        end = time.monotonic() + seconds
        while b"\0" not in self._received:
            if not select.select([self._answers], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            piece = os.read(self._answers, 1 << 20)
            assert piece, "Chromium has gone"
            self._received += piece
        text, self._received = self._received.split(b"\0", 1)
        message = json.loads(text)
        if "method" in message and message.get("sessionId") in self._pages:
            self._pages[message["sessionId"]].note(message["method"], message["params"])
        return message

    def close(self) -> None:
        """End the process."""
        try:
            self.call("Browser.close")
            self._process.wait(PATIENCE)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._commands)
        os.close(self._answers)


class Page:
    """A tab. `problems` are exceptions and console messages of level error; `requests` the addresses it asked for."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self.browser, self.session, self.target = browser, session, target
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._loaded = False

    @property
    def network_requests(self) -> list[str]:
        """The addresses that are neither files nor held in the page itself."""
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:", "about:"))]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol to this tab."""
        return self.browser.call(method, self.session, **params)

    def load(self, page: Path | str) -> None:
        """Go to a file or address, and wait until it is loaded."""
        address = Path(page).resolve().as_uri() if isinstance(page, Path) else page
        self._wait_for_load("Page.navigate", url=address)

    def reload(self) -> None:
        """As the user's button does; what the page stores stays."""
        self._wait_for_load("Page.reload")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, waited for where it is a promise; what it throws fails the test."""
        result = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in result, json.dumps(result["exceptionDetails"], indent=2)
        return result["result"].get("value")

    def wait_for(self, expression: str, seconds: float = PATIENCE) -> Any:
        """The value of the expression once it is true."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < end, f"not true in {seconds:g} s: {expression}"
            self.browser.next_message(0.05)
        return value

    def click(self, selector: str) -> None:
        """Click the first element of a CSS selector, in its middle, with the mouse."""
        found = self.evaluate(
            f"(() => {{const e = document.querySelector({json.dumps(selector)}); if (!e) return null;"
            "e.scrollIntoView({block: 'center', behavior: 'instant'}); const r = e.getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]})()"
        )
        assert found is not None, f"nothing to click: {selector}"
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=found[0], y=found[1], button="left", clickCount=1)

    def key(self, key: str) -> None:
        """Press and release a key by its name, such as `Tab`, `Enter`, ` `, `ArrowRight` or a letter."""
        code = {"Enter": 13, "Tab": 9, " ": 32, "Escape": 27, "End": 35, "Home": 36}.get(key)
        code = code or {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}.get(key, ord(key[0].upper()))
        place = f"Digit{key}" if key.isdecimal() else f"Key{key.upper()}" if key.isalpha() and len(key) == 1 else key
        place = "Space" if key == " " else place
        text = {"text": "\r" if key == "Enter" else key} if key == "Enter" or len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=place, windowsVirtualKeyCode=code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=place, windowsVirtualKeyCode=code)

    def resize(self, width: int, height: int) -> None:
        """Set the size of the window in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def colour_scheme(self, scheme: str, *, media: str = "") -> None:
        """What `prefers-color-scheme` answers, `light` or `dark`; `media="print"` shows the page as printed."""
        self.call(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )

    def screenshot(self, path: Path, *, full: bool = True) -> Path:
        """Write a PNG of the whole page, or of what is in the window."""
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=full)["data"]
        path.write_bytes(base64.b64decode(picture))
        return path

    def close(self) -> None:
        """Close the tab."""
        self.browser.call("Target.closeTarget", targetId=self.target)

    def note(self, method: str, params: dict[str, Any]) -> None:
        """Keep what an event tells."""
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.problems.append(" ".join(str(each.get("value", each.get("description"))) for each in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def _wait_for_load(self, method: str, **params: Any) -> None:
        self._loaded = False
        self.call(method, **params)
        end = time.monotonic() + PATIENCE
        while not self._loaded:
            assert self.browser.next_message(max(0.0, end - time.monotonic())), f"not loaded in {PATIENCE:g} s"
