"""TCP with TLS on loopback: tokens, client certificates, and those that are no good."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from lfr_engine.api.callers import ApiSettings, TlsSettings
from lfr_engine.api.guard import Bounds
from lfr_engine.api.tokens import TokenStore
from lfr_engine.client import aio, blocking, trio_client
from lfr_engine.client.errors import CallRefused, LinkLost
from lfr_engine.client.tls import client_context
from lfr_engine.errors import ConfigError, InputError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol.address import TlsAddress
from lfr_engine.protocol.commands import CallerRole
from lfr_engine.protocol.proof import Token
from tests.api.certificates import Authority
from tests.api.support import Running, running, wait_until

pytestmark = pytest.mark.server


class Site:
    """An authority, an engine's certificate and settings."""

    def __init__(self, folder: Path, *, mutual: bool) -> None:
        self.folder = folder
        self.authority = Authority(folder, "site")
        self.mutual = mutual
        self.tokens = folder / "tokens.json"
        certificate = self.authority.sign("localhost")
        self.settings = ApiSettings(
            (TlsAddress("localhost", 0),),
            tls=TlsSettings(certificate, certificate, self.authority.path if mutual else None),
            token_file=self.tokens,
            certificates={"desk": [CallerRole.OPERATOR]},
            bounds=Bounds(handshake_seconds=3),
        )

    def context(self, certificate: Path | None = None) -> ssl.SSLContext:
        return client_context(authority=self.authority.path, certificate=certificate)


def serve(site: Site, scenario: Callable[[Running, TlsAddress], Awaitable[None]]) -> None:
    async def main() -> None:
        async with running(site.settings) as served:
            address = served.addresses[0]
            assert isinstance(address, TlsAddress)
            await scenario(served, address)

    trio.run(main)


def test_a_token_opens_tls(tmp_path: Path) -> None:
    site = Site(tmp_path, mutual=False)
    token = TokenStore(site.tokens).add("console", [CallerRole.AUDITOR])

    async def scenario(served: Running, address: TlsAddress) -> None:
        async with trio_client.open_client(address, token=token, tls=site.context()) as client:
            assert client.welcome is not None
            assert (client.welcome.caller, client.welcome.role) == ("console", "auditor")
            await client.call(a.StateGet())
        assert served.engine.calls[0][2].origin == "127.0.0.1"
        assert served.engine.calls[0][2].proven_by == "token"

    serve(site, scenario)


def test_the_other_clients_speak_tls_too(tmp_path: Path) -> None:
    site = Site(tmp_path, mutual=True)
    tls = site.context(site.authority.sign("desk"))

    async def with_asyncio(address: TlsAddress) -> str:
        async with aio.open_client(address, tls=tls) as client:
            assert client.welcome is not None
            await client.call(a.StateGet())
            return client.welcome.caller

    def with_blocking(address: TlsAddress) -> str:
        with blocking.open_client(address, tls=tls) as client:
            assert client.welcome is not None
            client.call(a.StateGet())
            return client.welcome.caller

    async def scenario(served: Running, address: TlsAddress) -> None:
        for way in (lambda: asyncio.run(with_asyncio(address)), lambda: with_blocking(address)):
            assert await trio.to_thread.run_sync(way) == "desk"
        assert len(served.engine.calls) == 2

    serve(site, scenario)


def test_without_a_token_or_with_a_wrong_one_nobody_enters(tmp_path: Path) -> None:
    site = Site(tmp_path, mutual=False)
    TokenStore(site.tokens).add("console", [CallerRole.AUDITOR])

    async def scenario(served: Running, address: TlsAddress) -> None:
        for token in (None, Token("console", bytes(32)), Token("nobody", bytes(32))):
            with pytest.raises(CallRefused) as caught:
                async with trio_client.open_client(address, token=token, tls=site.context()):
                    pass
            assert caught.value.code == "unauthenticated"
            assert caught.value.exit_status == 2
        assert [r.name for r in served.engine.records] == ["console", "nobody"]
        assert served.engine.calls == []

    serve(site, scenario)


