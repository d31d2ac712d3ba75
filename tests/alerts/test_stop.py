from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.alerts.adjudication import Person
from lfr_engine.alerts.stop import TRANSITIONS, Capture, Command, StopMachine, StopSettings
from lfr_engine.errors import RuleError
from lfr_engine.journal.events.deployment import (
    DeploymentEnded,
    DeploymentPaused,
    PresenceChanged,
)
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.kinds import checked, item, typed
from tests.alerts.support import FINN, OLGA, at

SETTINGS = StopSettings("dep-1", presence_s=15.0)


def machine(*journal: Event) -> StopMachine:
    made = StopMachine(SETTINGS, 0)
    for event in journal:
        kind, body = item(event)
        made.apply(typed(kind, checked(kind, body)))
    return made


def test_stopping_and_pausing_are_never_refused() -> None:
    for state, command in itertools.product(Capture, (Command.STOP, Command.PAUSE, Command.END)):
        assert TRANSITIONS[state, command] is not Capture.RUNNING


def test_only_resuming_leads_back_to_running() -> None:
    ways = {pair for pair, after in TRANSITIONS.items() if after is Capture.RUNNING}
    assert {command for _, command in ways} == {Command.RESUME}


def test_anybody_may_stop_and_an_operator_resumes() -> None:
    stop = machine()
    event = stop.stop(FINN, "crowd crush", capture_ended_ms=120)
    assert (event.actor, event.reason, stop.may_capture) == ("Finn", "crowd crush", False)
    with pytest.raises(RuleError, match="R17"):
        stop.resume(FINN, at(5))
    assert stop.resume(OLGA, at(5)).actor == "Olga"
    assert stop.may_capture
    with pytest.raises(RuleError, match="cannot be resumed"):
        stop.resume(OLGA, at(6))


def test_a_stop_needs_no_name_to_stop_but_a_resume_does() -> None:
    stop = machine()
    stop.stop(Person("?", "engine"), "")
    with pytest.raises(RuleError, match="nobody"):
        stop.resume(Person("", "operator"), at(1))
    assert not stop.may_capture


def test_a_stop_survives_a_restart() -> None:
    stop = machine()
    pressed = stop.stop(OLGA, "test")
    again = machine(pressed)
    assert (again.state, again.reason) == (Capture.STOPPED, "test")
    resumed = again.resume(OLGA, at(9))
    assert machine(pressed, resumed).may_capture


def test_a_pause_never_weakens_a_stop_and_nothing_resumes_what_has_ended() -> None:
    stop = machine()
    stop.stop(OLGA, "test")
    assert stop.pause("ceiling") is None
    assert stop.state is Capture.STOPPED
    stop.apply(DeploymentEnded(deployment="dep-1", reason="authority_end"))
    with pytest.raises(RuleError, match="is ended"):
        stop.resume(OLGA, at(9))


def test_a_silent_operator_pauses_capture_and_a_sign_of_life_does_not_resume_it() -> None:
    stop = machine()
    stop.heartbeat(at(10))
    assert stop.tick(at(25)) == ()
    missed, paused = stop.tick(at(25.1))
    assert isinstance(missed, PresenceChanged)
    assert missed.silent_s == pytest.approx(15.1)
    assert isinstance(paused, DeploymentPaused)
    assert paused.reason == "presence"
    assert stop.tick(at(40)) == ()
    back = stop.heartbeat(at(41))
    assert back is not None
    assert back.present
    assert not stop.may_capture
    stop.resume(OLGA, at(42))
    assert stop.tick(at(50)) == ()
    assert stop.may_capture


def test_resuming_counts_as_presence() -> None:
    stop = machine()
    stop.tick(at(16))
    stop.resume(OLGA, at(100))
    assert stop.tick(at(110)) == ()
    assert len(stop.tick(at(116))) == 2


def test_an_exercise_may_run_without_an_operator() -> None:
    stop = StopMachine(StopSettings("dep-1", presence_s=None), 0)
    assert stop.tick(at(10_000)) == ()


acts = st.sampled_from(["stop", "pause", "resume", "heartbeat", "tick"])


@given(st.lists(st.tuples(acts, st.floats(0, 30))))
def test_the_journal_restores_whether_capture_is_allowed(steps: list[tuple[str, float]]) -> None:
    stop, journal, now = machine(), list[Event](), 0.0
    allowed_before = True
    for act, gap in steps:
        now += gap
        if act == "stop":
            journal.append(stop.stop(FINN, "x"))
        elif act == "pause":
            journal += [event] if (event := stop.pause("operator", "Olga")) else []
        elif act == "heartbeat":
            journal += [beat] if (beat := stop.heartbeat(at(now))) else []
        elif act == "tick":
            journal += stop.tick(at(now))
        else:
            try:
                journal.append(stop.resume(OLGA, at(now)))
            except RuleError:
                assert stop.may_capture
        assert not (stop.may_capture and not allowed_before) or act == "resume"
        allowed_before = stop.may_capture
        restored = machine(*journal)
        assert (restored.state, restored.reason, restored.present) == (
            stop.state,
            stop.reason,
            stop.present,
        )
