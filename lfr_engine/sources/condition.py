"""What state a camera is in, as a table, and when people hear of an outage.

Owns: the camera states and the debounced down and up events (R24). Never: a clock or a thread; time
is an argument in seconds. Strategy: the reader and its supervisor report signals, the table says
what state follows, and an outage is announced once it has lasted and once it is over.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class CameraState(enum.Enum):
    """What the board says of a camera."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"  # connected, but frames stopped
    LOST = "lost"  # broken; tried again by itself
    REFUSED = "refused"  # waits for the operator
    DISABLED = "disabled"
    ENDED = "ended"  # recorded material was read to its end
    CRASHED = "crashed"  # our defect, restart budget spent


class Signal(enum.Enum):
    """What happened to a camera."""

    OPEN = "open"  # a try to open it begins
    FRAME = "frame"
    SILENCE = "silence"  # no frame for the stall limit
    BREAK = "break"
    REFUSAL = "refusal"
    END = "end"
    DISABLE = "disable"
    CRASH = "crash"


_S, _C = Signal, CameraState
_ANYWHERE = {
    _S.BREAK: _C.LOST,
    _S.REFUSAL: _C.REFUSED,
    _S.END: _C.ENDED,
    _S.DISABLE: _C.DISABLED,
    _S.CRASH: _C.CRASHED,
    _S.OPEN: _C.CONNECTING,
}
TRANSITIONS: dict[tuple[CameraState, Signal], CameraState] = {
    **{(state, signal): after for state in CameraState for signal, after in _ANYWHERE.items()},
    (_C.LOST, _S.OPEN): _C.LOST,  # stays lost in people's eyes until a frame comes
    (_C.STALLED, _S.OPEN): _C.LOST,
    (_C.CONNECTING, _S.FRAME): _C.LIVE,
    (_C.LIVE, _S.FRAME): _C.LIVE,
    (_C.STALLED, _S.FRAME): _C.LIVE,
    (_C.LOST, _S.FRAME): _C.LIVE,
    (_C.LIVE, _S.SILENCE): _C.STALLED,
    (_C.CONNECTING, _S.SILENCE): _C.LOST,
    (_C.STALLED, _S.SILENCE): _C.STALLED,
    (_C.LOST, _S.SILENCE): _C.LOST,
}
"""(state, signal) → state; an absent pair changes nothing (a late frame of a closed camera)."""

WATCHING = frozenset({CameraState.LIVE})
NOT_AN_OUTAGE = frozenset({CameraState.DISABLED, CameraState.ENDED})


@dataclass(frozen=True, slots=True)
class CameraDown:
    """Announced once per outage, after it lasted the debounce time."""

    camera: str
    since_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class CameraUp:
    """Announced once, when an announced outage is over."""

    camera: str
    outage_s: float


class Condition:
    """One camera's state and outages.

    Args:
        camera: Its id.
        debounce_s: An outage shorter than this is never announced, and frames must flow this long
            before it counts as over; keeps a flapping link to one event.
    """

    def __init__(self, camera: str, *, debounce_s: float = 2.0) -> None:
        self.camera = camera
        self.state = CameraState.CONNECTING
        self.reason = ""
        self._debounce_s = debounce_s
        self._down_since: float | None = None
        self._up_since: float | None = None
        self._announced = False
        self._seen_live = False

    def signal(self, signal: Signal, now_s: float, reason: str = "") -> None:
        """Take a signal at time ``now_s``."""
        after = TRANSITIONS.get((self.state, signal), self.state)
        if reason:
            self.reason = reason
        if after is CameraState.LIVE:
            self._seen_live = True
            if self._up_since is None:
                self._up_since = now_s
        else:
            self._up_since = None
            if after in NOT_AN_OUTAGE:
                self._down_since, self._announced = None, False
            elif self._down_since is None and (self._seen_live or after is not _C.CONNECTING):
                self._down_since = now_s
        self.state = after

    def poll(self, now_s: float) -> CameraDown | CameraUp | None:
        """The event that is due at ``now_s``, if any; call a few times a second."""
        if self._down_since is None:
            return None
        if self._up_since is not None:
            if not self._announced:
                self._down_since = None
            elif now_s - self._up_since >= self._debounce_s:
                outage = self._up_since - self._down_since
                self._down_since, self._announced = None, False
                self.reason = ""
                return CameraUp(self.camera, outage)
            return None
        if not self._announced and now_s - self._down_since >= self._debounce_s:
            self._announced = True
            return CameraDown(self.camera, self._down_since, self.reason)
        return None
