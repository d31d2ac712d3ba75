"""The head of every screen: which mode, whose authority, how long, how the link is.

Owns: two lines that are always on screen (R27) and the one big word of the state. Never: anything
that may scroll away. Strategy: the first line is the deployment's, the second the engine's and the
link's; trouble replaces good news.
"""

from __future__ import annotations

from lfr_engine.protocol import shapes as s
from tui.figures import NS, age, clock_text, countdown, utc_ns
from tui.state import State
from tui.text import Line, Meaning, ends, fit, line, width

_MODES: dict[str, tuple[str, Meaning]] = {
    "commissioning": (" COMMISSIONING ", "accent"),
    "exercise": (" EXERCISE ", "warn"),
    "deployment": (" DEPLOYMENT ", "banner"),
}
_MODE_SAYS = {
    "commissioning": "nothing is matched",
    "exercise": "recorded material only",
    "deployment": "",
}
ENDING_SECONDS = 15 * 60
"""Remaining time below this is marked."""


def banner(state: State, now_ns: int, cells: int) -> list[Line]:
    """The two lines."""
    return [_deployment(state, now_ns, cells), _status(state, now_ns, cells)]


def _deployment(state: State, now_ns: int, cells: int) -> Line:
    clock = line((clock_text(state.engine_ns(now_ns)), "value"))
    board = state.board
    if board is None:
        return ends(line((" LFR ", "banner"), " no engine heard yet"), clock, cells)
    mode = board.engine.mode
    word, meaning = _MODES.get(mode, (f" {mode.upper()} ", "warn"))
    left = line((" LFR ", "banner"), (word, "alarm" if mode == "exercise" else meaning), " ")
    deployment = board.engine.deployment
    if deployment is None:
        left += line((_MODE_SAYS.get(mode, ""), "dim"))
        return ends(left, clock, cells)
    left += line(
        (deployment.place, "value"),
        ("  authority " if cells >= WIDE else "  ", "dim"),
        deployment.authority,
        ("  by ", "dim"),
        deployment.authorising_officer,
        ("  list ", "dim"),
        deployment.watchlist,
    )
    return ends(left, line(" ", *_remaining(state, deployment, now_ns), "  ") + clock, cells)


def _remaining(state: State, deployment: s.DeploymentState, now_ns: int) -> Line:
    now, begin, end = (
        state.engine_ns(now_ns),
        utc_ns(deployment.starts),
        utc_ns(deployment.ends),
    )
    if now is None or begin is None or end is None:
        return ()
    if now < begin:
        return line((f"starts in {countdown((begin - now) / NS)}", "value"))
    left = (end - now) / NS
    if left <= 0:
        return line(("time is over", "bad"))
    return line((countdown(left), "warn" if left < ENDING_SECONDS else "value"), (" left", "dim"))


def _status(state: State, now_ns: int, cells: int) -> Line:
    right = _link(state, now_ns, cells)
    word, *rest = headline(state, now_ns)
    notice = state.notices[-1] if state.notices else None
    if notice is None or now_ns - notice.at_ns >= _NOTICE_NS:
        return ends((word, *rest), right, cells)
    sign = {"good": "✓ ", "warn": "▲ ", "bad": "✖ "}.get(notice.level, "")
    meaning: Meaning = {"good": "good", "warn": "warn"}.get(notice.level, "bad")  # type: ignore[assignment]
    said = line((f" {sign}{notice.text}", meaning))
    if word[1] in _TROUBLE:
        # what was done a moment ago never hides that the engine is gone or stands still
        return ends((word, *(rest if notice.at_ns < state.link_ns else said)), right, cells)
    if width(said) > cells - width(right) - 1 and state.link == "open":
        return fit(said, cells)
    return ends(said, right, cells)


_TROUBLE: frozenset[Meaning] = frozenset({"alarm", "stop"})
_NOTICE_NS = 6 * NS
WIDE = 110
"""Columns from which there is room for our roles."""


