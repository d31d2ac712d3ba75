"""The Prometheus text page: telemetry for a scraper on the same machine.

Owns: names and format of the metrics, and a listener that knows nothing but GET /metrics. Never: a
person's name or an entry id in a label. Strategy: the page is rendered when it is asked for;
histograms become summaries with the quantiles the board shows: those of the last minute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import trio

from lfr_engine.errors import ConfigError
from lfr_engine.runtime.telemetry import Telemetry

_QUANTILES = (0.5, 0.95, 0.99)
_REQUEST_LIMIT = 4096
_PATIENCE_S = 5.0


def page(telemetry: Telemetry, gauges: dict[str, float] | None = None) -> str:
    """The whole page in Prometheus text format 0.0.4."""
    return "\n".join(_lines(telemetry, gauges or {})) + "\n"


def _lines(telemetry: Telemetry, gauges: dict[str, float]) -> Iterator[str]:
    yield "# HELP lfr_stage_seconds Duration of each stage of the pipeline."
    yield "# TYPE lfr_stage_seconds summary"
    for stage, histogram in dict(telemetry.stages).items():
        label = f'stage="{_label(stage)}"'
        recent = telemetry.recent(stage)
        for share in _QUANTILES:
            value = recent.percentile(share)
            yield f'lfr_stage_seconds{{{label},quantile="{share}"}} {value:.6f}'
        yield f"lfr_stage_seconds_sum{{{label}}} {histogram.total:.6f}"
        yield f"lfr_stage_seconds_count{{{label}}} {histogram.count}"
    yield "# HELP lfr_dropped_total Work given up, by camera and reason."
    yield "# TYPE lfr_dropped_total counter"
    for camera, drops in telemetry.drops.items():
        for reason, count in drops.items():
            yield (
                f'lfr_dropped_total{{camera="{_label(camera)}",reason="{_label(reason)}"}} {count}'
            )
    yield "# HELP lfr_events_total Things counted, by name."
    yield "# TYPE lfr_events_total counter"
    for name, count in telemetry.counts.items():
        yield f'lfr_events_total{{name="{_label(name)}"}} {count}'
    for name, value in gauges.items():
        yield f"# TYPE lfr_{name} gauge"
        yield f"lfr_{name} {value:g}"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def loopback(listen: str) -> tuple[str, int]:
    """``"127.0.0.1:9464"`` as host and port.

    Raises:
        ConfigError: Not of that form, or not a loopback address (R26).
    """
    match = re.fullmatch(r"(127\.\d+\.\d+\.\d+|localhost|\[::1\]):(\d{1,5})", listen)
    if match is None or not 0 <= int(match[2]) < 65536:
        raise ConfigError(
            f"metrics.listen {listen}", "is no loopback address", 'write "127.0.0.1:9464"'
        )
    return match[1].strip("[]"), int(match[2])


async def serve_metrics(
    listen: str,
    render: Callable[[], str],
    *,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer GET /metrics until cancelled. Started with the port once it listens."""
    host, port = loopback(listen)

    async def answer(stream: trio.SocketStream) -> None:
        with trio.move_on_after(_PATIENCE_S):
            try:
                await stream.send_all(_response(await _request(stream), render))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise ConfigError(f"metrics.listen {listen}", f"cannot listen: {error.strerror}") from error
    await trio.serve_listeners(
        answer,
        listeners,
        task_status=_Renamed(task_status, listeners[0].socket.getsockname()[1]),
    )


class _Renamed:
    """Passes ``started`` on with the port instead of the listeners."""

    def __init__(self, status: trio.TaskStatus[int], port: int) -> None:
        self._status, self._port = status, port

    def started(self, _value: object = None) -> None:
        self._status.started(self._port)


async def _request(stream: trio.SocketStream) -> bytes:
    data = b""
    while b"\r\n" not in data and len(data) < _REQUEST_LIMIT:
        more = await stream.receive_some(1024)
        if not more:
            break
        data += more
    return data


def _response(request: bytes, render: Callable[[], str]) -> bytes:
    line = request.split(b"\r\n", maxsplit=1)[0].split(b" ")
    if len(line) != 3 or line[0] != b"GET":
        return b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    if line[1].split(b"?")[0] != b"/metrics":
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    body = render().encode()
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
