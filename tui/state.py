"""Everything the terminal UI knows, and the one pure function that changes it.

Owns: ``State`` and ``reduce``. Never: sockets, clocks, widgets, pictures. Strategy: messages in,
a new state out; every buffer is bounded; ages come from the engine's own clock, estimated from the
boards that arrived with the least delay, so a wrong clock on either machine does not make an alert
young.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from lfr_engine.protocol import shapes as s
from tui import messages as m
from tui.figures import NS, utc_ns

KEPT_ALERTS = 500
"""Alerts kept here; older ones stay in the engine's journal."""
KEPT_LOGS = 2_000
KEPT_LINES = 2_000
"""Journal lines kept here."""
KEPT_TREND = 120
"""Samples of each camera's latency, one a second: two minutes."""
KEPT_NOTICES = 20
KEPT_HISTORY = 64
"""Steps kept of one alert; its life has fewer."""
_APART = frozenset({"connecting", "lost"})
"""Words of a link that is not open and is tried again."""
STALE_NS = 3 * NS
"""A board older than this is called stale; the engine sends several a second."""
OPEN_STATES = frozenset({"generated", "displayed"})
"""States in which nobody has decided yet (``domain.md``, alert life cycle)."""


@dataclass(frozen=True, slots=True)
class Roles:
    """One role this program acts in."""

    word: str
    caller: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """See the module.

    Args:
        link: ``connecting``, ``open``, ``lost``, ``refused`` or ``closed``.
        link_ns: Local monotonic time since which the link is open, or is not.
        link_detail: Why it is lost or refused.
        roles: Role → where its connection stands.
        board: The newest board, however old; ``board_ns`` says when it came.
        offset_ns: Engine's UTC minus local monotonic time; ``None`` before the first board.
        trends: Camera → p95 until faces are found, or the newest frame's age, ms, one a second,
            newest last.
        alerts: Id → alert, at most ``KEPT_ALERTS``, in the order in which they became known.
        raised_ns: Local time at which the newest alert came live; 0 before the first.
        missed: Topic → events this program did not see.
    """

    link: str = "connecting"
    link_ns: int = 0
    link_detail: str = ""
    roles: Mapping[str, Roles] = field(default_factory=dict)
    board: s.Board | None = None
    board_ns: int = 0
    offset_ns: int | None = None
    trends: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    trend_ns: int = 0
    alerts: Mapping[str, s.Alert] = field(default_factory=dict)
    raised_ns: int = 0
    logs: tuple[s.LogLine, ...] = ()
    missed: Mapping[str, int] = field(default_factory=dict)
    watchlist: s.WatchlistStatus | None = None
    entries: tuple[s.WatchlistEntry, ...] = ()
    entries_after: str | None = None
    journal: tuple[s.JournalEvent, ...] = ()
    journal_after: int | None = None
    journal_check: s.JournalCheck | None = None
    stop_pending: bool = False
    notices: tuple[m.Noticed, ...] = ()

    def engine_ns(self, now_ns: int) -> int | None:
        """The engine's UTC, nanoseconds since 1970, at the local monotonic time ``now_ns``."""
        return None if self.offset_ns is None else now_ns + self.offset_ns

    def stale_s(self, now_ns: int) -> float | None:
        """Seconds since the last board when that is too long ago, else ``None``."""
        if self.board is None or now_ns - self.board_ns < STALE_NS:
            return None
        return (now_ns - self.board_ns) / NS

    def age_s(self, alert: s.Alert, now_ns: int) -> float:
        """Seconds since the alert's face was captured, by the engine's clock."""
        engine_ns, captured = self.engine_ns(now_ns), utc_ns(alert.captured)
        if engine_ns is None or captured is None:
            return alert.age_ms / 1e3
        return max(0.0, (engine_ns - captured) / NS)

    def newest_first(self) -> list[s.Alert]:
        """The alerts kept, newest first."""
        return sorted(self.alerts.values(), key=lambda one: (one.raised, one.alert), reverse=True)

    def waiting(self) -> int:
        """Alerts known here that nobody has decided."""
        return sum(alert.state in OPEN_STATES and not alert.blue for alert in self.alerts.values())


def reduce(state: State, message: m.Message) -> State:  # noqa: PLR0911 - one case a message
    """The state after ``message``."""
    match message:
        case m.LinkChanged():
            # another engine process may keep another time: the estimate begins again
            offset = None if message.word == "open" else state.offset_ns
            # an attempt that fails is part of the same cut, whose age is what matters
            same_cut = {state.link, message.word} <= _APART
            return replace(
                state,
                link=message.word,
                link_ns=state.link_ns if same_cut else message.at_ns,
                link_detail=message.detail,
                offset_ns=offset,
            )
        case m.RoleChanged(role=role, word=word, caller=caller):
            return replace(state, roles={**state.roles, role: Roles(word, caller)})
        case m.BoardCame():
            return _board(state, message)
        case m.AlertCame(at_ns=at_ns, alert=alert):
            # an old alert replayed after a cut, or an update, does not ring again
            new = alert.alert not in state.alerts and alert.state in OPEN_STATES
            known = _with_alerts(state, [alert])
            return replace(known, raised_ns=at_ns) if new else known
        case m.AlertsListed(alerts=alerts):
            return _with_alerts(state, alerts)
        case m.AlertAnswered(alert=alert):
            return _with_alerts(state, [alert])
        case m.DecisionCame(transition=transition):
            return _stepped(state, transition)
        case m.OtherJournal():
            return replace(state, alerts={}, journal=(), journal_after=None, journal_check=None)
        case m.StopWanted(pending=pending):
            return replace(state, stop_pending=pending)
        case m.Noticed():
            return replace(state, notices=(*state.notices, message)[-KEPT_NOTICES:])
        case _:
            return _pages(state, message)


