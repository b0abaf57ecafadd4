"""Drive a real Chromium in tests, over the DevTools protocol on loopback.

A test learns which addresses a page requests, what its console prints, the value of a script, and how it looks.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
         "--hide-scrollbars", "--remote-debugging-port=0")  # fmt: skip
KEY_CODES = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
CTRL = 2
TIMEOUT_SECONDS = 30.0
HEIGHT = 844


def find_chromium() -> str | None:
    """Return the path of a Chromium, None where none is installed."""
    return next((path for name in NAMES if (path := shutil.which(name)) is not None), None)


def skip_without_chromium() -> None:
    """Skip the test where no Chromium is installed."""
    if find_chromium() is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium), so no page can be opened")


@dataclass
class Observation:
    """What happened in a page: addresses it requested, console messages, the value of a script, a PNG."""

    requests: list[str]
    messages: list[str]
    value: Any = None
    screenshot: bytes = b""


@dataclass(frozen=True)
class View:
    """A page to open: its file, its width in CSS pixels, light or dark, and a script to evaluate in it."""

    page: Path
    width: int = 390
    dark: bool = False
    script: str = "null"
    screenshot: bool = False


def open_views(views: Sequence[View]) -> list[Observation]:
    """Open every view in one Chromium, which reaches no other host, and return the observations in order."""
    return asyncio.run(_open_views(views))


def drive_page(
    address: str, actions: Callable[[Page], Awaitable[None]], *, width: int = 390, dark: bool = False
) -> Observation:
    """Open an address on loopback, run `actions` on the page, and return what was observed until their end."""
    return asyncio.run(_drive_page(address, actions, width, dark))


@dataclass
class Page:
    """An open page, with the actions of a user."""

    connection: _Connection
    session: str

    async def press(self, key: str, *, ctrl: bool = False) -> None:
        """Press and release one key, such as `k`, `Enter` or `ArrowDown`."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 and not ctrl else "")
        event = {"key": key, "modifiers": CTRL if ctrl else 0, "windowsVirtualKeyCode": KEY_CODES.get(key, 0)}
        await self.connection.call("Input.dispatchKeyEvent", self.session, type="keyDown", text=text, **event)
        await self.connection.call("Input.dispatchKeyEvent", self.session, type="keyUp", **event)

    async def write(self, text: str) -> None:
        """Type a text into the focused element."""
        for key in text:
            await self.press(key)

    async def click(self, selector: str) -> None:
        """Click in the middle of an element."""
        box = f"document.querySelector('{selector}').getBoundingClientRect()"
        x, y = await self.value(f"(box => [box.x + box.width / 2, box.y + box.height / 2])({box})")
        for kind in ("mousePressed", "mouseReleased"):
            await self.connection.call(
                "Input.dispatchMouseEvent", self.session, type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def value(self, script: str) -> Any:
        """Return the value of a script."""
        return await _evaluate(self.connection, self.session, script)

    async def wait_until(self, script: str) -> None:
        """Wait until the value of a script is true."""
        deadline = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
        while not await self.value(script):
            assert asyncio.get_running_loop().time() < deadline, f"never true: {script}"
            await asyncio.sleep(0.01)

    async def screenshot(self) -> bytes:
        """Return the visible part of the page as a PNG."""
        return base64.b64decode((await self.connection.call("Page.captureScreenshot", self.session))["data"])


class _Connection:
    """A DevTools connection: calls with their results, and the events received meanwhile."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    async def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_json(message if session is None else {**message, "sessionId": session})
        while True:
            response = await self._socket.receive_json(timeout=TIMEOUT_SECONDS)
            if response.get("id") == number:
                assert "error" not in response, f"{method}: {response['error']}"
                return dict(response["result"])
            self.events.append(response)

    async def wait_for_event(self, method: str) -> None:
        while all(event.get("method") != method for event in self.events):
            self.events.append(await self._socket.receive_json(timeout=TIMEOUT_SECONDS))

    async def close_browser(self) -> None:
        await self._socket.send_json({"id": 0, "method": "Browser.close"})


async def _open_views(views: Sequence[View]) -> list[Observation]:
    async with _browser() as connection:
        session = await _open_tab(connection)
        observations = [await _observe_view(connection, session, view) for view in views]
        await connection.close_browser()
        return observations


async def _drive_page(address: str, actions: Callable[[Page], Awaitable[None]], width: int, dark: bool) -> Observation:
    async with _browser() as connection:
        session = await _open_tab(connection)
        await _set_size(connection, session, width, dark)
        await _navigate(connection, session, address)
        await actions(Page(connection, session))
        observation = _observation(connection.events, address)
        await connection.close_browser()
        return observation


@asynccontextmanager
async def _browser() -> AsyncIterator[_Connection]:
    """Start a Chromium with a fresh profile and connect to it; it has to be closed over the connection."""
    path = find_chromium()
    assert path is not None
    with tempfile.TemporaryDirectory(prefix="textsynth-chromium-", ignore_cleanup_errors=True) as profile:
        # no names are looked up and only loopback is reached, whatever a page requests
        flags = [
            *FLAGS,
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={profile}",
            "about:blank",
        ]
        env = {**os.environ, "HOME": profile}
        process = subprocess.Popen([path, *flags], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=env)
        try:
            assert process.stderr is not None
            address = await asyncio.wait_for(asyncio.to_thread(_devtools_address, process.stderr), TIMEOUT_SECONDS)
            async with aiohttp.ClientSession() as http, http.ws_connect(address, max_msg_size=0) as socket:
                yield _Connection(socket)
            await asyncio.to_thread(process.wait, TIMEOUT_SECONDS)
        finally:
            process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()


def _devtools_address(stderr: Any) -> str:
    lines = []
    for line in stderr:
        lines.append(line.decode(errors="replace"))
        if "DevTools listening on " in lines[-1]:
            return str(lines[-1].split("DevTools listening on ")[1].strip())
    raise AssertionError(f"Chromium did not start: {''.join(lines)}")


async def _open_tab(connection: _Connection) -> str:
    target = (await connection.call("Target.createTarget", url="about:blank"))["targetId"]
    session = str((await connection.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"])
    for domain in ("Page", "Network", "Log", "Runtime"):
        await connection.call(f"{domain}.enable", session)
    return session


async def _set_size(connection: _Connection, session: str, width: int, dark: bool) -> None:
    size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width < 600}
    await connection.call("Emulation.setDeviceMetricsOverride", session, **size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    await connection.call("Emulation.setEmulatedMedia", session, features=[scheme])


async def _navigate(connection: _Connection, session: str, address: str) -> None:
    connection.events.clear()
    await connection.call("Page.navigate", session, url=address)
    await connection.wait_for_event("Page.loadEventFired")


async def _evaluate(connection: _Connection, session: str, script: str) -> Any:
    result = await connection.call(
        "Runtime.evaluate", session, expression=script, returnByValue=True, awaitPromise=True
    )
    assert "exceptionDetails" not in result, result["exceptionDetails"]
    return result["result"].get("value")


async def _observe_view(connection: _Connection, session: str, view: View) -> Observation:
    address = view.page.resolve().as_uri()
    await _set_size(connection, session, view.width, view.dark)
    await _navigate(connection, session, address)
    # a pause in which anything that the page starts after loading would run
    await _evaluate(connection, session, "new Promise(done => setTimeout(done, 50))")
    observation = _observation(connection.events, address)
    observation.value = await _evaluate(connection, session, view.script)
    if view.screenshot:
        image = await connection.call("Page.captureScreenshot", session, captureBeyondViewport=True)
        observation.screenshot = base64.b64decode(image["data"])
    return observation


def _observation(events: Sequence[dict[str, Any]], own_address: str) -> Observation:
    requests, messages = [], []
    for event in events:
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                requests.append(params["request"]["url"])
            case "Log.entryAdded":
                messages.append(params["entry"]["text"])
            case "Runtime.consoleAPICalled":
                messages.append(str(params["args"]))
            case "Runtime.exceptionThrown":
                messages.append(params["exceptionDetails"]["text"])
    return Observation([address for address in requests if address != own_address], messages)
