"""The overview: every camera, the pipeline, the machine, the ceiling and the relay on one page.

Owns: what a field engineer looks at first. Never: more than fits; at 80 columns the table keeps
what tells trouble from health. Strategy: one table of cameras, their warnings in words under it,
then two blocks side by side.
"""

from __future__ import annotations

from collections.abc import Mapping

from lfr_engine.protocol import shapes as s
from tui import figures as f
from tui.state import State
from tui.text import EMPTY, Column, Line, Meaning, beside, fit, line, table, wrap
from tui.views.alerts import alert_rows
from tui.views.lists import log_rows

CEILING = 1 / 1_000
"""False alerts per pass that may not be exceeded (R6)."""
LATE_MS = 1_000.0
"""Capture to operator, p95, that may not be exceeded (R13)."""
FIRST_STAGES = ("to operator", "capture to alert", "capture to decision", "capture to detection")
"""Stages that stand first: where rows are few, the last ones are cut."""
TO_PEOPLE = frozenset({"to operator", "capture to alert"})
"""The engine's stages that end with a person."""
LEAST_BELOW = 10
"""Rows that pipeline, latency, ceiling and relay keep, however much is wrong."""
LATEST = 6
"""Spare rows from which the newest alerts and log lines are shown."""
ROOMY = 160
"""Columns from which trends are longer and the kind of picture is shown."""
WIDE = 110
"""Columns from which there is room for trends and every reason."""
FULL_SHARE = 0.8
"""A link filled beyond this share holds up the one before it."""

_SIGNS: dict[str, tuple[str, Meaning]] = {
    "live": ("●", "good"),
    "connecting": ("◌", "accent"),
    "stalled": ("▲", "warn"),
    "lost": ("✖", "bad"),
    "refused": ("✖", "bad"),
    "crashed": ("✖", "bad"),
    "disabled": ("○", "dim"),
    "ended": ("■", "dim"),
    "ready": ("●", "good"),
    "busy": ("◐", "accent"),
    "down": ("✖", "bad"),
    "off": ("○", "dim"),
}


def signed(word: str) -> Line:
    """A state as a sign and a word; unknown words get a question mark, not a guess."""
    sign, meaning = _SIGNS.get(word, ("?", "warn"))
    return line((f"{sign} {word}", meaning))


def overview(state: State, now_ns: int, cells: int, rows: int) -> list[Line]:
    """The page in at most ``rows`` lines."""
    board = state.board
    if board is None:
        return [
            EMPTY,
            line("  Nothing heard from an engine yet. This screen goes on asking by itself."),
            line(("  Does it run, and listen there?  ", "dim"), "lfr run FILE", ("  and ", "dim"))
            + line("lfr tui --connect ADDRESS"),
        ]
    head = cameras(state, board, now_ns, cells)
    warnings = _warnings(board, cells)
    # what is wrong comes before the stages that only explain it
    below = _below(board, cells)[: max(LEAST_BELOW, rows - len(head) - len(warnings))]
    room = rows - len(head) - len(below)
    warnings = warnings[: max(0, room)]
    gap = [EMPTY] if room > len(warnings) else []
    if room > len(warnings) + 1 and warnings:
        warnings = [*warnings, EMPTY]
    page = [*head, *gap, *warnings, *below]
    spare = rows - len(page) - 1
    if spare >= LATEST:
        page += [EMPTY, *_latest(state, now_ns, cells, spare)]
    return page[:rows]


def _latest(state: State, now_ns: int, cells: int, rows: int) -> list[Line]:
    """Where there is room: the newest alerts and the newest lines of the log."""
    half = (cells - 2) // 2
    alerts = state.newest_first()[: rows - 1]
    left = [line(("LATEST ALERTS", "title")), *alert_rows(state, alerts, now_ns, half)[1:]]
    logs = state.logs[-(rows - 1) :]
    right = [line(("LATEST LOG", "title")), *log_rows(logs[::-1], half)]
    if not alerts:
        left.append(line((" none", "dim")))
    if not logs:
        right.append(line((" nothing heard", "dim")))
    return beside(left, right, half)[:rows]


