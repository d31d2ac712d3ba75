"""The watchlist as a document: who is on it, why, on whose word, and what may still be done to it.

Owns: the fields of an entry (R15), the states of a list and of an entry, and their tables. Never: a
template, a picture, a file. Strategy: frozen values; every act goes through one table and either
gives a new document or raises a ``RuleError`` that names the missing field or the broken rule.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from lfr_engine.errors import RuleError, WatchlistError

MAX_BUILT_BEFORE_START = dt.timedelta(hours=24)
"""R4: a list is built at most this long before the deployment starts."""

MAX_FIELD = 300
"""Characters of one field: what a line of a report and a journal record can show."""

_LONG_WORD = re.compile(r"\S{81}")
Value = TypeVar("Value")
_ID = re.compile(r"\w[\w.@-]{0,63}")


class Category(enum.Enum):
    """Why somebody is looked for."""

    WANTED = "wanted"
    COURT_ORDER = "court_order"
    RISK_OF_HARM = "risk_of_harm"
    MISSING = "missing"
    VULNERABLE = "vulnerable"
    BLUE = "blue"  # consenting staff who measure the hit rate (R9)


class Priority(enum.Enum):
    """How soon officers should act; ordered as written."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class EntryState(enum.Enum):
    """A withdrawn entry stays on the document (R25) and never alerts (R15)."""

    LISTED = "listed"
    WITHDRAWN = "withdrawn"


class ListState(enum.Enum):
    """Only a sealed list may be used; an erased one exists only as its certificate."""

    DRAFT = "draft"
    SEALED = "sealed"
    ERASED = "erased"


class Act(enum.Enum):
    """What people do to a list."""

    ADD = "add to"
    WITHDRAW = "withdraw from"
    SEAL = "seal"
    RE_ENCODE = "re-encode"
    ERASE = "erase"


LIST_TABLE: dict[tuple[ListState, Act], ListState] = {
    (ListState.DRAFT, Act.ADD): ListState.DRAFT,
    (ListState.DRAFT, Act.WITHDRAW): ListState.DRAFT,
    (ListState.DRAFT, Act.RE_ENCODE): ListState.DRAFT,
    (ListState.DRAFT, Act.SEAL): ListState.SEALED,
    (ListState.DRAFT, Act.ERASE): ListState.ERASED,
    (ListState.SEALED, Act.WITHDRAW): ListState.SEALED,
    (ListState.SEALED, Act.RE_ENCODE): ListState.SEALED,
    (ListState.SEALED, Act.ERASE): ListState.ERASED,
}
"""Every act a list allows; what is not here is refused."""

