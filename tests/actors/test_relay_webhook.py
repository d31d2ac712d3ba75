"""The webhook bearer against a real HTTPS server."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from lfr_engine.errors import ConfigError
from lfr_engine.relay.bearer_settings import WebhookSettings
from lfr_engine.relay.port import Reply
from lfr_engine.relay.settings import RelaySettings, read_settings
from tests.actors.relay_rig import running_relay
from tests.simulators.certificates import Certificates, make_certificates

SECRET = b"0123456789abcdef0123456789abcdef"


class Endpoint(http.server.ThreadingHTTPServer):
    """Answers as it is told and remembers what came."""

    def __init__(self, files: Certificates) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, bytes]] = []
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files.server, files.server_key)
        self.socket = context.wrap_socket(self.socket, server_side=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((dict(self.headers), data))
        status, answer = self.server.answers.pop(0) if self.server.answers else (200, b"{}")
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "https://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def endpoint(files: Certificates) -> Iterator[Endpoint]:
    with Endpoint(files) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def hook_settings(folder: Path, url: str, **changes: Any) -> RelaySettings:
    (folder / "secret").write_bytes(SECRET)
    bearer = {"kind": "webhook", "name": "hook", "url": url, "secret_file": str(folder / "secret")}
    return read_settings(
        {
            "bearers": [bearer | changes],
            "recipients": [{"id": "E1", "addresses": {"hook": "echo1"}}],
            "routes": [{"bearers": ["hook"], "recipients": ["E1"]}],
        }
    )


@pytest.mark.server
def test_a_signed_message_is_posted_repeated_and_answered(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)

    async def main(server: Endpoint) -> None:
        url = f"https://127.0.0.1:{server.server_port}/cues"
        settings = hook_settings(tmp_path, url, authority=str(files.authority))
        server.answers = [
            (503, b"busy"),
            (302, b""),
            (200, b'{"status": "delivered", "reply": "engaged", "reference": "A1B2C3"}'),
        ]
        with trio.fail_after(30):
            async with running_relay(settings) as relay:
                await relay.post("a1")
                await relay.wait_change("receipt")
                reply = await relay.wait_reply()
        assert (reply.alert, reply.reply) == ("a1", Reply.ENGAGED)
        keys = {headers["Idempotency-Key"] for headers, _ in server.posts}
        assert len(server.posts) == 3
        assert len(keys) == 1, "the far end can tell a repetition"
        for headers, data in server.posts:
            signed = headers["X-LFR-Timestamp"].encode() + b"." + data
            mac = hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
            assert headers["X-LFR-Signature"] == f"sha256={mac}"
            assert set(json.loads(data)) == {"version", "message", "to", "text", "expires", "cues"}

    with endpoint(files) as server:
        trio.run(main, server)


@pytest.mark.server
def test_a_refusal_for_good_is_not_repeated(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)

    async def main(server: Endpoint) -> None:
        url = f"https://127.0.0.1:{server.server_port}/cues"
        server.answers = [(410, b"")]
        settings = hook_settings(tmp_path, url, authority=str(files.authority))
        with trio.fail_after(30):
            async with running_relay(settings) as relay:
                await relay.post("a1")
                change = await relay.wait_change("refused")
        assert change.reason == "HTTP 410"

    with endpoint(files) as server:
        trio.run(main, server)


@pytest.mark.server
def test_a_server_we_cannot_verify_gets_nothing(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)

    async def main(server: Endpoint) -> None:
        settings = hook_settings(tmp_path, f"https://127.0.0.1:{server.server_port}/")
        with trio.fail_after(30):
            async with running_relay(settings) as relay:
                await relay.post("a1")
                change = await relay.wait_change("trouble")
        assert "CERTIFICATE_VERIFY_FAILED" in change.reason
        assert server.posts == []

    with endpoint(files) as server:
        trio.run(main, server)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://example.org/", SECRET),
        ("ftp://127.0.0.1/", SECRET),
        ("https:///", SECRET),
        ("https://127.0.0.1/", b"short"),
    ],
)
def test_what_is_not_safe_is_refused(tmp_path: Path, url: str, secret: bytes) -> None:
    from lfr_engine.actors import relay_webhook

    (tmp_path / "secret").write_bytes(secret)
    settings = WebhookSettings(name="hook", url=url, secret_file=str(tmp_path / "secret"))
    with pytest.raises(ConfigError):  # noqa: PT012 - two checks, one of which must refuse
        relay_webhook._secret(settings)
        relay_webhook._check_url(settings)