def cameras(state: State, board: s.Board, now_ns: int, cells: int) -> list[Line]:
    """The table of cameras."""
    wide = cells >= WIDE
    columns = (
        Column("camera", 11 if not wide else 16),
        Column("state", 12 if not wide else 16),
        Column("fps in/det", 10, right=True),
        Column("p50/p95 ms", 10, right=True),
        Column("p95, 2 minutes" if wide else "trend", _trend_cells(cells)),
        Column("faces/min", 9, right=True),
        Column("dropped", 0),
        Column("face px", 7, right=True, wanted=WIDE),
        Column("picture", 26, wanted=ROOMY),
    )
    rows = [_camera(state, camera, now_ns, cells) for camera in board.cameras]
    if not rows:
        return [*table(columns, [], cells), line((" no camera yet: 3, then a, adds one", "dim"))]
    return table(columns, rows, cells)


def _trend_cells(cells: int) -> int:
    if cells < WIDE:
        return 7
    return 24 if cells >= ROOMY else 14


def _camera(state: State, camera: s.CameraState, now_ns: int, cells: int) -> list[Line]:
    latency = camera.detection
    late = latency is not None and latency.p95 > LATE_MS
    trend = f.trend(state.trends.get(camera.camera, ()), _trend_cells(cells), LATE_MS)
    shown: list[tuple[str, Meaning]] = [(camera.camera, "value")]
    if camera.warnings:
        shown.append((" ▲", "warn"))
    return [
        line(*shown),
        _camera_state(state, camera, now_ns),
        line(f"{camera.fps_in:.0f}/{camera.fps_detected:.1f}"),
        line("–" if latency is None else f"{latency.p50:.0f}/{latency.p95:.0f}")
        if not late
        else line((f"{latency.p50:.0f}/{latency.p95:.0f}" if latency else "", "warn")),
        line((trend, "accent")),
        line(f"{camera.faces_per_minute:.1f}"),
        dropped(camera.drops, every=cells >= WIDE),
        line(f.number(camera.face_pixels)),
        line((_picture(camera), "dim")),
    ]


def _camera_state(state: State, camera: s.CameraState, now_ns: int) -> Line:
    said = signed(camera.state)
    since, now = f.utc_ns(camera.down_since or ""), state.engine_ns(now_ns)
    if since is not None and now is not None:
        said += line((f" {f.age((now - since) / f.NS)}", "bad"))
    return said


def _picture(camera: s.CameraState) -> str:
    parts = [f"{camera.width}×{camera.height}" if camera.width else "", camera.decoder]
    return " ".join(part for part in parts if part)


def dropped(drops: Mapping[str, int], *, every: bool) -> Line:
    """Dropped frames and faces by reason, most first; one reason where there is little room."""
    ordered = sorted(
        ((reason, many) for reason, many in drops.items() if many), key=lambda one: -one[1]
    )
    if not ordered:
        return line(("none", "dim"))
    if every:
        return line("  ".join(f"{reason} {f.count(many)}" for reason, many in ordered))
    reason, many = ordered[0]
    more = f" +{len(ordered) - 1}" if len(ordered) > 1 else ""
    return line(f"{reason} {f.count(many)}", (more, "dim"))


def _warnings(board: s.Board, cells: int) -> list[Line]:
    said = [(camera.camera, text) for camera in board.cameras for text in camera.warnings]
    said += [("engine", text) for text in board.warnings]
    said += [
        (bearer.bearer, f"officers are not reached: {bearer.last_error or bearer.detail or 'down'}")
        for bearer in board.bearers
        if bearer.state == "down"
    ]
    lines: list[Line] = []
    for name, text in said:
        first, *rest = wrap(f"{name}: {text}", cells - 3)
        lines.append(line((" ▲ ", "warn"), *first))
        lines.extend(line("   ", *one) for one in rest)
    return lines