def test_a_client_certificate_opens_in_its_roles(tmp_path: Path) -> None:
    site = Site(tmp_path, mutual=True)

    async def scenario(served: Running, address: TlsAddress) -> None:
        tls = site.context(site.authority.sign("desk"))
        async with trio_client.open_client(address, tls=tls) as client:
            assert client.welcome is not None
            assert (client.welcome.caller, client.welcome.role) == ("desk", "operator")
        with pytest.raises(CallRefused, match="does not have that role"):
            async with trio_client.open_client(address, tls=tls, role="ao"):
                pass
        stranger = site.context(site.authority.sign("stranger"))
        with pytest.raises(CallRefused, match="needs a token"):
            async with trio_client.open_client(address, tls=stranger):
                pass
        assert served.engine.calls == []

    serve(site, scenario)


@pytest.mark.parametrize("which", ["expired", "foreign", "none"])
def test_bad_client_certificates_end_in_the_tls_handshake(tmp_path: Path, which: str) -> None:
    site = Site(tmp_path, mutual=True)
    (tmp_path / "other").mkdir()
    certificate = None
    if which == "expired":
        certificate = site.authority.sign("desk", expired=True)
    elif which == "foreign":
        certificate = Authority(tmp_path / "other", "other").sign("desk")

    async def scenario(served: Running, address: TlsAddress) -> None:
        with pytest.raises(LinkLost):
            async with trio_client.open_client(address, tls=site.context(certificate)):
                pass
        await wait_until(lambda: served.guard.connections == 0)
        assert served.engine.calls == []

    serve(site, scenario)


def test_a_client_does_not_trust_an_engine_it_cannot_verify(tmp_path: Path) -> None:
    site = Site(tmp_path, mutual=False)

    async def scenario(served: Running, address: TlsAddress) -> None:
        for tls in (None, client_context(authority=Authority(tmp_path, "else").path)):
            with pytest.raises(LinkLost, match="certificate verify failed"):
                async with trio_client.open_client(address, tls=tls):
                    pass
        with pytest.raises(LinkLost, match=r"(?i)mismatch|verify failed"):
            async with trio_client.open_client(
                TlsAddress("127.0.0.1", address.port), tls=site.context()
            ):
                pass
        assert served.engine.calls == []

    serve(site, scenario)


def test_plain_text_and_silence_on_the_tls_port_are_closed(tmp_path: Path) -> None:
    site = Site(tmp_path, mutual=False)

    async def scenario(served: Running, address: TlsAddress) -> None:
        async with await trio.open_tcp_stream("localhost", address.port) as stream:
            await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
            with trio.fail_after(2.5):
                while await stream.receive_some():
                    pass
        async with await trio.open_tcp_stream("localhost", address.port) as stream:
            with trio.fail_after(8):
                assert not await stream.receive_some()
        await wait_until(lambda: served.guard.connections == 0)

    serve(site, scenario)


def test_a_storm_from_one_address_is_closed_unread(tmp_path: Path) -> None:
    site = Site(tmp_path, mutual=True)

    async def scenario(served: Running, address: TlsAddress) -> None:
        for _ in range(100):
            stream = await trio.open_tcp_stream("localhost", address.port)
            # gone without a goodbye: the server finds no name on the other end
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.socket.close()
        await trio.sleep(0.2)
        tls = site.context(site.authority.sign("desk"))
        for _ in range(20):  # its own share comes back within a second
            with contextlib.suppress(LinkLost):
                async with trio_client.open_client(address, tls=tls) as client:
                    await client.call(a.StateGet())
                    return
            await trio.sleep(0.1)
        raise AssertionError

    serve(site, scenario)


def test_a_guesser_is_locked_out_before_tls(tmp_path: Path) -> None:
    site = Site(tmp_path, mutual=False)
    right = TokenStore(site.tokens).add("console", [CallerRole.AUDITOR])

    async def scenario(served: Running, address: TlsAddress) -> None:
        for _ in range(5):
            with pytest.raises(CallRefused):
                async with trio_client.open_client(
                    address, token=Token("console", bytes(32)), tls=site.context()
                ):
                    pass
        with pytest.raises(LinkLost):
            async with trio_client.open_client(address, token=right, tls=site.context()):
                pass
        assert served.guard.turned_away == 1

    serve(site, scenario)


def test_files_that_are_not_certificates_are_told(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no")
    with pytest.raises(InputError, match="not usable for TLS"):
        client_context(authority=tmp_path / "no.pem")
    site = Site(tmp_path, mutual=False)
    settings = ApiSettings(
        site.settings.listen, tls=TlsSettings(tmp_path / "no.pem", tmp_path / "no.pem")
    )

    async def scenario() -> None:
        async with running(settings):
            pass

    with pytest.RaisesGroup(ConfigError):
        trio.run(scenario)
