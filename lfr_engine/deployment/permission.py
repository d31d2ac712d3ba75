"""Whether an authority permits this very run, now (R3).

Owns: the table of reasons to refuse. Never: reads a file, a clock or the journal: all facts are
arguments. Strategy: one small question after another; ``problems`` answers all of them for people
who prepare, ``check`` raises the first for the engine. Only ``check`` makes a ``LiveAuthority``,
and what processes faces asks for one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from lfr_engine.deployment.authority import Authority, Document, TrustedKey
from lfr_engine.errors import RuleError
from lfr_engine.journal.events.deployment import AuthorityRefused

OLDEST_LIST = dt.timedelta(hours=24)  # R4: built at most a day before the start
CLOCK_TOLERANCE = dt.timedelta(seconds=5)  # a synchronised clock is stepped by less than this


@dataclass(frozen=True, slots=True)
class AuthoritySettings:
    """What the configuration says about authorities.

    trusted: keys of authorising officers. longest: from start to end, at most 24 h.
    require_synchronised_clock: False only where nothing can tell, as in some containers.
    """

    trusted: tuple[TrustedKey, ...] = ()
    longest: dt.timedelta = dt.timedelta(hours=12)  # deployments take five to six hours
    require_synchronised_clock: bool = True


@dataclass(frozen=True, slots=True)
class Requirements:
    """The facts of this run that the authority must cover.

    watchlist, watchlist_digest: id and content of the list that is loaded; None where the run is
    only being prepared. watchlist_built: when work on it began. builders: ids of the persons who
    built or sealed it.
    cameras, zones: ids that are configured. live_sources: whether any camera is not a recording.
    clock_synchronised: what the system says. last_recorded: ``Journal.trusted_floor()``.
    """

    settings: AuthoritySettings
    watchlist: str | None = None
    watchlist_digest: str | None = None
    watchlist_built: dt.datetime | None = None
    builders: frozenset[str] = frozenset()
    cameras: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    live_sources: bool = True
    clock_synchronised: bool = True
    last_recorded: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class LiveAuthority:
    """Proof that the checks passed. Never build one elsewhere than in ``check``."""

    authority: Authority
    digest: str
    key: str

    @property
    def exercise(self) -> bool:
        """Whether everything made under it must be marked EXERCISE (R27)."""
        return self.authority.mode == "exercise"

    def remaining(self, now: dt.datetime) -> dt.timedelta:
        """Time until the cameras must close; zero when it is over."""
        return max(self.authority.end - now, dt.timedelta())


def check(document: Document | None, now: dt.datetime, facts: Requirements) -> LiveAuthority:
    """The permission to run, or the first reason why not.

    Args:
        document: As it was read; None where there is none.
        now: The present.
        facts: About this run.

    Raises:
        RuleError: With the rule that asks for what is missing.
    """
    for problem in problems(document, now, facts):
        raise problem
    assert document is not None
    assert document.key is not None
    return LiveAuthority(document.authority, document.digest, document.key)


def refusal(problem: RuleError, document: Document | None) -> AuthorityRefused:
    """The event to journal when ``check`` refused."""
    return AuthorityRefused(
        rule=problem.rule,
        cause=problem.cause,
        authority=document.authority.id if document else None,
        digest=document.digest if document else None,
    )


def problems(
    document: Document | None, now: dt.datetime, facts: Requirements
) -> Iterator[RuleError]:
    """Every reason to refuse, the weightiest first; nothing when the run is permitted."""
    if document is None:
        yield RuleError("R3", "authority", "there is none", "an authorising officer must sign one")
        return
    name = document.name
    yield from _signature(document, facts)
    yield from _period(document.authority, name, now, facts)
    yield from _subject(document.authority, name, facts)
    yield from _clock(name, now, facts)


def _signature(document: Document, facts: Requirements) -> Iterator[RuleError]:
    name, authority = document.name, document.authority
    if document.key is None:
        yield RuleError("R3", name, "the authority is not signed", "lfr authority sign")
        return
    if not document.intact:
        yield RuleError(
            "R3", name, "the authority was altered after it was signed", "ask for a new one"
        )
    if authority.mode == "exercise":
        if facts.live_sources:
            yield RuleError(
                "R27",
                name,
                "an exercise may not look at live cameras",
                "use recorded material, or a deployment authority",
            )
        return  # an exercise is signed by whoever runs it
    owners = {t.officer for t in facts.settings.trusted if t.key == document.key}
    if not owners:
        yield RuleError(
            "R3",
            name,
            "signed with a key that is not trusted here",
            "add the officer's key to the trusted keys of the configuration",
        )
    elif authority.officer.id not in owners:
        yield RuleError(
            "R3",
            name,
            f"it names {authority.officer.id}, but the key belongs to {', '.join(sorted(owners))}",
            "the officer it names must sign it",
        )
    builders = {builder.casefold() for builder in facts.builders}
    signers = {owner.casefold() for owner in owners} | {authority.officer.id.casefold()}
    if builders & signers:
        yield RuleError(
            "R3",
            name,
            f"{authority.officer.id} built the watchlist and may not authorise its use",
            "another officer must sign",
        )


def _period(
    authority: Authority, name: str, now: dt.datetime, facts: Requirements
) -> Iterator[RuleError]:
    start, end, longest = authority.start, authority.end, facts.settings.longest
    if end <= start:
        yield RuleError("R3", name, "it ends before it begins")
        return
    if end - start > longest:
        yield RuleError(
            "R3",
            name,
            f"it is for {_hours(end - start)}, longer than the {_hours(longest)} allowed here",
            "ask for a shorter one",
        )
    if now < start:
        yield RuleError("R3", name, f"it begins at {start:%Y-%m-%d %H:%M %Z}", "wait until then")
    if now >= end:
        yield RuleError(
            "R3", name, f"it expired at {end:%Y-%m-%d %H:%M %Z}", "ask for a new authority"
        )


def _subject(authority: Authority, name: str, facts: Requirements) -> Iterator[RuleError]:
    if facts.watchlist is not None and facts.watchlist != authority.watchlist:
        yield RuleError(
            "R3",
            name,
            f"it is for watchlist {authority.watchlist}, but {facts.watchlist} is loaded",
            "load the list that was authorised",
        )
    signed_for = authority.watchlist_digest
    if facts.watchlist_digest is not None and signed_for not in (None, facts.watchlist_digest):
        yield RuleError(
            "R3",
            name,
            f"watchlist {authority.watchlist} is not the one that was signed for: it was changed",
            "ask for an authority for the list as it is",
        )
    for what, configured, allowed in (
        ("camera", facts.cameras, authority.cameras),
        ("zone", facts.zones, authority.zones),
    ):
        for extra in sorted(configured - set(allowed)):
            yield RuleError(
                "R3",
                name,
                f"it does not cover {what} {extra}",
                f"remove the {what}, or ask for an authority that names it",
            )
    built = facts.watchlist_built
    if built is not None and authority.mode == "deployment":
        if authority.start - built > OLDEST_LIST:
            yield RuleError(
                "R4",
                name,
                f"watchlist {authority.watchlist} was built more than 24 h before the start",
                "build it again",
            )
        if built > authority.end:
            yield RuleError(
                "R4", name, f"watchlist {authority.watchlist} was built after the authority's end"
            )


def _clock(name: str, now: dt.datetime, facts: Requirements) -> Iterator[RuleError]:
    if facts.settings.require_synchronised_clock and not facts.clock_synchronised:
        yield RuleError(
            "R3",
            name,
            "this machine's clock is not synchronised",
            "start time synchronisation, and wait until it holds",
        )
    last = facts.last_recorded
    if last is not None and last - now > CLOCK_TOLERANCE:
        yield RuleError(
            "R3",
            name,
            f"the clock reads {now:%Y-%m-%d %H:%M:%S %Z}, but the journal already recorded "
            f"{last:%Y-%m-%d %H:%M:%S %Z}",
            "mend the clock; if the journal's time was wrong, lfr journal clock-corrected",
        )


def _hours(span: dt.timedelta) -> str:
    return f"{span / dt.timedelta(hours=1):.4g} h"