def _below(board: s.Board, cells: int) -> list[Line]:
    half = (cells - 2) // 2
    left = [*_pipeline(board, half), EMPTY, *_latency(board)]
    right = [*_ceiling(board, half), EMPTY, *_machine(board), EMPTY, *_relay(board, half)]
    if cells < WIDE:  # every row counts on a small screen
        left = [*_pipeline(board, half), *_latency(board)]
        right = [*_ceiling(board, half), *_machine(board), *_relay(board, half)]
    return beside(left, right, half)


def _pipeline(board: s.Board, cells: int) -> list[Line]:
    lines = [line(("PIPELINE", "title"), ("  held/bound, peak", "dim"))]
    size = max(6, min(30, cells - 36))
    for queue in board.queues:
        share = queue.held / queue.bound if queue.bound else 0.0
        full = share >= FULL_SHARE
        meaning: Meaning = "warn" if full else "accent"
        lines.append(
            fit(
                line(
                    *fit(line(queue.link), 20),
                    " ",
                    (f.bar(share, size), meaning),
                    f" {queue.held}/{queue.bound}",
                    (f" ^{queue.peak}", "dim"),
                    (" full", "warn") if full else "",
                ),
                cells,
            )
        )
    if not board.queues:
        lines.append(line((" nothing runs", "dim")))
    return lines


def _latency(board: s.Board) -> list[Line]:
    lines = [line(("LATENCY", "title"), ("  p50 / p95 / p99 ms", "dim"))]
    first = [stage for stage in FIRST_STAGES if stage in board.latency]
    for stage in dict.fromkeys([*first, *board.latency]):
        one = board.latency[stage]
        late = stage in TO_PEOPLE and one.p95 > LATE_MS
        figures = f"{one.p50:6.0f}{one.p95:6.0f}{one.p99:6.0f}"
        lines.append(line(*fit(line(stage), 21), (figures, "warn" if late else "")))
    if not board.latency:
        lines.append(line((" not measured yet", "dim")))
    return lines


def _ceiling(board: s.Board, cells: int) -> list[Line]:
    meaning: Meaning = {"green": "good", "amber": "warn"}.get(board.ceiling, "bad")  # type: ignore[assignment]
    sign = {"green": "●", "amber": "▲"}.get(board.ceiling, "✖")
    head = line(
        ("FALSE ALERTS", "title"),
        "  ",
        (f"{sign} {board.ceiling}", meaning),
        ("  at most 1/1,000", "dim"),
    )
    rate = board.false_alert_rate
    if rate is None:
        return [head, line((" too few events to say", "dim"))]
    return [
        head,
        line(f.per_thousand(rate)),
        line((f.gauge(rate, CEILING, max(10, min(cells - 1, 44))), meaning)),
        line((f"{f.count(rate.events)} of {f.count(rate.trials)} passes, 95 % interval", "dim")),
    ]


def _machine(board: s.Board) -> list[Line]:
    cpu = "–" if board.cpu_percent is None else f"{board.cpu_percent:.0f} %"
    total = sum(board.drops.values())
    return [
        line(("MACHINE", "title"), f"  CPU {cpu}  memory {f.memory(board.memory_bytes)}"),
        line(
            f"passes {f.count(board.passes)}  dropped {f.count(total)}",
            (f"  v{board.engine.version}", "dim"),
        ),
    ]


def _relay(board: s.Board, cells: int) -> list[Line]:
    lines = [line(("RELAY", "title"), ("  to officers", "dim"))]
    for bearer in board.bearers:
        lost = bearer.failed + bearer.expired
        lines.append(
            fit(
                line(
                    *fit(line(bearer.bearer), 9),
                    *fit(signed(bearer.state), 8),
                    f"{f.count(bearer.delivered)}/{f.count(bearer.sent)} ok",
                    f" {bearer.queued} wait" if bearer.queued else "",
                    (f" ✖{f.count(lost)}", "warn") if lost else "",
                    (f" {bearer.detail}", "dim"),
                ),
                cells,
            )
        )
    if not board.bearers:
        lines.append(line((" none is configured", "dim")))
    return lines
