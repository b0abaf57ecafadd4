"""The server of the review page: on loopback, and only for who has the token that its address holds.

Every request brings the token in its path. The Host header is checked, so that a page of another site cannot reach the
server under a name of its own that leads here (DNS rebinding); what changes something is JSON, which no form of another
site can send. The page may load nothing from elsewhere and run no script but its own.

A browser is started with a ticket instead, as others may read the command line of a process: it opens the page once.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textsynth.core.errors import RunError, TextSynthError, UsageError
from textsynth.review.session import ReviewSession

if TYPE_CHECKING:
    from aiohttp import web

HOST = "127.0.0.1"
LARGEST = 1 << 16
FILES = {
    "": ("page.html", "text/html"),
    "page.js": ("page.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src "
    "data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
NO_TOKEN = "this address lacks the token: open the one that `textsynth review` has printed\n"


async def serve(
    sitting: ReviewSession, *, port: int | None, ready: Callable[[str, str], None], stop: asyncio.Event
) -> None:
    """Serve the sitting's page until `stop` is set.

    When it can be opened, `ready` is told its address, and one that leads there once. `port` None takes a free one.
    Raises UsageError for a port that cannot be had.
    """
    from aiohttp import web

    token, ticket = (secrets.token_urlsafe(24) for _ in range(2))
    runner = web.AppRunner(make_app(sitting, token, ticket), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port or 0)
        try:
            await site.start()
        except OSError as fault:
            told = "is taken" if fault.errno == errno.EADDRINUSE else f"cannot be had: {os.strerror(fault.errno or 0)}"
            raise UsageError(f"port {port} {told}; without --port a free one is used") from fault
        root = f"http://{HOST}:{runner.addresses[0][1]}"
        ready(f"{root}/{token}/", f"{root}/{ticket}/")
        await stop.wait()
    finally:
        await runner.cleanup()


def make_app(sitting: ReviewSession, token: str, ticket: str) -> web.Application:
    """Return the application: the page and its files, `state`, `text/ID`, and `decide`, all under the token.

    `ticket` in its place leads to the page, the first time that somebody comes with it.
    """
    from aiohttp import web

    async def file(request: web.Request) -> web.Response:
        name, kind = FILES[request.match_info.get("name", "")]
        return web.Response(text=_read(name), content_type=kind, charset="utf-8")

    async def state(request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(sitting.state))

    async def text(request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(sitting.entry, request.match_info["id"]))

    async def decide(request: web.Request) -> web.Response:
        told = await _asked(request)
        if told.get("decision") == "undo":
            return web.json_response(await asyncio.to_thread(sitting.undo))
        given = (str(told.get("id")), told.get("decision"), told.get("labels", ()))
        return web.json_response(await asyncio.to_thread(sitting.decide, *given))

    app = web.Application(middlewares=[_guard(token, ticket)], client_max_size=LARGEST)
    app.router.add_get("/{token}/{name:(page\\.js|page\\.css)?}", file)
    app.router.add_get("/{token}/state", state)
    app.router.add_get("/{token}/text/{id}", text)
    app.router.add_post("/{token}/decide", decide)
    return app


def _guard(token: str, ticket: str) -> Callable[..., Awaitable[web.StreamResponse]]:
    from aiohttp import web

    unused = {f"/{ticket}/"}

    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        refused = _refused(request, ticket if request.path in unused else token)
        if refused is not None:
            answer: web.StreamResponse = web.Response(status=403, text=refused)
        elif request.path in unused:
            unused.clear()
            answer = web.Response(status=303, headers={"Location": f"/{token}/"})
        else:
            try:
                answer = await handler(request)
            except web.HTTPException as fault:
                answer = web.Response(status=fault.status, text=f"{fault.reason}\n")
            except TextSynthError as fault:
                status = 500 if isinstance(fault, RunError) else 400
                answer = web.json_response({"error": str(fault)}, status=status)
        answer.headers.update(HEADERS)
        return answer

    return guard


def _refused(request: web.Request, token: str) -> str | None:
    """Return why a request is not answered, None where it is one of the page's own."""
    port = request.transport.get_extra_info("sockname")[1] if request.transport is not None else 0
    own = {f"{name}:{port}" for name in (HOST, "localhost")} | ({HOST, "localhost"} if port == 80 else set())
    if request.host.lower() not in own:
        return f"this server is asked for as {HOST}:{port} alone\n"
    given = request.path.split("/")[1]
    if not hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()):
        return NO_TOKEN
    if request.method == "POST":
        origin = request.headers.get("Origin")
        if origin is not None and origin.lower() not in {f"http://{one}" for one in own}:
            return "a page of another site may not decide here\n"
        if request.content_type != "application/json":
            return "a decision comes as JSON\n"
    return None


async def _asked(request: web.Request) -> dict[str, object]:
    try:
        told = await request.json()
    except (ValueError, RecursionError) as fault:
        raise UsageError("the decision is no JSON") from fault
    if not isinstance(told, dict):
        raise UsageError('a decision is {"id": …, "decision": …, "labels": […]}')
    return told


def _read(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
