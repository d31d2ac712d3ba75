"""One bearer's desk: which cue goes next, when it is repeated, when it is too late.

Owns: the bearer's deliveries, its pace, its references, its orders under way. Never: another
bearer, an await, a store: it returns the changes and its owner persists them before anything is
written. Strategy: pure; time comes in as seconds since 1970, that never step back.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

import msgspec

from lfr_engine.relay.cue import text_of
from lfr_engine.relay.delivery import (
    Change,
    Delivery,
    Happening,
    Key,
    State,
    digest_of,
    step,
)
from lfr_engine.relay.pace import ReferenceBook, TokenBucket
from lfr_engine.relay.port import Order, Progress, Receipt

REFERENCE_GRACE_S = 300.0
"""Reports may come this long after the deadline: the longest validity we ask the network for."""

_BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 15.0)

GROUP_REPEATS = 2
"""Group calls never report, so a group cue goes twice, with the same reference."""


class DeskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one bearer is used.

    Args:
        every_s, burst: The token bucket; ``every_s`` 0 means no limit.
        window: Orders that may be under way at once.
        receipts: The bearer can report that an officer's device has the cue.
        repeat_s: Without a receipt, or for a group, send again after this long.
    """

    every_s: float = 0.0
    burst: int = 32
    window: int = 1
    receipts: bool = True
    repeat_s: float = 20.0


