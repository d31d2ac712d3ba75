"""Who may even try: bounds on connections, lock-out of guessers, a rate for each connection.

Owns: the counts, and nothing that waits. Never: sockets, secrets. Strategy: plain numbers and a
clock, so every case is a quick test; memory is bounded however many addresses knock.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from lfr_engine.clock import Clock
from lfr_engine.protocol.errors import ErrorCode

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many at once, and how fast.

    Args:
        connections: In all.
        new_per_second: New connections a Unix socket greets, sustained; more wait in its queue.
            Greeting a stranger and turning it away costs 1 to 2 ms, so a storm takes at most 8 %
            of one core, and a full queue keeps a caller waiting for some 6 s.
        new_in_a_burst: At once, before that rate holds.
        tls_per_second: As ``new_per_second`` for a TCP address, where a handshake costs 3 ms; one
            address gets half of it, so that a storm from one leaves room for others.
        tls_in_a_burst: At once, before that rate holds.
        knocks_per_second: TCP connections that are taken up at all, most of them to be closed
            unread because their address is over its share; about 0.5 ms each.
        per_origin: From one user or address.
        handshakes: Not yet welcomed, in all.
        handshake_seconds: For TLS and hello together.
        frame_seconds: For the rest of a frame once it began.
        idle_seconds: Of silence before a ping, and as long again before closing.
        write_seconds: For the other end to take what is written to it.
        request_seconds: For a request that names no deadline.
        requests_in_flight: Unanswered, on one connection.
        subscriptions: Live, on one connection.
        requests_per_second: Sustained, on one connection; faster waits.
        refusals: Refused calls of one caller in a burst; then one a second. A caller over that is
            cut off and not greeted again until it is within it: each refusal is journalled.
        guesses: Wrong tokens from one origin before it is locked out.
        lock_seconds: First lock-out; doubles each time, up to ``lock_cap_seconds``.
        lock_cap_seconds: Longest lock-out.
    """

    connections: int = 256
    new_per_second: float = 40.0
    new_in_a_burst: float = 64.0
    tls_per_second: float = 10.0
    tls_in_a_burst: float = 32.0
    knocks_per_second: float = 100.0
    per_origin: int = 64
    handshakes: int = 64
    handshake_seconds: float = 5.0
    frame_seconds: float = 60.0
    idle_seconds: float = 30.0
    write_seconds: float = 30.0
    request_seconds: float = 30.0
    requests_in_flight: int = 64
    subscriptions: int = 16
    requests_per_second: int = 10_000
    refusals: int = 50
    guesses: int = 5
    lock_seconds: float = 30.0
    lock_cap_seconds: float = 900.0


def neighbourhood(address: str) -> str:
    """What one stranger can call its own: an IPv4 address, or an IPv6 network of 64 bits."""
    found = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address


@dataclass(slots=True)
class _Suspect:
    guesses: int = 0
    locks: int = 0
    locked_until: float = 0.0
    last: float = 0.0


class Guard:
    """Counts for one server; see ``Bounds``."""

    def __init__(self, bounds: Bounds, clock: Clock) -> None:
        self.bounds = bounds
        self.connections = 0
        self.handshakes = 0
        self.turned_away = 0
        self._clock = clock
        self._origins: Counter[str] = Counter()
        self._suspects: OrderedDict[str, _Suspect] = OrderedDict()
        self._knocks = _Buckets(bounds.tls_per_second / 2, bounds.tls_in_a_burst / 2, clock)
        self._refusals = _Buckets(1.0, bounds.refusals, clock)

    def may_knock(self, origin: str) -> bool:
        """Whether a TCP address is within its share of new connections; counts this one."""
        return self._knocks.of(origin).try_take()

    def refused(self, caller: str) -> bool:
        """Count a refused call of ``caller``; returns True when it is over its rate."""
        return self._refusals.of(caller).take() > 0

    def tired_of(self, caller: str) -> bool:
        """Whether ``caller`` was refused so often that it is not to be greeted now."""
        return self._refusals.of(caller).exhausted

    @contextmanager
    def connection(self, origin: str) -> Iterator[ErrorCode | None]:
        """Count a connection while the block lasts; yields why it must be turned away, if so."""
        bounds = self.bounds
        if self.locked(origin):
            refusal = ErrorCode.LOCKED_OUT
        elif (
            self.connections >= bounds.connections
            or self._origins[origin] >= bounds.per_origin
            or self.handshakes >= bounds.handshakes
        ):
            refusal = ErrorCode.BUSY
        else:
            self.connections += 1
            self._origins[origin] += 1
            try:
                yield None
            finally:
                self.connections -= 1
                self._origins[origin] -= 1
                if not self._origins[origin]:
                    del self._origins[origin]
            return
        if not self._origins[origin]:
            del self._origins[origin]
        self.turned_away += 1
        yield refusal

    @contextmanager
    def handshake(self) -> Iterator[None]:
        """Count a caller who is not yet known while the block lasts."""
        self.handshakes += 1
        try:
            yield
        finally:
            self.handshakes -= 1

    def locked(self, origin: str) -> bool:
        """Whether ``origin`` guessed too often and must wait."""
        suspect = self._suspects.get(origin)
        return suspect is not None and self._now() < suspect.locked_until

    def guessed_wrong(self, origin: str) -> bool:
        """Count a wrong token; returns True when this one locks the origin out."""
        now = self._now()
        suspect = self._suspects.setdefault(origin, _Suspect())
        self._suspects.move_to_end(origin)
        while len(self._suspects) > _REMEMBERED:
            self._suspects.popitem(last=False)
        if now - suspect.last > self.bounds.lock_cap_seconds:
            suspect.guesses = suspect.locks = 0
        suspect.last = now
        suspect.guesses += 1
        if suspect.guesses < self.bounds.guesses:
            return False
        wait = min(self.bounds.lock_cap_seconds, self.bounds.lock_seconds * 2**suspect.locks)
        suspect.locked_until = now + wait
        suspect.locks += 1
        suspect.guesses = 0
        return True

    def proved(self, origin: str) -> None:
        """A right token clears the guesses so far, not the lock-outs."""
        suspect = self._suspects.get(origin)
        if suspect is not None:
            suspect.guesses = 0

    def _now(self) -> float:
        return self._clock.monotonic_ns() / 1e9


class Bucket:
    """A token bucket: ``rate`` a second on average, ``burst`` at once.

    Args:
        rate: Per second, above 0.
        burst: At least 1.
        clock: Monotonic time.
    """

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._level = burst
        self._last_ns = clock.monotonic_ns()

    def take(self, number: int = 1) -> float:
        """Take ``number``; returns seconds to wait before going on, 0 when within the rate."""
        now_ns = self._clock.monotonic_ns()
        self._level = min(self._burst, self._level + (now_ns - self._last_ns) / 1e9 * self._rate)
        self._last_ns = now_ns
        self._level -= number
        return max(0.0, -self._level / self._rate)

    def try_take(self) -> bool:
        """Take one if it is there."""
        if self.exhausted:
            return False
        self.take()
        return True

    @property
    def exhausted(self) -> bool:
        """Whether there is not one left."""
        self.take(0)
        return self._level < 1


class _Buckets:
    """A bucket for each name; those not used for longest are forgotten."""

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._make = partial(Bucket, rate, burst, clock)
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def of(self, name: str) -> Bucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = self._make()
        self._buckets.move_to_end(name)
        while len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return bucket
