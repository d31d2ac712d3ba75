"""Pictures by link: over real TLS, for as long as the link lasts and not a request longer."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest
import trio

from lfr_engine.actors.relay_pictures import run_pictures, server_context
from lfr_engine.clock import ManualClock
from lfr_engine.errors import ConfigError
from lfr_engine.relay.link import digest_of_address, make_link
from lfr_engine.relay.port import Moments
from tests.simulators.certificates import make_certificates

SECRET = b"k" * 32


@pytest.mark.server
def test_a_link_shows_its_picture_until_it_expires(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    clock = ManualClock()
    moments = Moments(clock)
    asked: list[str] = []

    async def fetch(reference: str, holder: bytes) -> bytes | None:
        asked.append(reference)
        assert holder == digest_of_address("ECHO1")
        return b"\xff\xd8jpeg" if reference == "A1B2C3" else None

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            context = server_context(str(files.server), str(files.server_key))
            port = await nursery.start(
                run_pictures, "127.0.0.1", 0, context, SECRET, fetch, moments
            )
            trust = ssl.create_default_context(cafile=str(files.authority))
            base = f"https://127.0.0.1:{port}/pictures"
            async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
                link = make_link(base, SECRET, "A1B2C3", "ECHO1", moments.now() + 60)
                good = await client.get(link)
                assert (good.status_code, good.content) == (200, b"\xff\xd8jpeg")
                assert good.headers["Cache-Control"] == "no-store"
                gone = make_link(base, SECRET, "B2B2B2", "ECHO1", moments.now() + 60)
                answers = [(await client.get(gone)).text]
                assert asked == ["A1B2C3", "B2B2B2"]
                for wrong in (
                    link.replace("A1B2C3", "A1B2C4"),
                    link[:-1] + ("A" if link[-1] != "A" else "B"),
                    make_link(base, b"other", "A1B2C3", "ECHO1", moments.now() + 60),
                    f"https://127.0.0.1:{port}/",
                    f"https://127.0.0.1:{port}/pictures/../../etc/passwd",
                ):
                    answer = await client.get(wrong)
                    assert answer.status_code == 404
                    answers.append(answer.text)
                answers.append((await client.post(link)).text)
                clock.advance(61)
                answers.append((await client.get(link)).text)
                assert set(answers) == {"not found\n"}, "nothing tells why"
                assert asked == ["A1B2C3", "B2B2B2"], "no look-up without a valid token"
            nursery.cancel_scope.cancel()

    trio.run(main)


@pytest.mark.server
def test_noise_and_silence_close_only_themselves(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)

    async def fetch(reference: str, holder: bytes) -> bytes | None:
        return b"x"

    async def main() -> None:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                context = server_context(str(files.server), str(files.server_key))
                moments = Moments(ManualClock())
                port = await nursery.start(
                    run_pictures, "127.0.0.1", 0, context, SECRET, fetch, moments
                )
                for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 5000):
                    stream = await trio.open_tcp_stream("127.0.0.1", port)
                    await stream.send_all(noise)
                    await stream.aclose()
                silent = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(20)]
                for stream in silent:
                    await stream.aclose()
                await trio.sleep(0.1)
                trust = ssl.create_default_context(cafile=str(files.authority))
                link = make_link(
                    f"https://127.0.0.1:{port}/pictures", SECRET, "A1B2C3", "E", moments.now() + 9
                )
                async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
                    assert (await client.get(link)).status_code == 200
                nursery.cancel_scope.cancel()

    trio.run(main)


def test_a_missing_certificate_is_a_plain_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.pem"):
        server_context(str(tmp_path / "nothing.pem"), str(tmp_path / "nothing.key"))
