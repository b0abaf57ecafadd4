"""A real Chromium for tests, driven over its own protocol on loopback: what a page asks for, says, and looks like."""

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
         "--hide-scrollbars", "--remote-debugging-port=0")  # fmt: skip
PATIENCE = 30.0


def found() -> str | None:
    """Return the path of a Chromium, None where the machine has none."""
    return next((path for name in NAMES if (path := shutil.which(name)) is not None), None)


@dataclass
class Sight:
    """What was seen of a page: addresses it asked for, what the console said, the answer of a script, a PNG."""

    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    answer: Any = None
    picture: bytes = b""


@dataclass(frozen=True)
class View:
    """A page to open, how wide in CSS pixels, light or dark, and a script whose value is the answer."""

    page: Path
    width: int = 390
    dark: bool = False
    script: str = "null"
    picture: bool = False


def look(views: Sequence[View]) -> list[Sight]:
    """Open every view in one Chromium that reaches no other host, and return what was seen, in order."""
    return asyncio.run(_look(views))


def drive(address: str, work: Callable[[Page], Awaitable[None]], *, width: int = 390, dark: bool = False) -> Sight:
    """Open an address on loopback, do with the page what `work` does, and return what was seen of it till the end."""
    return asyncio.run(_driven(address, work, width, dark))


async def _driven(address: str, work: Callable[[Page], Awaitable[None]], width: int, dark: bool) -> Sight:
    async with (
        _browser() as socket_address,
        aiohttp.ClientSession() as http,
        http.ws_connect(socket_address, max_msg_size=0) as socket,
    ):
        wire = _Wire(socket)
        session = await _tab(wire)
        await _sized(wire, session, width, dark)
        wire.heard.clear()
        await wire.ask("Page.navigate", session, url=address)
        await wire.hear("Page.loadEventFired")
        await work(Page(wire, session))
        sight = Sight(*_heard(wire.heard, address))
        await socket.send_json({"id": 0, "method": "Browser.close"})
        return sight


@dataclass
class Page:
    """An open page under a person's hands."""

    wire: _Wire
    session: str

    async def press(self, key: str, *, ctrl: bool = False) -> None:
        """Press one key, as `k`, `Enter` or `ArrowDown`, and let it go."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 and not ctrl else "")
        codes = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        told = {"key": key, "modifiers": 2 if ctrl else 0, "windowsVirtualKeyCode": codes.get(key, 0)}
        await self.wire.ask("Input.dispatchKeyEvent", self.session, type="keyDown", text=text, **told)
        await self.wire.ask("Input.dispatchKeyEvent", self.session, type="keyUp", **told)

    async def write(self, text: str) -> None:
        """Type a text where the focus is."""
        for key in text:
            await self.press(key)

    async def click(self, selector: str) -> None:
        """Click in the middle of an element."""
        told = f"(one => [one.x + one.width / 2, one.y + one.height / 2])(document.querySelector('{selector}')"
        x, y = await self.value(f"{told}.getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            await self.wire.ask(
                "Input.dispatchMouseEvent", self.session, type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def value(self, script: str) -> Any:
        """Return the value of a script."""
        answer = await self.wire.ask(
            "Runtime.evaluate", self.session, expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until the value of a script is true."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not await self.value(script):
            assert asyncio.get_running_loop().time() < deadline, f"never true: {script}"
            await asyncio.sleep(0.01)

    async def picture(self) -> bytes:
        """Return what is seen now, as a PNG."""
        return base64.b64decode((await self.wire.ask("Page.captureScreenshot", self.session))["data"])


async def _look(views: Sequence[View]) -> list[Sight]:
    async with (
        _browser() as address,
        aiohttp.ClientSession() as http,
        http.ws_connect(address, max_msg_size=0) as socket,
    ):
        wire = _Wire(socket)
        session = await _tab(wire)
        sights = [await _seen(wire, session, view) for view in views]
        await socket.send_json({"id": 0, "method": "Browser.close"})
        return sights


@asynccontextmanager
async def _browser() -> AsyncIterator[str]:
    path = found()
    assert path is not None
    with tempfile.TemporaryDirectory(prefix="textsynth-chromium-", ignore_cleanup_errors=True) as profile:
        # names are not looked up and nothing but loopback is reached, whatever a page asks for
        flags = [
            *FLAGS,
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={profile}",
            "about:blank",
        ]
        home = {**os.environ, "HOME": profile}
        process = subprocess.Popen([path, *flags], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=home)
        try:
            assert process.stderr is not None
            yield await asyncio.wait_for(asyncio.to_thread(_address, process.stderr), PATIENCE)
            await asyncio.to_thread(process.wait, PATIENCE)
        finally:
            process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()


def _address(stderr: Any) -> str:
    said = []
    for line in stderr:
        said.append(line.decode(errors="replace"))
        if "DevTools listening on " in said[-1]:
            return str(said[-1].split("DevTools listening on ")[1].strip())
    raise AssertionError(f"Chromium did not start: {''.join(said)}")


class _Wire:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.heard: list[dict[str, Any]] = []

    async def ask(self, method: str, session: str | None = None, **given: Any) -> dict[str, Any]:
        number = next(self._ids)
        told = {"id": number, "method": method, "params": given}
        await self._socket.send_json(told if session is None else {**told, "sessionId": session})
        while True:
            answer = await self._socket.receive_json(timeout=PATIENCE)
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            self.heard.append(answer)

    async def hear(self, method: str) -> None:
        while all(one.get("method") != method for one in self.heard):
            self.heard.append(await self._socket.receive_json(timeout=PATIENCE))


async def _tab(wire: _Wire) -> str:
    target = (await wire.ask("Target.createTarget", url="about:blank"))["targetId"]
    session = str((await wire.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"])
    for domain in ("Page", "Network", "Log", "Runtime"):
        await wire.ask(f"{domain}.enable", session)
    return session


async def _sized(wire: _Wire, session: str, width: int, dark: bool) -> None:
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    await wire.ask("Emulation.setDeviceMetricsOverride", session, **size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    await wire.ask("Emulation.setEmulatedMedia", session, features=[scheme])


async def _seen(wire: _Wire, session: str, view: View) -> Sight:
    await _sized(wire, session, view.width, view.dark)
    wire.heard.clear()
    await wire.ask("Page.navigate", session, url=view.page.resolve().as_uri())
    await wire.hear("Page.loadEventFired")
    # a turn of the event loop, in which what a page started on load would run
    await wire.ask(
        "Runtime.evaluate", session, expression="new Promise(done => setTimeout(done, 50))", awaitPromise=True
    )
    sight = Sight(*_heard(wire.heard, view.page.resolve().as_uri()))
    answer = await wire.ask("Runtime.evaluate", session, expression=view.script, returnByValue=True, awaitPromise=True)
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    sight.answer = answer["result"].get("value")
    if view.picture:
        shot = await wire.ask("Page.captureScreenshot", session, captureBeyondViewport=True)
        sight.picture = base64.b64decode(shot["data"])
    return sight


def _heard(events: Sequence[dict[str, Any]], own: str) -> tuple[list[str], list[str]]:
    asked, said = [], []
    for event in events:
        told = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                asked.append(told["request"]["url"])
            case "Log.entryAdded":
                said.append(told["entry"]["text"])
            case "Runtime.consoleAPICalled":
                said.append(str(told["args"]))
            case "Runtime.exceptionThrown":
                said.append(told["exceptionDetails"]["text"])
    return [address for address in asked if address != own], said