class Desk:
    """The deliveries of one bearer."""

    def __init__(self, bearer: str, settings: DeskSettings) -> None:
        self.bearer = bearer
        self.settings = settings
        self.up = False
        self._bucket = TokenBucket(settings.every_s, settings.burst)
        self._references = ReferenceBook()
        self._deliveries: dict[Key, Delivery] = {}
        self._under_way: dict[int, tuple[Key, ...]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._deliveries

    def has_order(self, number: int) -> bool:
        """Whether an order is under way here."""
        return number in self._under_way

    @property
    def busy(self) -> bool:
        """Whether the bearer has an order in hand."""
        return bool(self._under_way)

    def get(self, key: Key) -> Delivery | None:
        """One delivery."""
        return self._deliveries.get(key)

    def all(self) -> Iterable[Delivery]:
        """Every delivery still remembered."""
        return self._deliveries.values()

    def add(self, delivery: Delivery) -> None:
        """Take a new delivery, or one loaded from the outbox.

        A loaded one goes on where it was: what was handed over and never reported goes again with
        the same reference, so that the target's radio recognises the repetition.
        """
        if delivery.reference:
            until = delivery.deadline + REFERENCE_GRACE_S
            self._references.hold(delivery.address, delivery.reference, until)
        self._deliveries[delivery.key] = delivery

    def apply(self, key: Key, happening: Happening, now: float, reason: str = "") -> list[Change]:
        """One happening to one delivery, by its key."""
        before = self._deliveries.get(key)
        if before is None:
            return []
        after, change = step(before, happening, now, reason)
        if happening is Happening.TROUBLE:
            wait = _BACK_OFF_S[min(after.attempts, len(_BACK_OFF_S)) - 1]
            after = msgspec.structs.replace(after, next_try=now + wait)
        elif happening in {Happening.LEFT, Happening.TAKEN}:
            after = msgspec.structs.replace(after, next_try=now + self.settings.repeat_s)
        elif happening is Happening.RESEND and not after.over:
            after = msgspec.structs.replace(after, next_try=now)
        self._deliveries[key] = after
        return [] if change is None else [change]

    def progress(self, progress: Progress, now: float) -> list[Change]:
        """The bearer says how an order goes."""
        keys = self._under_way.get(progress.number, ())
        if progress.final:
            self._under_way.pop(progress.number, None)
        changes: list[Change] = []
        for key in keys:
            changes += self.apply(key, progress.happening, now, progress.reason)
        return changes

    def receipt(self, receipt: Receipt, now: float) -> tuple[list[Change], list[Key]]:
        """The far end reports a message; returns the changes and every delivery it was about."""
        keys = [
            delivery.key
            for delivery in self._deliveries.values()
            if delivery.reference == receipt.reference
            and delivery.address == receipt.address
            and delivery.attempts
            and now <= delivery.deadline + REFERENCE_GRACE_S
        ]
        changes: list[Change] = []
        for key in keys:
            changes += self.apply(key, receipt.happening, now, receipt.reason)
        return changes, keys

    def lost(self, now: float, reason: str) -> list[Change]:
        """The bearer ended or restarted: what was under way has an unknown fate and goes again."""
        numbers = list(self._under_way)
        changes: list[Change] = []
        for number in numbers:
            changes += self.progress(Progress(self.bearer, number, Happening.TROUBLE, reason), now)
        return changes

    def tick(self, now: float) -> list[Change]:
        """Expire what is too late, queue again what got no receipt."""
        changes: list[Change] = []
        busy = self._busy()
        for delivery in list(self._deliveries.values()):
            if delivery.over:
                continue
            if now >= delivery.deadline:
                changes += self.apply(delivery.key, Happening.DEADLINE, now, "deadline passed")
            elif (
                delivery.state in {State.ACCEPTED, State.SENT}
                and delivery.key not in busy
                and now >= delivery.next_try
                and self._repeats(delivery)
            ):
                changes += self.apply(delivery.key, Happening.NO_RECEIPT, now, "no receipt yet")
        return changes

    def take(self, now: float, utc: dt.datetime, number: int) -> tuple[Order, list[Change]] | None:
        """The next order if one may go now, with the changes to persist before it is handed over.

        Args:
            now: Seconds since 1970.
            utc: The same moment for the text (aware).
            number: Names the order.
        """
        if not self.up or len(self._under_way) >= self.settings.window:
            return None
        tokens = self._bucket.whole(now)
        ready = self._ready(now)
        if not ready or tokens < 1:
            return None
        chosen = _choose(ready, tokens)
        first = chosen[0]
        reference = first.reference or self._new_reference(chosen, now)
        if not reference:  # all 255 are in use: wait for one to come back
            for delivery in chosen:
                self._deliveries[delivery.key] = msgspec.structs.replace(
                    delivery, next_try=now + _BACK_OFF_S[-1], reason="no free reference"
                )
            return None
        self._bucket.take(now)
        cues = tuple(delivery.cue for delivery in chosen)
        order = Order(
            number=number,
            alerts=tuple(delivery.key.alert for delivery in chosen),
            recipient=first.key.recipient,
            address=first.address,
            group=first.group,
            cues=cues,
            text=text_of(cues, utc),
            reference=reference,
            deadline=min(delivery.deadline for delivery in chosen),
        )
        return order, self._hand_over(order, chosen, now)

    def wake_at(self, now: float) -> float:
        """When ``tick`` or ``take`` will next have something to do; infinity when never."""
        busy = self._busy()
        moments = [math.inf]
        for delivery in self._deliveries.values():
            if delivery.over:
                continue
            moments.append(delivery.deadline)
            if delivery.key in busy:
                continue
            if delivery.state is State.QUEUED:
                if self.up and len(self._under_way) < self.settings.window:
                    moments.append(max(delivery.next_try, self._bucket.next_at(now)))
            elif self._repeats(delivery):
                moments.append(delivery.next_try)
        return min(moments)

    def forget(self, before: float) -> list[Key]:
        """Drop deliveries whose deadline was before ``before``; returns them."""
        old = [d.key for d in self._deliveries.values() if d.over and d.deadline < before]
        for key in old:
            del self._deliveries[key]
        return old

    # --- inside ---

    def _busy(self) -> set[Key]:
        return {key for keys in self._under_way.values() for key in keys}

    def _ready(self, now: float) -> list[Delivery]:
        busy = self._busy()
        ready = [
            delivery
            for delivery in self._deliveries.values()
            if delivery.state is State.QUEUED
            and delivery.key not in busy
            and delivery.next_try <= now < delivery.deadline
        ]
        # a cancellation before all; then by priority, news before repetitions, oldest first
        return sorted(
            ready,
            key=lambda d: (not d.cue.withdrawn, d.priority, d.attempts, d.created, d.key),
        )

    def _repeats(self, delivery: Delivery) -> bool:
        if delivery.group:
            return delivery.attempts < GROUP_REPEATS
        return self.settings.receipts

    def _new_reference(self, chosen: list[Delivery], now: float) -> int:
        until = max(delivery.deadline for delivery in chosen) + REFERENCE_GRACE_S
        return self._references.take(chosen[0].address, now, until)

    def _hand_over(self, order: Order, chosen: list[Delivery], now: float) -> list[Change]:
        digest = digest_of(order.text)
        reason = "handed over" if len(chosen) == 1 else f"handed over, {len(chosen)} cues in one"
        changes: list[Change] = []
        for delivery in chosen:
            self._deliveries[delivery.key] = msgspec.structs.replace(
                delivery,
                reference=order.reference,
                attempts=delivery.attempts + 1,
                digest=digest,
                carried=len(chosen),
                reason=reason,
            )
            changes.append(
                Change(
                    at=now,
                    key=delivery.key,
                    before=State.QUEUED,
                    after=State.QUEUED,
                    happening="handed over",
                    reason=reason,
                    reference=order.reference,
                    digest=digest,
                    carried=len(chosen) if delivery is chosen[0] and len(chosen) > 1 else 0,
                )
            )
        self._under_way[order.number] = tuple(delivery.key for delivery in chosen)
        return changes


def _choose(ready: list[Delivery], tokens: int) -> list[Delivery]:
    """The first delivery, with those that go in the same message.

    More fresh cues for one address than the bearer may send now are coalesced. A repetition keeps
    the company and the reference it had, so that the target shows it once.
    """
    first = ready[0]
    if first.reference:
        return [d for d in ready if (d.address, d.reference) == (first.address, first.reference)]
    same = [d for d in ready if _may_share(first, d)]
    return same if len(same) > tokens else [first]


def _may_share(first: Delivery, other: Delivery) -> bool:
    """Whether two fresh cues may be coalesced: one address and marking, neither takes one back."""
    return other is first or (
        other.address == first.address
        and not other.reference
        and other.cue.marking is first.cue.marking
        and not other.cue.withdrawn
        and not first.cue.withdrawn
    )
