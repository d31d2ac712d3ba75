"""The cockpit in a browser, on this machine.

Owns: a small web server around Textual's, and who may reach it. Never: another machine unless
somebody named a host, a font or script from elsewhere (R26). Strategy: every page starts a cockpit
process of its own; on loopback every account of this machine could knock, so the address printed
carries a secret, which becomes a cookie of this site alone; a page of another site can neither read
it nor open the socket.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from textual_serve.server import Server

from lfr_engine.errors import ConfigError, InputError

COOKIE = "lfr-cockpit"
_TEMPLATES = Path(__file__).with_name("pages")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class CockpitServer(Server):
    """Textual's server with a door.

    Args:
        command: What starts a cockpit.
        host: Where to listen.
        port: Which port; 0 for any free one.
        say: Told the address to open, once it can be opened.
    """

    def __init__(self, command: str, host: str, port: int, say: Callable[[str], None]) -> None:
        super().__init__(command, host, port, title="lfr", templates_path=_TEMPLATES)
        self._say = say
        self.secret = secrets.token_urlsafe(24)
        self._origins: frozenset[str] = frozenset()

    def initialize_logging(self) -> None:
        """Only what went wrong; Textual's would print local variables."""
        logging.basicConfig(level=logging.ERROR, format="lfr tui: %(message)s")

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing yet: nobody listens before the socket is bound."""

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._door)
        return app

    def address(self) -> str:
        """What to open in a browser."""
        return f"{self.public_url}/?key={self.secret}"

    async def listen(self) -> None:
        """Serve until cancelled.

        Raises:
            InputError: The address cannot be listened on.
        """
        runner = web.AppRunner(await self._make_app(), access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.host, self.port)
            try:
                await site.start()
            except OSError as error:
                raise InputError(
                    f"{self.host}:{self.port}", f"cannot be listened on: {error.strerror}"
                ) from error
            bound = runner.addresses[0][1]
            name = f"[{self.host}]" if ":" in self.host else self.host
            self.public_url = f"http://{name}:{bound}"
            names = {name, "127.0.0.1", "localhost", "[::1]"}
            self._origins = frozenset(f"{one}:{bound}" for one in names)
            self._say(f"Open {self.address()}")
            self._say("The address is a key: whoever has it acts as you. Ctrl-C ends.")
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    @web.middleware
    async def _door(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Known hosts only (no DNS rebinding), our own pages only, and the secret."""
        if request.host not in self._origins:
            raise web.HTTPForbidden(text="unknown host")
        origin = request.headers.get("Origin")
        if origin is not None and origin.removeprefix("http://") != request.host:
            raise web.HTTPForbidden(text="another site may not")
        key = request.query.get("key", "")
        if request.path == "/" and _same(key, self.secret):
            response = web.Response(status=302, headers={"Location": "/"})
            response.set_cookie(COOKIE, self.secret, httponly=True, samesite="Strict", path="/")
            return _safe(response)
        if not _same(request.cookies.get(COOKIE, ""), self.secret):
            raise web.HTTPForbidden(text="open the address that lfr tui --web printed")
        return _safe(await handler(request))

    async def handle_index(self, request: web.Request) -> Any:
        """The page, with addresses as this browser sees them."""
        self.public_url = f"http://{request.host}"
        return await super().handle_index(request)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _safe(response: web.StreamResponse) -> web.StreamResponse:
    """Nothing is loaded from elsewhere, framed, remembered or told to others."""
    if not response.prepared:
        response.headers["Content-Security-Policy"] = (
            "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
            "connect-src 'self' ws:; frame-ancestors 'none'"
        )
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
    return response


def serve(command: str, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve cockpits started by ``command`` until interrupted.

    Raises:
        ConfigError: The web part is not installed.
        InputError: The address cannot be listened on.
    """
    if not _TEMPLATES.is_dir():
        raise ConfigError(
            "lfr tui --web", "its pages are not installed", "install the package anew"
        )
    asyncio.run(CockpitServer(command, host, port, say).listen())
