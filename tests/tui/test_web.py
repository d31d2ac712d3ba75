"""The cockpit in a real browser, and the door before it."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.tui.served import ROOT, engine, wait_for
from tests.tui.support import run
from tests.tui.terminal import PROGRAM
from tui.web import CockpitServer

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


# -- the door -----------------------------------------------------------------------------------


@contextmanager
def door() -> Iterator[tuple[CockpitServer, list[str]]]:
    said: list[str] = []
    yield CockpitServer("true", "127.0.0.1", 0, said.append), said


def test_only_who_has_the_address_comes_in() -> None:
    async def scenario() -> None:
        with door() as (server, said):
            serving = asyncio.create_task(server.listen())
            while not said:
                await asyncio.sleep(0.01)
            try:
                await knock(said[0].removeprefix("Open "))
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

    run(scenario)


async def knock(address: str) -> None:
    base, _, key = address.partition("/?key=")
    assert base.startswith("http://127.0.0.1:")
    assert len(key) >= 32
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def status(path: str, **headers: str) -> int:
            async with session.get(base + path, headers=headers, allow_redirects=False) as answer:
                assert answer.headers.get("Content-Security-Policy") or answer.status == 403
                return answer.status

        for path in ("/", "/ws", "/static/js/textual.js", "/?key=wrong", "/download/x"):
            assert await status(path) == 403, path
        async with session.get(address, allow_redirects=False) as answer:
            assert answer.status == 302
            assert answer.headers["Location"] == "/"
            cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        mine = {"Cookie": cookie.partition(";")[0]}
        assert await status("/", **mine) == 200
        assert await status("/static/js/textual.js", **mine) == 200
        assert await status("/", **mine, Origin="http://evil.example") == 403
        assert await status("/", **mine, Host="evil.example") == 403
        for headers in ({}, {**mine, "Origin": "http://evil.example"}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{base}/ws", headers=headers)
            assert refused.value.status == 403


def test_a_port_that_is_taken_is_said_plainly() -> None:
    async def scenario() -> None:
        from lfr_engine.errors import InputError

        taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = taken.sockets[0].getsockname()[1]
        async with taken:
            with pytest.raises(InputError, match="cannot be listened on"):
                await CockpitServer("true", "127.0.0.1", port, lambda _: None).listen()

    run(scenario)


# -- a browser ----------------------------------------------------------------------------------


@contextmanager
def served(socket: Path) -> Iterator[str]:
    """``lfr tui --web``; gives the address it prints."""
    command = [*PROGRAM, "--web", "--port", "0", "--connect", str(socket), "--no-bell"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().removeprefix("Open ").strip()
        finally:
            process.terminate()


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium without a window; its network log is kept."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for word in ("headless", "no-sandbox", "disable-gpu", "window-size=1200,800"):
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def journal(socket: Path) -> list[str]:
    from lfr_engine.client.blocking import open_client
    from lfr_engine.protocol.address import UnixAddress
    from lfr_engine.protocol.arguments import JournalQuery

    with open_client(UnixAddress(socket), role="auditor") as client:
        return [event.kind for event in client.call(JournalQuery(limit=1_000)).events]


@pytest.mark.server
@pytest.mark.skipif(not (BROWSER and DRIVER), reason="chromium and its driver are not installed")
def test_an_alert_is_adjudicated_in_a_browser(tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By

    socket = tmp_path / "e"
    with engine(socket, "--alerts-per-second", "1"), served(socket) as address, browser() as page:
        page.get(address)
        assert "key=" not in page.current_url  # the key does not stay in the address bar
        wait_for(lambda: page.find_elements(By.CSS_SELECTOR, ".xterm textarea"), 60)
        wait_for(lambda: "alerts.list" in journal(socket), 60)  # its cockpit is linked
        keyboard = page.find_element(By.CSS_SELECTOR, ".xterm textarea")
        keyboard.send_keys("2")
        wait_for(lambda: "alert.displayed" in journal(socket), 60)  # both pictures were drawn
        keyboard.send_keys("d")
        wait_for(lambda: "alerts.opinion" in journal(socket), 30)
        keyboard.send_keys("b")
        wait_for(lambda: "alert.discounted" in journal(socket), 30)
        time.sleep(1)
        asked = [json.loads(one["message"])["message"] for one in page.get_log("performance")]
        addresses = {
            one["params"]["request"]["url"]
            for one in asked
            if one["method"] == "Network.requestWillBeSent"
        }
        base = address.partition("/?")[0]
        assert addresses
        assert all(one.startswith((base, "data:")) for one in addresses), addresses  # R26