def stop_question(cells: int) -> list[Line]:
    """The confirmation of the red stop in the banner's two lines."""
    return [
        fit(line((f"{'■  S T O P ?   Capture ends and stays ended.':^{cells}}", "stop")), cells),
        fit(line((f"{'Enter: STOP NOW            Esc: go on':^{cells}}", "stop")), cells),
    ]


def headline(state: State, now_ns: int) -> Line:  # noqa: PLR0911 - one case a trouble
    """The state in one word and what matters most about it."""
    board = state.board
    if state.stop_pending:
        return line((" ■ STOP NOT YET HEARD ", "stop"), " it is sent until the engine answers")
    if state.link == "refused":
        return line((" ✖ REFUSED ", "alarm"), f" {state.link_detail}")
    if board is None:
        return line((" … CONNECTING ", "accent"), " waiting for the engine; this screen goes on")
    if board.engine.safe_stop:
        return line((" ■ STOPPED ", "stop"), " big red stop: nothing is captured until resumed")
    if state.link != "open":
        old = age((now_ns - state.board_ns) / NS)
        return line((" ✖ NO LINK ", "alarm"), f" all here is {old} old; reconnecting by itself")
    stale = state.stale_s(now_ns)
    if stale is not None:
        return line((" ▲ STALE ", "alarm"), f" nothing heard for {age(stale)}")
    word, meaning = _phase(board)
    said = [(f" {word} ", meaning), *_news(state, board)]
    return line(*said)


def _phase(board: s.Board) -> tuple[str, Meaning]:
    deployment = board.engine.deployment
    if not board.engine.operator_present:
        return "▲ NO OPERATOR", "alarm"
    if board.ceiling == "red":
        return "✖ CEILING", "alarm"
    if deployment is None:
        return ("● RUNNING" if board.engine.mode == "exercise" else "● READY"), "good"
    phase = deployment.phase
    if phase == "running":
        return "● RUNNING", "good"
    if phase in {"paused", "stopped"}:
        return f"▮▮ {phase.upper()}", "warn"
    return f"○ {phase.upper()}", "accent"


def _news(state: State, board: s.Board) -> Line:
    live = sum(camera.state == "live" for camera in board.cameras)
    total = sum(camera.state != "disabled" for camera in board.cameras)
    parts: list[tuple[str, Meaning]] = []
    deployment = board.engine.deployment
    if deployment is not None and deployment.reason and deployment.phase != "running":
        parts.append((f" {deployment.reason} ·", ""))
    if total:
        said = f"{live} of {total} cameras live"
        if live == total:
            said = "the camera is live" if total == 1 else f"all {total} cameras live"
        parts.append((f" {said}", "" if live == total else "warn"))
    open_alerts = max(state.waiting(), board.alerts_open)
    if open_alerts:
        plural = "alert waits" if open_alerts == 1 else "alerts wait"
        parts.extend([(" · ", "dim"), (f"{open_alerts} {plural}", "value")])
    if board.ceiling in {"amber", "red"}:
        parts.extend([(" · ", "dim"), (f"false alerts {board.ceiling}", "warn")])
    if board.warnings:
        parts.extend([(" · ", "dim"), (f"▲ {board.warnings[0]}", "warn")])
    return tuple(parts)


def _link(state: State, now_ns: int, cells: int) -> Line:
    names = [role for role, held in state.roles.items() if held.word == "open"]
    who = next((held.caller for held in state.roles.values() if held.caller), "")
    since = age((now_ns - state.link_ns) / NS)
    if state.link == "open":
        roles = f" as {'+'.join(names)}" if cells >= WIDE else ""
        return line((f"{who}{roles}", "dim"), " ", ("● linked", "good"), " ")
    # between two attempts it is "lost" and during one "connecting": to a person it is one cut
    cut = "lost" if state.board is not None else "connecting"
    word = state.link if state.link == "refused" else cut
    return line((f"link {word} {since}", "bad"), " ")
