"""Watchlist, journal and log as lines.

Owns: how an entry, a line of the journal and a line of the log read. Never: biometrics (the API
sends none here). Strategy: one row each, with the whole of the chosen one at the foot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lfr_engine.protocol import shapes as s
from tui import figures as f
from tui.state import State
from tui.text import EMPTY, Column, Line, Meaning, line, table, wrap

LEVELS = ("debug", "info", "warning", "error")
_LEVELS: dict[str, tuple[str, Meaning]] = {
    "debug": ("debug", "dim"),
    "info": ("info", ""),
    "warning": ("▲ warn", "warn"),
    "error": ("✖ error", "bad"),
    "critical": ("✖ error", "bad"),
}


# -- watchlist ----------------------------------------------------------------------------------


def watchlist_head(
    state: State, check: s.ImageCheck | None, checked: str, cells: int
) -> list[Line]:
    """The list's sizes, its warnings, and the last check of a picture."""
    status = state.watchlist
    checks = [] if check is None else image_check(check, checked, cells)
    if status is None:
        said = line(("WATCHLIST", "title"), "  not read yet: ", ("r", "key"), " reads it")
        return [said, *checks]
    lines = [
        line(
            ("WATCHLIST ", "title"),
            (status.watchlist, "value"),
            f"  {f.count(status.people)} people, {f.count(status.images)} images",
            ("  built ", "dim"),
            f"{status.built[:16].replace('T', ' ')}Z",
        ),
        line(
            f"under 18: {status.under_18}   withdrawn: {status.withdrawn}   rejected: ",
            (f.count(status.rejected), "warn" if status.rejected else ""),
        ),
    ]
    lines += wrap(
        "   ".join(f"{name}: {f.count(many)}" for name, many in status.categories.items()),
        cells,
        "accent",
    )
    for text in status.warnings:
        lines.append(line(("▲ ", "warn"), text))
    return [*lines, *checks, EMPTY, *table(_ENTRY, [], cells)]


def image_check(check: s.ImageCheck, name: str, cells: int) -> list[Line]:
    """Whether a picture may be enrolled, and what was measured (R14)."""
    verdict = ("✓ usable", "good") if check.usable else ("✖ not usable", "bad")
    lines = [line(("CHECK ", "title"), f"{name}  ", verdict)]  # type: ignore[arg-type]
    for reason in check.reasons:
        lines += [line("  ", *one) for one in wrap(reason, cells - 2)]
    measured = "   ".join(f"{key} {value:.3g}" for key, value in check.measures.items())
    return lines + wrap(measured, cells, "dim")


_ENTRY = (
    Column("entry", 12),
    Column("images", 6, right=True),
    Column("prio", 4, right=True),
    Column("category", 22),
    Column("", 10),
    Column("officers", 0),
    Column("label", 20, wanted=110),
    Column("source", 16, wanted=130),
    Column("checked", 12, wanted=130),
)


def entry_rows(entries: Sequence[s.WatchlistEntry], cells: int) -> list[Line]:
    """Entries, a row each."""
    rows = [
        [
            line((entry.entry, "value")),
            line(str(entry.images)),
            line(str(entry.priority)),
            line(entry.category),
            _marks(entry),
            line(entry.expected_action),
            line(entry.label),
            line((entry.source, "dim")),
            line((entry.last_checked, "dim")),
        ]
        for entry in entries
    ]
    return table(_ENTRY, rows, cells)[1:]


def _marks(entry: s.WatchlistEntry) -> Line:
    if entry.withdrawn:
        return line(("withdrawn", "warn"))
    return line(("blue list", "accent")) if entry.blue else EMPTY


def entry_foot(entry: s.WatchlistEntry, cells: int) -> list[Line]:
    """All of one entry."""
    said = (
        f"{entry.entry} {entry.label}: {entry.category}, priority {entry.priority}; officers: "
        f"{entry.expected_action}; source {entry.source}; basis {entry.lawful_basis}; checked "
        f"{entry.last_checked}"
    )
    return wrap(said, cells)


# -- journal ------------------------------------------------------------------------------------

_EVENT = (
    Column("number", 8, right=True),
    Column("time", 9),
    Column("kind", 22),
    Column("by", 12),
    Column("what", 0),
)


