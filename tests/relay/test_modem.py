"""The modem table: set-up, one send at a time, refusals, watchdog, restarts. Time is passed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.relay.tetra import at
from lfr_engine.relay.tetra.effects import (
    SHORT_DATA,
    STATUS,
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
)
from lfr_engine.relay.tetra.modem import (
    ANSWER_LIMIT_S,
    CLEAR_S,
    SEND_LIMIT_S,
    SENT_LIMIT_S,
    WATCHDOG_S,
    Modem,
    Phase,
    Signal,
)

CUE = Message(1, "1234567", b"\x82\x0e\x2a\x01LFR ALERT")


def opened(largest_bits: int = 668, now: float = 0.0) -> Modem:
    """A modem that was cleared and is asked for its first OK."""
    modem = Modem(largest_bits)
    modem.open(now - CLEAR_S)
    modem.tick(now)
    return modem


def ready(modem: Modem | None = None, now: float = 0.0) -> Modem:
    """A modem taken through set-up by answering OK to everything."""
    modem = modem or opened(now=now)
    for _ in range(40):
        if modem.idle:
            return modem
        modem.receive(b"\r\nOK\r\n", now)
    raise AssertionError("never ready")


def written(effects: list[Effect]) -> bytes:
    return b"".join(effect.data for effect in effects if isinstance(effect, Write))


def test_set_up_asks_everything_once_and_in_order() -> None:
    modem = Modem()
    sent = [written(modem.open(0.0))]
    assert modem.receive(b"ERROR\r\nOK\r\n", 0.1) == [], "not an answer to us"
    sent.append(written(modem.tick(CLEAR_S)))
    answers = {b"AT+CMGS=?": b"+CMGS: (0-16777215),(8-1184)\r\n", b"AT+CNUMF?": b"+CNUMF: 0,42\r\n"}
    effects: list[Effect] = []
    while not modem.idle:
        answer = answers.get(sent[-1].strip(), b"") + b"OK\r\n"
        effects = modem.receive(answer, 0.0)
        sent.append(written(effects))
    assert sent == [
        b"\x1b\r\n",
        b"AT\r\n",
        b"ATE0\r\n",
        b"AT+CSCS=8859-1\r\n",
        b"AT+CTSP=1,3,130\r\n",
        b"AT+CTSP=1,3,137\r\n",
        b"AT+CTSP=1,3,138\r\n",
        b"AT+CTSP=1,3,140\r\n",
        b"AT+CTSP=1,2,20\r\n",
        b"AT+CMGS=?\r\n",
        b"AT+CNUMF?\r\n",
        b"AT+CSQ\r\n",
        b"AT+CTOM?\r\n",
        b"AT+CTSDS=12,0,0,0,0\r\n",
        b"",
    ]
    assert effects == [Ready(668, ())]
    assert modem.facts["+CNUMF"] == "0,42"
    assert not any(b"ATZ" in line for line in sent), "a reset may reboot the radio"


def test_the_modem_may_lower_the_limit_but_not_raise_it() -> None:
    small = opened(2047)
    small.receive(b"+CMGS: (0-9),(8-1184)\r\n", 0.0)
    assert small.largest_bits == 1184
    ready(small)
    assert small.submit(Message(7, "1", bytes(149)), 0.0) == [
        Failed(7, "1192 bits, the modem takes 1184", again=False)
    ]
    assert small.idle


def test_already_registered_is_success_and_a_refused_need_is_told() -> None:
    modem = opened()
    effects: list[Effect] = modem.receive(b"OK\r\n", 0.0)
    while not modem.idle:
        line = written(effects)
        refuse = {
            b"AT+CTSP=1,3,130\r\n": b"+CME ERROR: 38\r\n",
            b"AT+CTSP=1,2,20\r\n": b"+CME ERROR: 39\r\n",
        }
        effects = modem.receive(refuse.get(line, b"OK\r\n"), 0.0)
    assert effects == [Ready(668, ("AT+CTSP=1,2,20 (CME 39 protocol table full)",))]


def test_a_send_goes_to_the_byte_and_reports_each_step() -> None:
    modem = ready()
    assert written(modem.submit(CUE, 1.0)) == at.send_message(CUE.called, CUE.data)
    assert modem.receive(b"+CMGS: 0,0,7\r\n", 1.1) == []
    assert modem.receive(b"\r\nOK\r\n", 1.2) == [Taken(1)]
    assert not modem.idle
    assert modem.receive(b"+CMGS: 0,4,7\r\n", 3.0) == [Left(1)]
    assert modem.idle


def test_sent_may_come_before_ok() -> None:
    modem = ready()
    modem.submit(CUE, 0.0)
    assert modem.receive(b"+CMGS: 0\r\n+CMGS: 0,4,7\r\n", 0.0) == []
    assert modem.receive(b"OK\r\n", 0.0) == [Taken(1), Left(1)]
    modem.submit(CUE, 0.0)
    assert modem.receive(b"+CMGS: 0,5,8\r\nOK\r\n", 0.0) == [
        Taken(1),
        Failed(1, "not sent", again=True),
    ]
    assert modem.idle


def test_a_modem_that_never_says_sent_is_not_waited_for_and_may_say_it_late() -> None:
    modem = ready()
    modem.submit(CUE, 0.0)
    modem.receive(b"+CMGS: 0,0,7\r\nOK\r\n", 0.0)
    assert modem.tick(SENT_LIMIT_S) == [Unconfirmed(1)]
    assert modem.idle
    assert modem.receive(b"+CMGS: 0,4,9\r\n", 7.0) == []
    assert modem.receive(b"+CMGS: 0,4,7\r\n", 8.0) == [Left(1)]
    assert modem.receive(b"+CMGS: 0,4,7\r\n", 8.0) == [], "a duplicate says nothing new"


@pytest.mark.parametrize("code", [0, 1, 2, 3, 20, 30, 31, 36, 37, 41, 42, 43, 99])
def test_refusals_that_may_heal_are_retried(code: int) -> None:
    modem = ready()
    modem.submit(CUE, 0.0)
    (failed,) = modem.receive(f"+CME ERROR: {code}\r\n".encode(), 0.0)
    assert isinstance(failed, Failed)
    assert failed.again
    assert modem.idle


@pytest.mark.parametrize("code", [4, 32, 33, 34, 35])
def test_refusals_that_blame_the_message_are_not_repeated_unchanged(code: int) -> None:
    modem = ready()
    modem.submit(CUE, 0.0)
    (failed,) = modem.receive(f"+CME ERROR: {code}\r\n".encode(), 0.0)
    assert isinstance(failed, Failed)
    assert not failed.again
    # the service is chosen afresh: the modem may have forgotten it
    assert written(modem.submit(CUE, 0.0)) == at.select_service(SHORT_DATA)


def test_a_service_that_was_refused_at_set_up_is_chosen_before_each_message() -> None:
    modem = opened()
    effects: list[Effect] = modem.receive(b"OK\r\n", 0.0)
    while not modem.idle:
        refuse = written(effects).startswith(b"AT+CTSDS")
        effects = modem.receive(b"+CME ERROR: 3\r\n" if refuse else b"OK\r\n", 0.0)
    assert effects == [Ready(668, ("AT+CTSDS=12,0,0,0,0 (CME 3 not allowed now)",))]
    assert written(modem.submit(CUE, 0.0)) == at.select_service(SHORT_DATA)


def test_the_service_is_chosen_again_after_a_status() -> None:
    modem = ready()
    status = Message(2, "1234567", b"\x80\x03", STATUS)
    assert written(modem.submit(status, 0.0)) == b"AT+CTSDS=13,0\r\n"
    assert written(modem.receive(b"OK\r\n", 0.0)) == b"AT+CMGS=1234567,16\r\n8003\x1a"
    modem.receive(b"+CMGS: 0\r\nOK\r\n+CMGS: 0,4\r\n", 0.0)
    assert modem.idle
    assert written(modem.submit(CUE, 0.0)) == b"AT+CTSDS=12,0,0,0,0\r\n"
    assert written(modem.receive(b"OK\r\n", 0.0)) == at.send_message(CUE.called, CUE.data)
    modem.receive(b"OK\r\n+CMGS: 0,4\r\n", 0.0)
    assert written(modem.submit(CUE, 0.0)) == at.send_message(CUE.called, CUE.data)


def test_the_watchdog_asks_every_ten_seconds_and_gives_up_after_two() -> None:
    modem = ready(now=100.0)
    assert modem.wake_at == 100.0 + WATCHDOG_S
    assert modem.tick(109.9) == []
    assert written(modem.tick(110.0)) == b"AT\r\n"
    assert modem.receive(b"OK\r\n", 110.1) == []
    assert modem.idle
    modem.tick(120.1)
    assert modem.tick(120.1 + ANSWER_LIMIT_S) == [Lost("no answer from the modem")]
    assert modem.wake_at is None


@pytest.mark.parametrize("steps", range(13))
def test_silence_at_any_step_of_set_up_loses_the_modem(steps: int) -> None:
    modem = opened()
    for _ in range(steps):
        modem.receive(b"OK\r\n", 0.0)
    assert modem.tick(ANSWER_LIMIT_S)[-1] == Lost("no answer from the modem")


def test_silence_inside_a_send_aborts_it_and_says_its_fate_is_unknown() -> None:
    modem = ready()
    modem.submit(CUE, 0.0)
    assert modem.tick(SEND_LIMIT_S) == [
        Write(at.ABORT),
        Failed(1, "no answer from the modem", again=True),
        Lost("no answer from the modem"),
    ]


def test_an_indication_between_a_command_and_its_ok_is_heard() -> None:
    modem = ready()
    modem.submit(CUE, 0.0)
    heard, taken = modem.receive(b"+CTSDSR: 13,1,0,2,0,16\r\n7E2A\r\n+CMGS: 0\r\nOK\r\n", 0.0)
    assert heard == Heard(at.Incoming(13, "1", "2", 16, b"\x7e\x2a"))
    assert taken == Taken(1)


def test_echo_during_set_up_is_normal_and_later_means_a_restart() -> None:
    modem = opened()
    modem.receive(b"AT\r\r\nOK\r\n", 0.0)
    modem.receive(b"ATE0\r\r\nOK\r\n", 0.0)
    ready_effects = modem.receive(b"OK\r\n" * 11, 0.0)
    assert ready_effects[-1] == Ready(668, ())
    modem.submit(CUE, 1.0)
    assert modem.receive(b"AT+CMGS=1234567,104\r\n", 1.0)[-1] == Lost("the modem restarted")


def test_a_modem_that_refuses_to_be_silent_may_echo_for_ever() -> None:
    modem = opened()
    modem.receive(b"OK\r\n", 0.0)
    modem.receive(b"ERROR\r\n", 0.0)
    modem.receive(b"OK\r\n" * 11, 0.0)
    assert modem.idle
    modem.submit(CUE, 0.0)
    echo = at.send_message(CUE.called, CUE.data)
    assert modem.receive(echo + b"\r\n+CMGS: 0\r\nOK\r\n", 0.0) == [Taken(1)]


def test_acknowledgements_go_before_the_next_cue_and_are_bounded() -> None:
    modem = ready()
    modem.submit(CUE, 0.0)
    answer = Message(0, "1234567", b"\x82\x20\x01\x2a")
    assert modem.acknowledge(answer, 0.0) == []
    effects = modem.receive(b"OK\r\n+CMGS: 0,4,1\r\n", 0.0)
    assert effects[:2] == [Taken(1), Left(1)]
    assert written(effects) == at.send_message("1234567", answer.data)
    for _ in range(100):
        modem.acknowledge(answer, 0.0)
    assert len(modem._acknowledgements) <= 16


def test_a_stray_answer_changes_nothing() -> None:
    modem = ready()
    assert modem.receive(b"OK\r\nERROR\r\n+CMGS: 0\r\n+CME ERROR: 2\r\nnoise\r\n", 0.0) == []
    assert modem.idle
    assert modem.garbled == 1


def test_a_modem_that_refuses_even_at_is_given_up_not_asked_for_ever() -> None:
    modem = opened()
    assert modem.receive(b"ERROR\r\n", 0.0) == [Lost("no answer from the modem")]


def test_every_working_phase_has_a_way_out_when_nothing_answers() -> None:
    stuck = {
        phase
        for phase in Phase
        if phase not in {Phase.CLOSED, Phase.LOST} and (phase, Signal.OVERDUE) not in Modem._TABLE
    }
    assert stuck == set()


answers = st.sampled_from(
    [
        b"OK\r\n",
        b"ERROR\r\n",
        b"+CME ERROR: 2\r\n",
        b"+CME ERROR: 33\r\n",
        b"+CMGS: 0\r\n",
        b"+CMGS: 0,4,7\r\n",
        b"+CMGS: 0,5,7\r\n",
        b"AT\r\n",
        b"+CTSDSR: 12,1,0,2,0,16\r\n",
        b"0201\r\n",
        b"tick",
        b"send",
    ]
)


@given(st.lists(answers, max_size=60))
def test_each_message_ends_exactly_once_whatever_the_modem_says(script: list[bytes]) -> None:
    modem = ready()
    now, number, open_messages = 0.0, 0, set[int]()
    for step in script:
        if step == b"send":
            if not modem.idle:
                continue
            number += 1
            open_messages.add(number)
            effects = modem.submit(Message(number, "1", b"\x82\x02\x01\x01x"), now)
        elif step == b"tick":
            now = max(now, modem.wake_at or now)
            effects = modem.tick(now)
        else:
            effects = modem.receive(step, now)
        late = set[int]()
        for effect in effects:
            if isinstance(effect, Unconfirmed):
                open_messages.remove(effect.number)
            elif isinstance(effect, Left | Failed):
                if effect.number in open_messages:
                    open_messages.remove(effect.number)
                else:
                    late.add(effect.number)
        assert len(late) <= 1
        assert len(open_messages) <= 1, "one outstanding send"
        if modem.phase is Phase.LOST:
            assert not open_messages
            modem = ready(now=now)
