"""Alerts as lines: the list, the words around the two pictures, the questions and the history.

Owns: how an alert reads. Never: "match" without "possible" (R2), a score before an opinion (R10), a
default answer. Strategy: the age ticks, late is a word (R13), what others decide appears with their
names.
"""

from __future__ import annotations

from collections.abc import Sequence

from lfr_engine.protocol import shapes as s
from tui import figures as f
from tui.desk import Desk, choices, score_shown
from tui.reasons import Choice, outcomes
from tui.state import OPEN_STATES, State
from tui.text import EMPTY, Column, Line, Meaning, Span, beside, clip, ends, line, table, wrap

FILTERS = ("waiting", "all", "decided")
"""Which alerts the list shows, in the order of the filter key."""
MIDDLE = 30
"""A question at least so wide says what Esc does."""
NARROW = 34
"""A list at most so wide keeps only reference, age, lateness and state."""

_STATES: dict[str, tuple[str, Meaning]] = {
    "generated": ("◆ new", "warn"),
    "displayed": ("◇ shown", "accent"),
    "discounted": ("– discounted", "dim"),
    "passed": ("► passed", "good"),
    "engaged": ("● engaged", "good"),
    "lost": ("○ lost", "dim"),
    "no_action": ("○ no action", "dim"),
    "confirmed_true": ("✓ confirmed true", "good"),
    "confirmed_false": ("✗ confirmed false", "warn"),
    "identity_not_established": ("? not established", "dim"),
    "expired": ("× expired", "dim"),
    "blue": ("b blue list", "dim"),
}


def state_words(state: str) -> Line:
    """A state as a sign and words."""
    sign, meaning = _STATES.get(state, (state.replace("_", " "), ""))
    return line((sign, meaning))


def chosen_of(alerts: Sequence[s.Alert], filter_by: str, search: str) -> list[s.Alert]:
    """The alerts that the filter and the search leave, in the same order."""
    needle = search.casefold()
    return [
        alert
        for alert in alerts
        if (filter_by == "all" or (alert.state in OPEN_STATES) == (filter_by == "waiting"))
        and (not needle or needle in _haystack(alert))
    ]


def _haystack(alert: s.Alert) -> str:
    words = (alert.reference, alert.entry, alert.label, alert.category, alert.camera, alert.site)
    return " ".join((*words, alert.state)).casefold()


def alert_rows(state: State, alerts: Sequence[s.Alert], now_ns: int, cells: int) -> list[Line]:
    """The list: a head, then a row for each alert."""
    if cells <= NARROW:
        narrow = (
            Column("alert", 7),
            Column("age", 6, right=True),
            Column("camera", 0, wanted=30),
            Column("", 0 if cells < 30 else 7, right=True),
        )
        rows = [
            [
                line((alert.reference, "value")),
                _age(state, alert, now_ns),
                line(alert.camera),
                line(("LATE ", "bad") if alert.late else "", _sign(alert)),
            ]
            for alert in alerts
        ]
        return table(narrow, rows, cells)
    columns = (
        Column("alert", 7),
        Column("age", 6, right=True),
        Column("", 5),
        Column("state", 17),
        Column("camera", 12),
        Column("category", 0),
    )
    rows = [
        [
            line((alert.reference, "value")),
            _age(state, alert, now_ns),
            line(("LATE", "bad") if alert.late else ""),
            state_words(alert.state),
            line(alert.camera),
            line(f"{alert.category}  p{alert.priority}"),
        ]
        for alert in alerts
    ]
    return table(columns, rows, cells)


def _sign(alert: s.Alert) -> Span:
    words, meaning = _STATES.get(alert.state, ("?", "warn"))
    return words[0], meaning


def _age(state: State, alert: s.Alert, now_ns: int) -> Line:
    meaning: Meaning = ("bad" if alert.late else "value") if alert.state in OPEN_STATES else "dim"
    return line((f.age(state.age_s(alert, now_ns)), meaning))


def list_head(filter_by: str, search: str, shown: int, kept: int, cells: int) -> Line:
    """What the list shows, and of how many."""
    left = line((filter_by.upper(), "title"), (f" /{search}" if search else "", "accent"))
    return ends(left, line((f"{shown}/{kept}", "dim")), cells)


def title(state: State, alert: s.Alert, now_ns: int, cells: int) -> Line:
    """The line over the pictures."""
    left = line(
        (" POSSIBLE MATCH ", "banner"),
        " ",
        (alert.reference, "value"),
        (" EXERCISE", "warn") if alert.exercise else "",
        (" BLUE LIST", "accent") if alert.blue else "",
        "  ",
        *state_words(alert.state),
    )
    right: list[str | tuple[str, Meaning]] = []
    if alert.late:
        right.append((" LATE ", "alarm"))
    right.extend([" ", (f"{f.age(state.age_s(alert, now_ns))} old", "value"), " "])
    return ends(left, line(*right), cells)


def captions(alert: s.Alert, cells: int) -> Line:
    """The line under the pictures: which is which."""
    half = cells // 2
    probe = clip(f"camera {alert.camera}, {f.time_of(alert.captured)}Z", half - 8)
    reference = clip(f"{alert.entry} {alert.label}".strip(), cells - half - 12)
    left = line(("PROBE ", "title"), probe)
    right = line(("REFERENCE ", "title"), reference)
    return beside([left], [right], half, 0)[0]