_TOLD = frozenset({"actor", "deployment"})
"""Left out of a row: the one has its own column, the other is the same in all of them. Both are in
the foot.
"""


def journal_head(state: State, kind: str, why: str, cells: int) -> list[Line]:
    """Whether the chain holds, and the filter; ``why`` it could not be read, where it could not."""
    check = state.journal_check
    if why:
        return [line(("JOURNAL", "title")), *wrap(why, cells, "warn"), *table(_EVENT, [], cells)]
    if check is None:
        said = line(("JOURNAL", "title"), "  not read yet: ", ("r", "key"), " checks and reads it")
    elif check.intact:
        said = line(
            ("JOURNAL ", "title"),
            ("✓ chain intact", "good"),
            f"  {f.count(check.events)} lines, {check.checkpoints} signed checkpoints",
        )
    else:
        said = line(("JOURNAL ", "title"), ("✖ CHAIN BROKEN ", "alarm"), f" {check.fault}")
    shown = line(("only ", "dim"), (kind, "accent")) if kind else line(("every kind", "dim"))
    return [said, shown, *table(_EVENT, [], cells)]


def journal_rows(events: Sequence[s.JournalEvent], cells: int) -> list[Line]:
    """Lines of the journal, a row each."""
    rows = [
        [
            line((str(event.sequence), "dim")),
            line(f.time_of(event.at)),
            line((event.kind, "value")),
            line(event.actor),
            line(data_words({k: v for k, v in event.data.items() if k not in _TOLD})),
        ]
        for event in events
    ]
    return table(_EVENT, rows, cells)[1:]


def journal_foot(event: s.JournalEvent, cells: int) -> list[Line]:
    """All of one line, with its digest."""
    return [
        *wrap(f"{event.at} {event.kind} {event.actor}  {data_words(event.data)}", cells)[:2],
        line(("digest ", "dim"), (event.digest, "dim")),
    ]


def data_words(data: Mapping[str, Any]) -> str:
    """``name=value`` pairs, in order."""
    return "  ".join(f"{name}={value}" for name, value in data.items())


# -- log ----------------------------------------------------------------------------------------

_LOG = (Column("time", 9), Column("level", 7), Column("where", 22, wanted=100), Column("what", 0))


def log_kept(logs: Sequence[s.LogLine], level: str, search: str) -> list[s.LogLine]:
    """The lines of at least ``level`` that hold ``search``."""
    least = LEVELS.index(level)
    needle = search.casefold()
    return [
        one
        for one in logs
        if (LEVELS.index(one.level) if one.level in LEVELS else len(LEVELS)) >= least
        and (not needle or needle in _log_words(one).casefold())
    ]


def _log_words(one: s.LogLine) -> str:
    return f"{one.logger} {one.text} {data_words(one.fields)}"


def log_head(
    level: str, search: str, shown: int, state: State, cells: int, *, paused: bool
) -> list[Line]:
    """Level, search, how many, and whether it follows."""
    missed = state.missed.get("logs", 0)
    head = line(
        ("LOG ", "title"),
        (f"{level} and above", "accent"),
        (f"  /{search}" if search else "", "accent"),
        (f"  {shown} of {len(state.logs)} lines", "dim"),
        ("  paused here: End follows", "warn") if paused else ("  following", "good"),
        (f"  {f.count(missed)} lines missed", "warn") if missed else "",
    )
    return [head, *table(_LOG, [], cells)]


def log_rows(logs: Sequence[s.LogLine], cells: int) -> list[Line]:
    """Lines of the log, a row each."""
    rows = []
    for one in logs:
        word, meaning = _LEVELS.get(one.level, (one.level, "warn"))
        rows.append(
            [
                line((f.time_of(one.at), "dim")),
                line((word, meaning)),
                line((one.logger.removeprefix("lfr_engine."), "dim")),
                line(one.text, ("  " + data_words(one.fields), "dim")),
            ]
        )
    return table(_LOG, rows, cells)[1:]


def log_foot(one: s.LogLine, cells: int) -> list[Line]:
    """All of one line."""
    return wrap(f"{one.at} {one.level} {_log_words(one)}", cells)
