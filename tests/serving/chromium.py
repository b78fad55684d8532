"""A headless Chromium, driven over its DevTools protocol: enough of it to use a page as a person would."""

import base64
import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from httpx_ws import WebSocketSession, connect_ws

from tests.waiting import until

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WITHIN_S = 30
MESSAGE_BYTES = 64 << 20
KEY_CODES = {"Backspace": 8, "Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowRight": 39, "Delete": 46}
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--window-size=900,1000"),
)


class Page:
    """One tab. `errors` are what the page threw, logged as an error, or was refused."""

    def __init__(self, socket: WebSocketSession, tabs: str) -> None:
        self._socket, self._tabs = socket, tabs
        self._next = 0
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log", "DOM", "Accessibility"):
            self.call(f"{domain}.enable")

    @property
    def errors(self) -> list[str]:
        entries = [e["params"]["entry"] for e in self.events if e["method"] == "Log.entryAdded"]
        thrown = [str(e["params"]) for e in self.events if e["method"] == "Runtime.exceptionThrown"]
        return thrown + [entry["text"] for entry in entries if entry["level"] == "error"]

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._next += 1
        self._socket.send_text(json.dumps({"id": self._next, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.receive_text(WITHIN_S))
            if message.get("id") == self._next:
                assert "error" not in message, (method, message)
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Return the value of an expression once it is true."""
        return until(lambda: self.evaluate(expression), lambda: f"never true: {expression}; errors: {self.errors}")

    def open(self, address: str) -> None:
        """Go to an address and wait until it is there."""
        self.call("Page.navigate", url=address)
        self.wait_for(f"location.href === {address!r} && document.readyState === 'complete'")

    def choose_files(self, selector: str, *paths: Path) -> None:
        """Give files to an input, as its dialog would."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=list(map(str, paths)), nodeId=node)

    def press(self, key: str, shift: bool = False) -> None:
        """Press and release a key: a character, or one with a name such as Tab or Enter."""
        code = KEY_CODES[key] if len(key) > 1 else ord(key.upper())
        text = {"text": "\r" if key == "Enter" else key} if key == "Enter" or len(key) == 1 else {}
        keys = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 * shift} | (
            {} if len(key) == 1 else {"code": key}
        )
        self.call("Input.dispatchKeyEvent", type="keyDown", **keys, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **keys)

    @contextmanager
    def another_tab(self) -> Iterator["Page"]:
        """Open a second tab beside this one and yield it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        with connect_ws(f"{self._tabs}/{target}", max_message_size_bytes=MESSAGE_BYTES) as socket:
            yield Page(socket, self._tabs)
        self.call("Target.closeTarget", targetId=target)

    def screenshot(self, path: Path) -> None:
        """Write what is to be seen to a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """Start Chromium with a profile of its own and yield its one tab."""
    command = [str(CHROMIUM), *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
    with (profile / "chromium.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        port = _debugging_port(process, profile)
        (tab,) = [t for t in httpx.get(f"http://127.0.0.1:{port}/json/list").json() if t["type"] == "page"]
        address: str = tab["webSocketDebuggerUrl"]
        with connect_ws(address, max_message_size_bytes=MESSAGE_BYTES) as socket:
            yield Page(socket, address.rpartition("/")[0])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(WITHIN_S)


def _debugging_port(process: "subprocess.Popen[bytes]", profile: Path) -> str:
    file = profile / "DevToolsActivePort"

    def port() -> str:
        assert process.poll() is None, (profile / "chromium.log").read_text()
        first, line_end, _ = (file.read_text() if file.exists() else "").partition("\n")
        return first if line_end else ""

    return until(port, lambda: "Chromium does not start")