ENTRY_TABLE: dict[tuple[EntryState, Act], EntryState] = {
    (EntryState.LISTED, Act.WITHDRAW): EntryState.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference picture: where the vault keeps it and what the gate said of it.

    object: the vault's name of the encrypted picture. sha256: of the picture as supplied. quality:
    0–1, the weakest component of the gate. taken: the day it was taken, where known.
    """

    object: str
    sha256: str
    quality: float
    taken: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One person on the list with their provenance (R15).

    id: the force's reference, shown where a name may not be. label: what an operator is shown.
    """

    id: str
    label: str
    category: Category
    source: str
    lawful_basis: str
    reason: str
    priority: Priority
    expected_action: str
    last_checked: dt.date
    under_18: bool
    under_18_rationale: str = ""
    references: tuple[Reference, ...] = ()
    state: EntryState = EntryState.LISTED
    withdrawn: str = ""


REQUIRED = (
    "id",
    "label",
    "category",
    "source",
    "lawful_basis",
    "reason",
    "priority",
    "expected_action",
    "last_checked",
    "under_18",
)
"""The fields R15 and R14 ask of every entry; also the columns of an import."""


def entry_from_fields(fields: Mapping[str, str], today: dt.date) -> Entry:
    """One entry from text fields, as a CSV row or a form gives them.

    Raises ``RuleError`` (R15) that names every missing or unreadable field at once, and (R14) where
    somebody under 18 is listed without a recorded rationale.
    """
    text = {name: (fields.get(name) or "").strip() for name in (*REQUIRED, "under_18_rationale")}
    subject = text["id"] or "entry"
    missing = [name for name in REQUIRED if not text[name]]
    if missing:
        raise RuleError("R15", subject, f"missing {', '.join(missing)}", "state it for each entry")
    for name, value in text.items():
        if not value.isprintable() or len(value) > MAX_FIELD or _LONG_WORD.search(value):
            raise RuleError(
                "R15",
                f"{subject:.70}",
                f"{name} is not plain text",
                f"use at most {MAX_FIELD} printable characters in words of at most 80",
            )
    if not _ID.fullmatch(text["id"]):
        raise RuleError(
            "R15", subject, "id is not usable", "use up to 64 letters, digits, dots, - _ @"
        )
    checked = _day(subject, text["last_checked"])
    if checked > today:
        raise RuleError("R15", subject, f"last_checked {checked} lies in the future")
    under_18 = _choice(subject, "under_18", text["under_18"].lower(), {"yes": True, "no": False})
    if under_18 and not text["under_18_rationale"]:
        raise RuleError(
            "R14", subject, "is under 18 and has no under_18_rationale", "record why it is needed"
        )
    categories = {one.value: one for one in Category}
    priorities = {one.value: one for one in Priority}
    return Entry(
        id=text["id"],
        label=text["label"],
        category=_choice(subject, "category", text["category"].lower(), categories),
        source=text["source"],
        lawful_basis=text["lawful_basis"],
        reason=text["reason"],
        priority=_choice(subject, "priority", text["priority"].lower(), priorities),
        expected_action=text["expected_action"],
        last_checked=checked,
        under_18=under_18,
        under_18_rationale=text["under_18_rationale"],
    )


@dataclass(frozen=True, slots=True)
class Watchlist:
    """The document: entries in the order they were added.

    built: when work on the list began (R4 counts its 24 hours from here). templates: the vault's
    name of the templates; empty until the first picture. builders: everybody who changed it, who
    therefore may not authorise its use. rejected: rows and pictures refused so far.
    """

    id: str
    built: dt.datetime
    entries: tuple[Entry, ...] = ()
    state: ListState = ListState.DRAFT
    templates: str = ""
    builders: tuple[str, ...] = ()
    rejected: int = 0

    @property
    def images(self) -> int:
        """Reference pictures of everybody together."""
        return sum(len(one.references) for one in self.entries)

    @property
    def categories(self) -> dict[str, int]:
        """People by category; a category of nobody is left out."""
        return dict(Counter(one.category.value for one in self.entries))

    @property
    def under_18(self) -> int:
        """People who are under 18."""
        return sum(one.under_18 for one in self.entries)

    def by(self, person: str) -> Watchlist:
        """The same list, remembering that ``person`` had a hand in it."""
        known = person in self.builders
        return self if known else replace(self, builders=(*self.builders, person))

    def with_rejected(self, count: int) -> Watchlist:
        """The same list, remembering ``count`` more refusals for the record (R7)."""
        return replace(self, rejected=self.rejected + count)

    def entry(self, entry_id: str) -> Entry:
        """The entry called ``entry_id``; raises ``WatchlistError``."""
        for one in self.entries:
            if one.id == entry_id:
                return one
        raise WatchlistError(entry_id, f"is not on watchlist {self.id}")

    def with_entry(self, entry: Entry) -> Watchlist:
        """Add a person; raises ``RuleError`` where sealed, without a picture, or already there."""
        state = self._next(Act.ADD)
        if not entry.references:
            raise RuleError("R14", entry.id, "has no usable reference picture")
        if any(one.id == entry.id for one in self.entries):
            raise WatchlistError(entry.id, f"is already on watchlist {self.id}")
        return replace(self, entries=(*self.entries, entry), state=state)

    def withdrawn(self, entry_id: str, reason: str) -> Watchlist:
        """Stop alerts for a person, keeping the record that they were listed (R15, R25)."""
        state = self._next(Act.WITHDRAW)
        if not reason.strip():
            raise RuleError("R15", entry_id, "missing reason", "say why the entry is withdrawn")
        entry = self.entry(entry_id)
        after = ENTRY_TABLE.get((entry.state, Act.WITHDRAW))
        if after is None:
            raise WatchlistError(entry_id, f"is already {entry.state.value}")
        gone = replace(entry, state=after, withdrawn=reason.strip())
        entries = tuple(gone if one is entry else one for one in self.entries)
        return replace(self, entries=entries, state=state)

    def sealed(self) -> Watchlist:
        """Close the list for use; an empty list is refused."""
        state = self._next(Act.SEAL)
        if not any(one.state is EntryState.LISTED for one in self.entries):
            raise RuleError("R15", self.id, "nobody is listed", "add or import entries first")
        return replace(self, state=state)

    def re_encoded(self) -> Watchlist:
        """The same people, about to get templates of another pack."""
        return replace(self, state=self._next(Act.RE_ENCODE))

    def require_usable(self, start: dt.datetime) -> None:
        """Raise ``RuleError`` unless sealed and built at most 24 h before ``start`` (R4)."""
        if self.state is not ListState.SEALED:
            raise RuleError("R4", self.id, f"is a {self.state.value}", "seal it first")
        if start - self.built > MAX_BUILT_BEFORE_START:
            raise RuleError(
                "R4",
                self.id,
                f"was built {self.built:%Y-%m-%d %H:%M} UTC, more than 24 h before the start",
                "build it anew from current records",
            )

    def require_allowed(self, act: Act) -> None:
        """Raise ``RuleError`` unless the table allows ``act`` now."""
        self._next(act)

    def digest(self) -> str:
        """SHA-256 (hex) over everything an authorising officer signs for: who is listed and why.

        Withdrawals and re-encoding do not change it, so a signed authority outlives them.
        """
        signed = [
            replace(
                one,
                state=EntryState.LISTED,
                withdrawn="",
                references=tuple(replace(ref, object="", quality=0.0) for ref in one.references),
            )
            for one in self.entries
        ]
        body = msgspec.json.encode((self.id, self.built, signed), order="deterministic")
        return hashlib.sha256(body).hexdigest()

    def _next(self, act: Act) -> ListState:
        after = LIST_TABLE.get((self.state, act))
        if after is None:
            raise RuleError(
                "R4",
                self.id,
                f"is {self.state.value}: nobody may {act.value} it",
                "start a new list" if act is not Act.SEAL else "",
            )
        return after


def encode(watchlist: Watchlist) -> bytes:
    """The document as canonical JSON; only the vault may store it."""
    return msgspec.json.encode(watchlist, order="deterministic")


def decode(data: bytes) -> Watchlist:
    """The document from ``encode``; raises ``WatchlistError``."""
    try:
        return msgspec.json.decode(data, type=Watchlist)
    except msgspec.MsgspecError as error:
        raise WatchlistError("watchlist document", f"cannot be read: {error}") from error


def _day(subject: str, text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise RuleError(
            "R15", subject, f"last_checked {text!r:.20} is not a date", "write it YYYY-MM-DD"
        ) from error


def _choice(subject: str, name: str, text: str, choices: Mapping[str, Value]) -> Value:
    if text not in choices:
        raise RuleError(
            "R15", subject, f"{name} {text!r:.24} is not known", f"use one of {', '.join(choices)}"
        )
    return choices[text]
