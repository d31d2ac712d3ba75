"""Whether cameras may capture: the big red stop, pause, and the presence interlock (R17).

Owns: one state, changed by one table. Never: a way from stopped or paused back to running without a
named person; a refusal to stop. Strategy: ``stop`` and ``pause`` always succeed at once, whatever
the state; the caller closes the cameras first and journals afterwards. State is restored from the
journal's events, so an engine that was stopped starts stopped.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from lfr_engine.alerts.adjudication import Person
from lfr_engine.clock import Stamp
from lfr_engine.errors import RuleError
from lfr_engine.journal.events.deployment import (
    DeploymentEnded,
    DeploymentPaused,
    DeploymentResumed,
    DeploymentStopped,
    PresenceChanged,
)
from lfr_engine.journal.events.fields import Event, Role

PauseReason = Literal["operator", "presence", "ceiling", "journal", "fault"]
RESUMERS: frozenset[Role] = frozenset({"operator", "ao"})
SECOND = 1_000_000_000


class Capture(enum.Enum):
    """Whether cameras may capture; only ``RUNNING`` lets them."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    ENDED = "ended"


class Command(enum.Enum):
    """What changes it."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    END = "end"


TRANSITIONS: dict[tuple[Capture, Command], Capture] = {
    (Capture.RUNNING, Command.PAUSE): Capture.PAUSED,
    (Capture.PAUSED, Command.PAUSE): Capture.PAUSED,
    (Capture.STOPPED, Command.PAUSE): Capture.STOPPED,
    (Capture.ENDED, Command.PAUSE): Capture.ENDED,
    (Capture.RUNNING, Command.STOP): Capture.STOPPED,
    (Capture.PAUSED, Command.STOP): Capture.STOPPED,
    (Capture.STOPPED, Command.STOP): Capture.STOPPED,
    (Capture.ENDED, Command.STOP): Capture.ENDED,
    (Capture.PAUSED, Command.RESUME): Capture.RUNNING,
    (Capture.STOPPED, Command.RESUME): Capture.RUNNING,
    (Capture.RUNNING, Command.END): Capture.ENDED,
    (Capture.PAUSED, Command.END): Capture.ENDED,
    (Capture.STOPPED, Command.END): Capture.ENDED,
    (Capture.ENDED, Command.END): Capture.ENDED,
}
"""Resuming what runs or has ended is the only command that can be refused."""


@dataclass(frozen=True, slots=True)
class StopSettings:
    """presence_s: an operator silent for longer pauses capture; None switches the interlock off
    (an exercise without an operator).
    """

    deployment: str
    presence_s: float | None = 15.0


class StopMachine:
    """The one owner of "may capture".

    Args:
        settings: The deployment and its interlock.
        now_ns: Monotonic; silence is counted from here.
    """

    def __init__(self, settings: StopSettings, now_ns: int) -> None:
        self.settings = settings
        self.state = Capture.RUNNING
        self.reason = ""
        self.present = True
        self._heard_ns = now_ns

    @property
    def may_capture(self) -> bool:
        """Whether frames may be taken at this moment."""
        return self.state is Capture.RUNNING

    def stop(
        self, person: Person, reason: str, *, capture_ended_ms: float | None = None
    ) -> DeploymentStopped:
        """The big red stop: anybody may press it, at any time, again and again.

        capture_ended_ms: from the press to the last frame, where the caller has measured it.
        """
        event = DeploymentStopped(
            actor=person.name,
            role=person.role,
            deployment=self.settings.deployment,
            reason=reason or "stop",
            capture_ended_ms=capture_ended_ms,
        )
        self.apply(event)
        return event

    def pause(
        self, reason: PauseReason, actor: str | None = None, note: str | None = None
    ) -> DeploymentPaused | None:
        """Let capture stand still; None where it already does."""
        if self.state is not Capture.RUNNING:
            return None
        event = DeploymentPaused(
            deployment=self.settings.deployment, reason=reason, actor=actor, note=note
        )
        self.apply(event)
        return event

    def resume(self, person: Person, now: Stamp, note: str | None = None) -> DeploymentResumed:
        """A named person lets capture go on; their asking counts as a sign of presence.

        Raises:
            RuleError: R17, nothing stands still, the deployment has ended, or the role may not.
        """
        subject = f"deployment {self.settings.deployment}"
        if person.role not in RESUMERS or not person.name.strip():
            raise RuleError("R17", subject, f"{person.name or 'nobody'} may not resume it")
        if (self.state, Command.RESUME) not in TRANSITIONS:
            raise RuleError("R17", subject, f"is {self.state.value} and cannot be resumed")
        event = DeploymentResumed(
            actor=person.name, role=person.role, deployment=self.settings.deployment, note=note
        )
        self.apply(event)
        self._heard_ns = now.monotonic_ns
        return event

    def heartbeat(self, now: Stamp) -> PresenceChanged | None:
        """The operator is there; the event where they were missed. Capture stays paused."""
        silent_s = (now.monotonic_ns - self._heard_ns) / SECOND
        self._heard_ns = max(self._heard_ns, now.monotonic_ns)
        if self.present:
            return None
        event = PresenceChanged(
            deployment=self.settings.deployment, present=True, silent_s=silent_s
        )
        self.apply(event)
        return event

    def tick(self, now: Stamp) -> tuple[Event, ...]:
        """Call about once a second: pauses capture once the operator was silent for too long."""
        limit = self.settings.presence_s
        silent_s = (now.monotonic_ns - self._heard_ns) / SECOND
        if limit is None or not self.may_capture or silent_s <= limit:
            return ()
        missed = PresenceChanged(
            deployment=self.settings.deployment, present=False, silent_s=silent_s
        )
        self.apply(missed)
        paused = self.pause("presence")
        assert paused is not None
        return missed, paused

    def apply(self, event: Event) -> None:
        """Change the state by one of this deployment's journalled events; others are ignored."""
        match event:
            case DeploymentStopped():
                self._step(Command.STOP, event.reason)
            case DeploymentPaused():
                self._step(Command.PAUSE, event.reason)
            case DeploymentResumed():
                self._step(Command.RESUME, "")
                self.present = True
            case DeploymentEnded():
                self._step(Command.END, event.reason)
            case PresenceChanged():
                self.present = event.present

    def _step(self, command: Command, reason: str) -> None:
        after = TRANSITIONS[self.state, command]
        if after is not self.state:
            self.state, self.reason = after, reason