def _pages(state: State, message: m.Message) -> State:
    match message:
        case m.LogCame(log=log):
            return replace(state, logs=(*state.logs, log)[-KEPT_LOGS:])
        case m.EventsMissed(topic=topic, count=count):
            missed = state.missed.get(topic, 0) + max(0, count)
            return replace(state, missed={**state.missed, topic: missed})
        case m.WatchlistCame(status=status):
            return replace(state, watchlist=status)
        case m.EntriesCame(page=page, first=first):
            before = () if first else state.entries
            entries = (*before, *page.entries)[-KEPT_LINES:]
            return replace(state, entries=entries, entries_after=page.after)
        case m.JournalCame(page=page, check=check, first=first):
            earlier = () if first else state.journal
            return replace(
                state,
                journal=(*earlier, *page.events)[-KEPT_LINES:],
                journal_after=page.after,
                journal_check=check or state.journal_check,
            )
        case _:
            raise TypeError(f"{type(message).__name__} is not a message of the state")


def _board(state: State, message: m.BoardCame) -> State:
    board = message.board
    at = utc_ns(board.at)
    offset = state.offset_ns
    if at is not None:
        sample = at - message.at_ns
        # delay only ever makes a board look older, so the largest sample is the truest; the
        # estimate sinks a millisecond a board to follow clocks that drift apart, and jumps with a
        # clock that was set
        jumped = offset is None or abs(sample - offset) > 5 * NS
        offset = sample if offset is None or jumped else max(offset - 1_000_000, sample)
    known = replace(state, board=board, board_ns=message.at_ns, offset_ns=offset)
    if message.at_ns - state.trend_ns < NS and state.trends:
        return known
    trends = {
        camera.camera: (*state.trends.get(camera.camera, ()), _delay_ms(camera))[-KEPT_TREND:]
        for camera in board.cameras
    }
    return replace(known, trends=trends, trend_ns=message.at_ns)


def _delay_ms(camera: s.CameraState) -> float:
    """p95 from capture to the faces found; before the first one, the age of the newest frame."""
    if camera.detection is not None:
        return camera.detection.p95
    return camera.frame_age_ms or 0.0


def _with_alerts(state: State, coming: tuple[s.Alert, ...] | list[s.Alert]) -> State:
    alerts = dict(state.alerts)
    for alert in coming:
        known = alerts.get(alert.alert)
        alerts[alert.alert] = alert if known is None else merged(known, alert)
    return replace(state, alerts=_bounded(alerts))


def _bounded(alerts: dict[str, s.Alert]) -> dict[str, s.Alert]:
    """At most ``KEPT_ALERTS``; decided ones go first, then the oldest (R23: alerts are not lost
    before a person saw them while there is room for them).
    """
    excess = len(alerts) - KEPT_ALERTS
    if excess <= 0:
        return alerts
    by_worth = sorted(
        alerts.values(), key=lambda one: (one.state in OPEN_STATES, one.raised, one.alert)
    )
    gone = {one.alert for one in by_worth[:excess]}
    return {name: alert for name, alert in alerts.items() if name not in gone}


def merged(known: s.Alert, coming: s.Alert) -> s.Alert:
    """One alert told twice, in any order: the later state, the joined history, what was shown."""
    history = _joined(known.history, coming.history)
    later, earlier = (coming, known) if _told(coming) >= _told(known) else (known, coming)
    state = max(known.state, coming.state, key=_rank)
    if history and _rank(history[-1].went_to) >= _rank(state):
        state = history[-1].went_to
    return replace_alert(
        later,
        state=state,
        history=history,
        score=later.score if later.score is not None else earlier.score,
        margin=later.margin if later.margin is not None else earlier.margin,
        threshold=later.threshold if later.threshold is not None else earlier.threshold,
    )


def _stepped(state: State, transition: s.Transition) -> State:
    known = state.alerts.get(transition.alert)
    if known is None:
        return state
    history = _joined(known.history, [transition])
    alert = replace_alert(known, history=history, state=history[-1].went_to)
    return replace(state, alerts={**state.alerts, alert.alert: alert})


def _joined(one: list[s.Transition], other: list[s.Transition]) -> list[s.Transition]:
    steps = {(step.at, step.went_to, step.actor): step for step in (*one, *other)}
    return sorted(steps.values(), key=lambda step: (step.at, _rank(step.went_to)))[-KEPT_HISTORY:]


_ORDER = ("generated", "displayed", "expired", "discounted", "passed")


def _rank(word: str) -> int:
    """How far along its life a state is; what officers found is furthest."""
    return _ORDER.index(word) if word in _ORDER else len(_ORDER)


def _told(alert: s.Alert) -> tuple[int, int, int]:
    """Rises as an alert's life goes on."""
    return len(alert.history), alert.updates, _rank(alert.state)


def replace_alert(alert: s.Alert, **changes: object) -> s.Alert:
    """The alert with some fields changed."""
    changed: s.Alert = msgspec.structs.replace(alert, **changes)
    return changed
