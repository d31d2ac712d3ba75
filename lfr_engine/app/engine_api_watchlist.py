"""Commands on the watchlist: what it holds, a picture's fitness for it, a withdrawal.

Owns: what each mode answers. Never: a template, nor a person added (``engine_api_loading``).
Strategy: a deployment's own list decides; an exercise knows no more than its folder.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NoReturn

import trio

from lfr_engine.api.port import Caller, Conflict
from lfr_engine.app.board import moment
from lfr_engine.app.deployment_session import Session
from lfr_engine.app.engine_api_alerts import person
from lfr_engine.app.running import Running
from lfr_engine.enrolment.image import Enrolled, enrol_image
from lfr_engine.errors import RuleError
from lfr_engine.identity.watchlist import Category, Entry, EntryState, Watchlist
from lfr_engine.inference.pack import OpenPack
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s

_PRIORITIES = {"high": 1, "medium": 2, "low": 3}


async def watchlist_status(running: Running, _: a.WatchlistStatus, __: Caller) -> s.WatchlistStatus:
    """Sizes and categories."""
    await trio.lowlevel.checkpoint()
    if running.session is not None:
        return _status(running.session.opened.stored.watchlist, running.session)
    gallery = running.gallery
    if gallery is None:
        _no_list()
    return s.WatchlistStatus(
        watchlist="EXERCISE",
        built=moment(running.started),
        people=len(gallery),
        images=len(gallery.owners),
        categories={"wanted": len(gallery)},
        withdrawn=len(running.withdrawn),
        warnings=["an exercise: from a folder, without provenance"],
    )


async def watchlist_list(running: Running, command: a.WatchlistList, __: Caller) -> s.WatchlistPage:
    """Entries by id, without biometrics."""
    await trio.lowlevel.checkpoint()
    if running.session is not None:
        facts = running.session.opened.facts
        found = [
            _entry(entry, withdrawn=facts[entry.id].withdrawn if entry.id in facts else True)
            for entry in running.session.opened.stored.watchlist.entries
        ]
    elif running.gallery is not None:
        images = Counter(int(owner) for owner in running.gallery.owners)
        found = [
            s.WatchlistEntry(
                entry=entry,
                category="wanted",
                images=images[row],
                label=entry,
                withdrawn=entry in running.withdrawn,
            )
            for row, entry in enumerate(running.gallery.entries)
        ]
    else:
        _no_list()
    found.sort(key=lambda entry: entry.entry)
    rest = [entry for entry in found if command.after is None or entry.entry > command.after]
    page = rest[: command.limit]
    return s.WatchlistPage(
        entries=page, after=page[-1].entry if len(rest) > len(page) and page else None
    )


async def watchlist_check(running: Running, command: a.WatchlistCheck, _: Caller) -> s.ImageCheck:
    """Whether a picture could be enrolled (R14)."""
    if running.desk is None or running.pack is None:
        raise RuleError("R27", "picture", "nobody is templated in commissioning")
    return await running.lane.run(_checked, command.picture, running.pack)


async def watchlist_withdraw(
    running: Running, command: a.WatchlistWithdraw, caller: Caller
) -> s.Done:
    """Stop alerting on a person within a second (R15)."""
    if running.session is not None:
        await running.session.withdraw(person(caller), command.entry, command.reason)
        return s.Done()
    if running.gallery is None:
        _no_list()
    changed = running.gallery.without([command.entry])
    await running.engine.swap_gallery(changed)
    running.gallery = changed
    running.withdrawn.add(command.entry)
    await running.engine.ask(lambda table, now: table.withdraw(command.entry, now))
    return s.Done()


def _no_list() -> NoReturn:
    raise Conflict(
        "watchlist", "none is loaded in commissioning", "run a deployment or an exercise"
    )


def _status(listed: Watchlist, session: Session) -> s.WatchlistStatus:
    return s.WatchlistStatus(
        watchlist=listed.id,
        built=moment(listed.built),
        people=len(listed.entries),
        images=listed.images,
        categories=listed.categories,
        rejected=listed.rejected,
        under_18=listed.under_18,
        withdrawn=sum(facts.withdrawn for facts in session.opened.facts.values()),
    )


def _entry(entry: Entry, *, withdrawn: bool) -> s.WatchlistEntry:
    return s.WatchlistEntry(
        entry=entry.id,
        category=entry.category.value,
        images=len(entry.references),
        label=entry.label,
        priority=_PRIORITIES.get(entry.priority.value, 0),
        expected_action=entry.expected_action,
        source=entry.source,
        lawful_basis=entry.lawful_basis,
        last_checked=entry.last_checked.isoformat(),
        withdrawn=withdrawn or entry.state is not EntryState.LISTED,
        blue=entry.category is Category.BLUE,
    )


def _checked(picture: bytes, pack: OpenPack) -> s.ImageCheck:
    found = enrol_image(picture, pack)
    if isinstance(found, Enrolled):
        found.template.fill(0)
        return s.ImageCheck(usable=True, measures={"quality": round(found.quality.overall, 4)})
    return s.ImageCheck(usable=False, reasons=[found.reason.value, found.text])


WATCHLIST_HANDLERS: dict[type[a.Command[Any]], Any] = {
    a.WatchlistStatus: watchlist_status,
    a.WatchlistList: watchlist_list,
    a.WatchlistCheck: watchlist_check,
    a.WatchlistWithdraw: watchlist_withdraw,
}
