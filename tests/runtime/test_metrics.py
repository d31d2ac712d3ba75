"""The metrics page over a real socket, and the addresses it may listen on."""

from __future__ import annotations

import pytest
import trio

from lfr_engine.clock import ManualClock
from lfr_engine.errors import ConfigError
from lfr_engine.runtime.metrics import loopback, page, serve_metrics
from lfr_engine.runtime.telemetry import Telemetry


def some_telemetry() -> Telemetry:
    telemetry = Telemetry(ManualClock())
    telemetry.observe("detect", 0.0065)
    telemetry.dropped('the "van"', "age", 3)
    telemetry.counts["embedded"] += 2
    return telemetry


def test_the_page_is_prometheus_text() -> None:
    text = page(some_telemetry(), {"cameras_live": 2})
    assert 'lfr_stage_seconds_count{stage="detect"} 1' in text
    assert 'lfr_dropped_total{camera="the \\"van\\"",reason="age"} 3' in text
    assert 'lfr_events_total{name="embedded"} 2' in text
    assert text.endswith("lfr_cameras_live 2\n")
    for line in text.splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", maxsplit=1)) == 2


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "9464", "10.0.0.1:80", "127.0.0.1:99999", ""])
def test_only_loopback_is_listened_on(listen: str) -> None:
    with pytest.raises(ConfigError, match="loopback"):
        loopback(listen)
    assert loopback("[::1]:9464") == ("::1", 9464)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\n\r\n", b"200"),
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"nonsense\r\n", b"405"),
    ],
)
def test_it_answers_over_a_socket(request_line: bytes, status: bytes) -> None:
    async def scenario() -> None:
        telemetry = some_telemetry()
        async with trio.open_nursery() as nursery:
            port = await nursery.start(serve_metrics, "127.0.0.1:0", lambda: page(telemetry))
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(request_line)
                answer = b"".join([chunk async for chunk in stream])
            assert answer.split(b" ")[1] == status
            nursery.cancel_scope.cancel()

    trio.run(scenario)
