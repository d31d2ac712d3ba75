"""The TETRA bearer against the simulated modem: real processes, a pseudo-terminal, real faults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from lfr_engine.relay.port import Reply
from tests.actors.relay_rig import (
    RunningRelay,
    SimulatedModem,
    fresh_cue,
    radio_settings,
    running_relay,
    simulated_modem,
)

pytestmark = pytest.mark.slow

Scenario = Callable[[SimulatedModem, RunningRelay], Awaitable[None]]


def play(
    folder: Path,
    scenario: Scenario,
    *options: str,
    faults: tuple[Any, ...] = (),
    rejections: bool = False,
    **changes: Any,
) -> None:
    """Start a modem and a relay, wait until they are up, and run a scenario."""

    async def main() -> None:
        with trio.fail_after(60):
            async with simulated_modem(folder, *options) as modem:
                for issi in ("1234567", "1234568"):
                    await modem.do("radio", issi=issi)
                for fault in faults:
                    await modem.do("fault", **fault)
                async with running_relay(radio_settings(modem.port, **changes)) as relay:
                    await relay.wait_up()
                    await scenario(modem, relay)
                assert rejections or modem.all("rejected") == [], (
                    "every command was one the modem knows"
                )

    trio.run(main)


def test_an_alert_is_shown_and_reported_and_the_golden_bytes_go_out(tmp_path: Path) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await relay.post("a1")
        await relay.wait_change("receipt", alert="a1")
        shown = await modem.wait("shown")
        assert shown["text"].startswith("LFR! VAN1 C2 #A1B2C3 ")
        (written,) = modem.all("written")
        data = bytes.fromhex(written["hex"])
        assert data[:4] == bytes([0x82, 0x0E, shown["reference"], 0x01])
        assert data[4:].decode("latin-1") == shown["text"]

    play(tmp_path, scenario)


@pytest.mark.parametrize("options", [("--echo",), ("--slow",)])
def test_echo_and_slow_modems(tmp_path: Path, options: tuple[str, ...]) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await relay.post("a1")
        await relay.wait_change("receipt")

    play(tmp_path, scenario, *options)


def test_lines_in_pieces_of_one_byte_and_indications_in_the_middle(tmp_path: Path) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do("split", bytes=1)
        middle = b"\r\n+CTSDSR: 13,1234568,0,1234500,0,16\r\n8002\r\n".hex()
        await modem.do("fault", where="data", kind="interleave", hex=middle)
        await relay.post("a1")
        await relay.wait_change("receipt")

    play(tmp_path, scenario)


@pytest.mark.parametrize("code", [0, 2, 30, 31, 42])
def test_refusals_that_heal_are_retried_and_shown_once(tmp_path: Path, code: int) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do("fault", where="data", kind="cme", code=code, times=2)
        await relay.post("a1")
        await relay.wait_change("receipt")
        assert len(modem.all("shown")) == 1
        assert len({written["hex"][4:6] for written in modem.all("written")}) == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize("code", [4, 33, 34, 35])
def test_refusals_that_blame_the_message_end_it_unless_a_status_may_stand_in(
    tmp_path: Path, code: int
) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do("fault", where="data", kind="cme", code=code)
        await relay.post("a1")
        await relay.wait_change("refused")
        await modem.do("fault", where="data", kind="cme", code=code, times=0)
        assert modem.all("shown") == []

    play(tmp_path, scenario)

    async def fallback(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do("fault", where="data", kind="cme", code=code)
        await relay.post("a1")
        assert (await modem.wait("shown"))["text"] == "status 8010"
        await relay.post("a2", fresh_cue("D4E5F6"))
        assert "#D4E5F6" in (await modem.wait("shown", 2))["text"]

    play(tmp_path, fallback, radio={"fallback_status": "8010"})


SETUP = [
    "AT",
    "ATE0",
    "AT+CSCS",
    "AT+CTSP",
    "AT+CMGS=?",
    "AT+CNUMF",
    "AT+CSQ",
    "AT+CTOM",
    "AT+CTSDS",
]


LONG_FAULTS = [
    pytest.param(where, kind, marks=pytest.mark.long)
    for where in SETUP
    for kind in ("cme", "error", "silent", "reboot")
]


@pytest.mark.parametrize(
    ("where", "kind"), [("AT+CTSP", "cme"), ("AT+CMGS=?", "silent"), *LONG_FAULTS]
)
def test_a_fault_at_every_step_of_set_up_is_survived(tmp_path: Path, where: str, kind: str) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await relay.post("a1")
        await modem.wait("shown")

    fault = {"where": where, "kind": kind, "code": 3}
    play(tmp_path, scenario, faults=(fault,))


@pytest.mark.long
def test_no_acknowledgement_from_the_air_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do("fault", where="air", kind="no ack")
        await relay.post("a1")
        await relay.wait_change("taken")
        await relay.wait_change("receipt", limit=40)
        assert len(modem.all("shown")) == 1

    play(tmp_path, scenario, radio={"repeat_s": 3.0})


def test_lost_on_the_air_is_sent_again(tmp_path: Path) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do("fault", where="air", kind="lost")
        await relay.post("a1")
        await relay.wait_change("receipt")

    play(tmp_path, scenario)


def test_talking_over_delays_and_does_not_lose(tmp_path: Path) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do("talk", seconds=2.5)
        await relay.post("a1")
        await relay.wait_change("receipt")
        assert len(modem.all("shown")) == 1

    play(tmp_path, scenario)


def test_duplicate_and_late_reports_are_one_delivery(tmp_path: Path) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do(
            "radio", issi="1234567", duplicate_reports=True, report_delay_s=1.5, reads=True
        )
        await relay.post("a1")
        await relay.wait_change("seen")
        await trio.sleep(0.5)
        assert len([c for c in relay.changes if c.happening in {"receipt", "seen"}]) == 2

    play(tmp_path, scenario)


def test_a_radio_that_was_off_gets_it_when_it_comes_back_and_shows_it_once(
    tmp_path: Path,
) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do("radio", issi="1234567", on=False)
        await relay.post("a1")
        change = await relay.wait_change("left")
        assert change.after == "sent", "sent is not delivered"
        await trio.sleep(0.3)
        await modem.do("radio", issi="1234567", on=True)
        await relay.wait_change("receipt")
        assert len(modem.all("shown")) == 1

    play(tmp_path, scenario, radio={"repeat_s": 1.0})


@pytest.mark.long
@pytest.mark.parametrize("where", ["AT+CMGS", "data"], ids=["before the data", "after the data"])
@pytest.mark.parametrize("kind", ["reboot", "power off"])
def test_power_cut_inside_a_write(tmp_path: Path, kind: str, where: str) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do("fault", where=where, kind=kind)
        await relay.post("a1")
        if kind == "power off":
            await modem.wait("unplugged")
            await trio.sleep(0.5)
            await modem.do("replug")
        await relay.wait_up(number=2, limit=30)
        await relay.wait_change("receipt", limit=30)
        assert len(modem.all("shown")) == 1

    play(tmp_path, scenario)


def test_unplugged_and_replugged_while_idle(tmp_path: Path) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do("unplug")
        await modem.wait("unplugged")
        await relay.post("a1")
        await trio.sleep(1.0)
        await modem.do("replug")
        await relay.wait_up(number=2)
        await relay.wait_change("receipt")

    play(tmp_path, scenario)


def test_a_reboot_while_idle_is_noticed_at_the_next_message(tmp_path: Path) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do("reboot", seconds=0.1)
        await trio.sleep(0.5)
        await relay.post("a1")
        await relay.wait_change("receipt", limit=40)
        assert len(modem.all("shown")) == 1

    # the modem forgot which service it was to send, and says so before we can know
    play(tmp_path, scenario, "--echo", rejections=True)


def test_officers_answer_by_status_and_by_text(tmp_path: Path) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await relay.post("a1")
        await relay.wait_change("receipt")
        await modem.do("status", issi="1234567", value="8003")
        first = await relay.wait_reply()
        assert (first.alert, first.recipient, first.reply, first.certain) == (
            "a1",
            "E1",
            Reply.ENGAGED,
            False,
        )
        text = "82060701" + b"#A1B2C3 lost".hex().upper()
        await modem.do("text", issi="1234567", hex=text)
        second = await relay.wait_reply(2)
        assert (second.reply, second.certain) == (Reply.LOST, True)
        assert (await modem.wait("written", 2))["hex"] == ("82100007"), (
            "the radio asked for a report"
        )

    play(tmp_path, scenario)


def test_a_report_that_asks_for_an_acknowledgement_gets_it(tmp_path: Path) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await modem.do("text", issi="1234567", hex="821800C9")
        assert (await modem.wait("written"))["hex"] == "822001C9"

    play(tmp_path, scenario)


def test_a_group_is_told_twice_and_shown_once(tmp_path: Path) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await relay.post("a1")
        await modem.wait("repeated", 2)
        assert len(modem.all("shown")) == 2, "two radios in the group"
        assert {written["hex"][2:4] for written in modem.all("written")} == {"02"}

    routes = [{"bearers": ["radio"], "recipients": ["NET"]}]
    play(tmp_path, scenario, routes=routes, radio={"repeat_s": 0.5})


def test_exercise_and_blue_list_never_reach_the_modem(tmp_path: Path) -> None:
    async def scenario(modem: SimulatedModem, relay: RunningRelay) -> None:
        await relay.post("a1", fresh_cue(blue_list=True))
        await relay.post("a2", fresh_cue("B2C3D4"))
        await relay.wait_change("receipt", alert="a2")
        assert len(modem.all("written")) == 1

    play(tmp_path, scenario)