def details(
    state: State, desk: Desk, alert: s.Alert, now_ns: int, cells: int, *, answers: bool
) -> list[Line]:
    """What is known, what is asked, and who did what: most needed first; the answers that an open
    question offers are left out where the list makes room for them.
    """
    lines = [_facts(alert), *_figures(state, desk, alert, now_ns, cells)]
    lines += question(desk, alert, cells) if answers else prompt(desk, alert)
    lines += history(alert, cells)
    return lines


def _facts(alert: s.Alert) -> Line:
    action = alert.expected_action or "no action named"
    return line(
        (alert.category, "value"),
        f"  priority {alert.priority}",
        ("  officers: ", "dim"),
        action,
        (f"  seen {alert.updates + 1} times", "dim") if alert.updates else "",
        ("  site ", "dim"),
        alert.site,
    )


def _figures(state: State, desk: Desk, alert: s.Alert, now_ns: int, cells: int) -> list[Line]:
    parts: list[str | tuple[str, Meaning]] = []
    if score_shown(desk, alert) and alert.score is not None:
        parts += [("score ", "dim"), (f"{alert.score:.3f}", "value")]
        if alert.threshold is not None:
            parts += [("  threshold ", "dim"), f"{alert.threshold:.3f}"]
        if alert.margin is not None:
            parts += [("  margin ", "dim"), f"{alert.margin:.3f}"]
    elif alert.state in OPEN_STATES:
        parts.append(("score hidden until your opinion", "dim"))
    now, until = state.engine_ns(now_ns), f.utc_ns(alert.decide_by or "")
    if alert.state in OPEN_STATES and now is not None and until is not None:
        left = (until - now) / f.NS
        parts += [
            ("  decide in " if cells < 70 else "   decide within ", "dim"),
            (f.age(left), "warn" if left < 15 else "value")
            if left > 0
            else ("time is over", "bad"),
        ]
    return [line(*parts)] if parts else []


_ASKED = {"passed": "PASS, because", "discounted": "DISCOUNT, because", "outcome": "OUTCOME"}


def question(desk: Desk, alert: s.Alert, cells: int) -> list[Line]:
    """What may be answered now, with the keys."""
    offered = choices(desk, alert)
    if not offered:
        return prompt(desk, alert)
    back = "   Esc back" if cells >= MIDDLE else " Esc"
    head = line((_ASKED[desk.question], "title"), (back, "dim"))
    if cells >= 3 * 26 and offered[0].group:
        return [head, *_in_columns(offered, cells)]
    lines = [head]
    group = ""
    for one in offered:
        if one.group != group:
            group = one.group
            lines.append(line((group, "dim")))
        lines.append(_choice(one))
    return lines


def prompt(desk: Desk, alert: s.Alert) -> list[Line]:
    """One line that says which keys mean something now."""
    if desk.alert != alert.alert:
        return []
    if choices(desk, alert):
        return [line((f"{_ASKED[desk.question]} …", "title"), (" press its letter", "dim"))]
    if alert.state in OPEN_STATES:
        if not desk.looked:
            return [line(("Look at both pictures first.", "dim"))]
        said = ""
        if desk.opinion == "not_sure":
            said = "Not sure is noted. "
        return [
            line(
                (said, "accent"),
                "Is it the same person?  ",
                ("s", "key"),
                " same   ",
                ("d", "key"),
                " different   ",
                ("n", "key"),
                " not sure",
            )
        ]
    if outcomes(alert.state):
        return [line(("o", "key"), " record what officers found")]
    return []


def _in_columns(offered: Sequence[Choice], cells: int) -> list[Line]:
    groups = list(dict.fromkeys(choice.group for choice in offered))
    size = cells // len(groups) - 1
    blocks = [
        [line((group, "dim")), *(_choice(one) for one in offered if one.group == group)]
        for group in groups
    ]
    block = blocks[0]
    for number, more in enumerate(blocks[1:], start=1):
        block = beside(block, more, size * number + number - 1, 1)
    return block


def _choice(one: Choice) -> Line:
    return line((one.key, "key"), f" {one.text}")


def history(alert: s.Alert, cells: int) -> list[Line]:
    """Every step, newest first: who, in which role, when and why."""
    lines: list[Line] = []
    for step in reversed(alert.history):
        who = f" by {step.actor} ({step.role})" if step.actor else ""
        why = ", ".join(reason.replace("_", " ") for reason in step.reasons)
        note = " – ".join(part for part in (why, step.note) if part)
        said = f"{f.time_of(step.at)} {step.went_to.replace('_', ' ')}{who}"
        lines += wrap(f"{said}: {note}" if note else said, cells, "dim")
    return lines


def empty(filter_by: str, kept: int) -> list[Line]:
    """What stands where no alert is chosen."""
    if kept and filter_by == "waiting":
        return [
            EMPTY,
            line(("  No alert waits for a decision.", "good")),
            line("  ", ("f", "key"), (" shows all and decided ones", "dim")),
        ]
    if kept:
        return [
            EMPTY,
            line("  None that the filter and the search leave."),
            line(
                "  ", ("f", "key"), (" next filter  ", "dim"), ("Esc", "key"), (" no search", "dim")
            ),
        ]
    return [
        EMPTY,
        line("  No alerts yet."),
        line(("  One appears here, with bell and flash, as soon as it is raised.", "dim")),
    ]
