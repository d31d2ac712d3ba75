"""The modem at the end of a serial line, as a table: events and time in, effects out.

Owns: the order of commands, one outstanding send, the watchdog, which errors are worth a retry.
Never: a port, a queue of cues (the desk has it), a decision about recipients. Strategy: ``_TABLE``
maps (phase, signal) to (next phase, action); the shell writes what ``Write`` says, calls ``tick``
at ``wake_at`` and hands everything else on.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import ClassVar

from lfr_engine.relay.tetra import at
from lfr_engine.relay.tetra.effects import (
    ALREADY_REGISTERED,
    SHORT_DATA,
    Effect,
    Failed,
    Heard,
    Left,
    Lost,
    Message,
    Ready,
    Taken,
    Unconfirmed,
    Write,
    refusal_text,
    worth_a_retry,
)

ANSWER_LIMIT_S = 2.0
"""How long a modem may take to answer a command (seen: below 0.2 s)."""

SEND_LIMIT_S = 8.0
"""How long ``AT+CMGS`` may take: seen 1 s; a busy control channel takes several."""

SENT_LIMIT_S = 6.0
"""How long to wait for ``+CMGS: 0,4`` after ``OK`` (seen: 2 s) before the next message goes."""

CLEAR_S = 0.2
"""How long a modem may go on about what was said before the port was opened."""

WATCHDOG_S = 10.0

MOST_LATE = 255
"""Messages whose "sent" may still come; a modem counts its references in one byte."""

MOST_ACKNOWLEDGEMENTS = 16
"""Acknowledgements waiting to be sent; older ones go, for the network repeats its reports."""

_STATUS_SENT = 4
_STATUS_FAILED = 5


class Phase(enum.Enum):
    """Where the modem is."""

    CLOSED = "closed"
    CLEARING = "clearing"
    SYNC = "sync"
    SETUP = "setup"
    READY = "ready"
    SELECTING = "selecting"
    SENDING = "sending"
    ON_AIR = "on air"
    PROBING = "probing"
    LOST = "lost"


class Signal(enum.Enum):
    """What can happen to it."""

    OPEN = "port opened"
    OK = "OK"
    REFUSED = "error"
    SENT = "sent"
    DROPPED = "not sent"
    OVERDUE = "limit passed"
    SUBMIT = "message to send"
    SUBMIT_OTHER = "message of another service to send"
    CONFIGURED = "every set-up command answered"
    RESTARTED = "echo is on again"


_SETUP: tuple[tuple[str, bool], ...] = (
    # (command, needed): a modem that refuses a needed one is told about in Ready.lacks
    ("ATE0", False),
    ("AT+CSCS=8859-1", False),
    ("AT+CTSP=1,3,130", True),
    ("AT+CTSP=1,3,137", False),
    ("AT+CTSP=1,3,138", False),
    ("AT+CTSP=1,3,140", False),
    ("AT+CTSP=1,2,20", True),
    ("AT+CMGS=?", False),
    ("AT+CNUMF?", False),
    ("AT+CSQ", False),
    ("AT+CTOM?", False),
    ("AT+CTSDS=12,0,0,0,0", True),
)


_Action = Callable[["Modem", float], Signal | None]

_WORKING = (Phase.READY, Phase.SELECTING, Phase.SENDING, Phase.ON_AIR, Phase.PROBING)
_ANY_RESTART = tuple((phase, Signal.RESTARTED) for phase in _WORKING)


class Modem:
    """One modem from open port to lost port.

    Args:
        largest_bits: Configured largest message; the modem's own limit can only lower it.
    """

    def __init__(self, largest_bits: int = 668) -> None:
        self.phase = Phase.CLOSED
        self.facts: dict[str, str] = {}
        """Latest body of each answer that is not about a message: +CNUMF, +CSQ, +CTOM, +CREG."""
        self.largest_bits = largest_bits
        self.garbled = 0
        self._reader = at.Reader()
        self._step = 0
        self._lacks: list[str] = []
        self._service = 0
        self._message: Message | None = None
        self._reference: int | None = None
        self._early: Signal | None = None
        self._late: dict[int, int] = {}
        self._acknowledgements: deque[Message] = deque(maxlen=MOST_ACKNOWLEDGEMENTS)
        self._refusal: int | None = None
        self._silenced = False
        self._due: float | None = None
        self._effects: list[Effect] = []

    @property
    def wake_at(self) -> float | None:
        """When ``tick`` must be called next, in the seconds of ``now``; None when closed."""
        return self._due

    @property
    def idle(self) -> bool:
        """True when ``submit`` may be called."""
        return self.phase is Phase.READY

    def open(self, now: float) -> list[Effect]:
        """The port was opened."""
        return self._signal(Signal.OPEN, now)

    def submit(self, message: Message, now: float) -> list[Effect]:
        """Send one message; only while ``idle``."""
        if not self.idle:
            raise ValueError("the modem is busy")
        if 8 * len(message.data) > self.largest_bits:
            why = f"{8 * len(message.data)} bits, the modem takes {self.largest_bits}"
            return [Failed(message.number, why, again=False)]
        self._message = message
        chosen = self._service == message.service
        return self._signal(Signal.SUBMIT if chosen else Signal.SUBMIT_OTHER, now)

    def acknowledge(self, message: Message, now: float) -> list[Effect]:
        """Queue one of our own answers; it goes before the next cue."""
        self._acknowledgements.append(message)
        return self._idle_work(now)

    def tick(self, now: float) -> list[Effect]:
        """Time passed."""
        if self._due is None or now < self._due:
            return []
        return self._signal(Signal.OVERDUE, now)

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Bytes came from the port."""
        effects: list[Effect] = []
        for event in self._reader.feed(data):
            effects += self._event(event, now)
        return effects

    def _event(self, event: at.Event, now: float) -> list[Effect]:
        match event:
            case at.Ok():
                return self._signal(Signal.OK, now)
            case at.Refused(code):
                self._refusal = code
                return self._signal(Signal.REFUSED, now)
            case at.SendNotice():
                return self._notice(event, now)
            case at.Incoming():
                return [Heard(event)]
            case at.Value(prefix, body):
                self._fact(prefix, body)
            case at.Echo():
                # we turned echo off: a modem that echoes again has restarted and forgotten us
                return self._signal(Signal.RESTARTED, now) if self._silenced else []
            case at.Garbled():
                self.garbled += 1
        return []

    def _notice(self, notice: at.SendNotice, now: float) -> list[Effect]:
        signals = {_STATUS_SENT: Signal.SENT, _STATUS_FAILED: Signal.DROPPED}
        signal = signals.get(-1 if notice.status is None else notice.status)
        if signal is None:  # part of the answer to AT+CMGS
            if self.phase is Phase.SENDING:
                self._reference = notice.reference
            return []
        current = self._reference is None or notice.reference in {None, self._reference}
        if self.phase in {Phase.SENDING, Phase.ON_AIR} and current:
            return self._signal(signal, now)
        number = self._late.pop(-1 if notice.reference is None else notice.reference, 0)
        if not number:
            return []
        return [Left(number) if signal is Signal.SENT else Failed(number, "not sent", again=True)]

    def _fact(self, prefix: str, body: str) -> None:
        if prefix == "+CMGS":
            numbers = [int(part) for part in _numbers(body)]
            if numbers and numbers[-1] >= 8:
                self.largest_bits = min(self.largest_bits, numbers[-1])
        elif prefix in {"+CNUMF", "+CSQ", "+CTOM", "+CREG"}:
            self.facts[prefix] = body

    # --- the table's machinery ---

    def _signal(self, signal: Signal, now: float) -> list[Effect]:
        entry = self._TABLE.get((self.phase, signal))
        if entry is None:  # a stray OK or error: nobody asked, nothing changes
            return []
        self._effects = []
        while entry is not None:
            self.phase, action = entry
            follow = action(self, now)
            entry = None if follow is None else self._TABLE[self.phase, follow]
        effects, self._effects = self._effects, []
        return effects + self._idle_work(now)

    def _idle_work(self, now: float) -> list[Effect]:
        if self.phase is Phase.READY and self._acknowledgements:
            return self.submit(self._acknowledgements.popleft(), now)
        return []

    def _write(self, data: bytes, now: float, limit: float = ANSWER_LIMIT_S) -> None:
        self._effects.append(Write(data))
        self._due = now + limit

    def _wait(self, now: float) -> None:
        self._due = now + WATCHDOG_S

    # --- the table's actions; one may return the signal that follows from it ---

    def _begin(self, now: float) -> None:
        # a modem left inside AT+CMGS takes everything but an ESC for data, one left inside a line
        # needs its end; whatever it says to that is not an answer to us
        self._write(at.ABORT + at.command(""), now, CLEAR_S)

    def _set_up(self, now: float) -> Signal | None:
        if self._step == len(_SETUP):
            return Signal.CONFIGURED
        self._write(at.command(_SETUP[self._step][0]), now)
        self._step += 1
        return None

    def _setup_accepted(self, now: float) -> Signal | None:
        command, _ = _SETUP[self._step - 1]
        if command == "ATE0":
            self._silenced = True
        elif command.startswith("AT+CTSDS"):
            self._service = SHORT_DATA
        return self._set_up(now)

    def _setup_refused(self, now: float) -> Signal | None:
        command, needed = _SETUP[self._step - 1]
        if needed and self._refusal != ALREADY_REGISTERED:
            self._lacks.append(f"{command} ({refusal_text(self._refusal)})")
        return self._set_up(now)

    def _configured(self, now: float) -> None:
        self._effects.append(Ready(self.largest_bits, tuple(self._lacks)))
        self._wait(now)

    def _select(self, now: float) -> None:
        self._write(at.select_service(self._sending.service), now)

    def _send(self, now: float) -> None:
        message = self._sending
        self._reference, self._early = None, None
        # a status changes what some modems send next, so short data is chosen again after one
        self._service = SHORT_DATA if message.service == SHORT_DATA else 0
        self._write(at.send_message(message.called, message.data), now, SEND_LIMIT_S)

    def _sent_early(self, now: float) -> None:  # noqa: ARG002 - the limit of the command stands
        self._early = Signal.SENT

    def _dropped_early(self, now: float) -> None:  # noqa: ARG002 - the limit of the command stands
        self._early = Signal.DROPPED

    def _accepted(self, now: float) -> Signal | None:
        self._effects.append(Taken(self._sending.number))
        self._due = now + SENT_LIMIT_S
        return self._early

    def _left(self, now: float) -> None:
        self._effects.append(Left(self._done()))
        self._wait(now)

    def _dropped(self, now: float) -> None:
        self._effects.append(Failed(self._done(), "not sent", again=True))
        self._wait(now)

    def _unconfirmed(self, now: float) -> None:
        self._late[-1 if self._reference is None else self._reference] = self._sending.number
        while len(self._late) > MOST_LATE:
            del self._late[next(iter(self._late))]
        self._effects.append(Unconfirmed(self._done()))
        self._wait(now)

    def _refused(self, now: float) -> None:
        again = worth_a_retry(self._refusal)
        self._service = 0  # perhaps it forgot what was chosen
        self._effects.append(Failed(self._done(), refusal_text(self._refusal), again))
        self._wait(now)

    def _probe(self, now: float) -> None:
        self._write(at.command("AT"), now)

    def _lose(self, now: float) -> None:  # noqa: ARG002 - a lost modem waits for nothing
        self._end("no answer from the modem")

    def _restart(self, now: float) -> None:  # noqa: ARG002 - a lost modem waits for nothing
        self._end("the modem restarted")

    def _end(self, why: str) -> None:
        self._due = None
        if self._message is not None:
            self._effects += [Write(at.ABORT), Failed(self._done(), why, again=True)]
        self._effects.append(Lost(why))

    @property
    def _sending(self) -> Message:
        assert self._message is not None, "a sending phase has a message"
        return self._message

    def _done(self) -> int:
        number = self._sending.number
        self._message = None
        return number

    # fmt: off
    _TABLE: ClassVar[dict[tuple[Phase, Signal], tuple[Phase, _Action]]] = {
        (Phase.CLOSED, Signal.OPEN): (Phase.CLEARING, _begin),
        (Phase.CLEARING, Signal.OVERDUE): (Phase.SYNC, _probe),
        (Phase.SYNC, Signal.OK): (Phase.SETUP, _set_up),
        (Phase.SYNC, Signal.REFUSED): (Phase.LOST, _lose),
        (Phase.SYNC, Signal.OVERDUE): (Phase.LOST, _lose),
        (Phase.SETUP, Signal.OK): (Phase.SETUP, _setup_accepted),
        (Phase.SETUP, Signal.REFUSED): (Phase.SETUP, _setup_refused),
        (Phase.SETUP, Signal.OVERDUE): (Phase.LOST, _lose),
        (Phase.SETUP, Signal.CONFIGURED): (Phase.READY, _configured),
        (Phase.READY, Signal.SUBMIT): (Phase.SENDING, _send),
        (Phase.READY, Signal.SUBMIT_OTHER): (Phase.SELECTING, _select),
        (Phase.READY, Signal.OVERDUE): (Phase.PROBING, _probe),
        (Phase.PROBING, Signal.OK): (Phase.READY, _wait),
        (Phase.PROBING, Signal.REFUSED): (Phase.READY, _wait),
        (Phase.PROBING, Signal.OVERDUE): (Phase.LOST, _lose),
        (Phase.SELECTING, Signal.OK): (Phase.SENDING, _send),
        (Phase.SELECTING, Signal.REFUSED): (Phase.READY, _refused),
        (Phase.SELECTING, Signal.OVERDUE): (Phase.LOST, _lose),
        (Phase.SENDING, Signal.SENT): (Phase.SENDING, _sent_early),
        (Phase.SENDING, Signal.DROPPED): (Phase.SENDING, _dropped_early),
        (Phase.SENDING, Signal.OK): (Phase.ON_AIR, _accepted),
        (Phase.SENDING, Signal.REFUSED): (Phase.READY, _refused),
        (Phase.SENDING, Signal.OVERDUE): (Phase.LOST, _lose),
        (Phase.ON_AIR, Signal.SENT): (Phase.READY, _left),
        (Phase.ON_AIR, Signal.DROPPED): (Phase.READY, _dropped),
        (Phase.ON_AIR, Signal.OVERDUE): (Phase.READY, _unconfirmed),
        **dict.fromkeys(_ANY_RESTART, (Phase.LOST, _restart)),
    }
    # fmt: on


def _numbers(text: str) -> list[str]:
    """The runs of decimal digits in ``text``."""
    return "".join(letter if "0" <= letter <= "9" else " " for letter in text).split()
