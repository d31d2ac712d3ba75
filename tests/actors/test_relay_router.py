"""The relay as a whole: commands, refusals, loads, kill -9. The modem is the simulated one."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from lfr_engine.actors.relay_outbox import SqliteOutbox
from lfr_engine.relay.cue import Marking
from lfr_engine.relay.delivery import REACHED
from tests.actors.relay_rig import (
    ROOT,
    SimulatedModem,
    fresh_cue,
    radio_settings,
    running_relay,
    simulated_modem,
)


@pytest.mark.slow
def test_commands_left_in_the_outbox_are_carried_out(tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(30):
            async with simulated_modem(tmp_path) as modem:
                await modem.do("radio", issi="1234567")
                store = SqliteOutbox(tmp_path / "outbox.db")
                async with running_relay(radio_settings(modem.port), store) as relay:
                    await relay.wait_up()
                    await relay.post("a1")
                    await relay.wait_change("receipt")
                    SqliteOutbox(tmp_path / "outbox.db").ask("cancel", "a1")
                    shown = await modem.wait("shown", 2)
                    assert shown["text"] == "LFR VAN1 #A1B2C3 CANCELLED"
                    await relay.wait_change("receipt", alert="a1/withdrawn")
                    await trio.sleep(0.6)
                    assert store.commands() == []

    trio.run(main)


@pytest.mark.slow
def test_what_a_rule_forbids_is_told_and_nothing_is_sent(tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(30):
            async with simulated_modem(tmp_path) as modem:
                await modem.do("radio", issi="1234567")
                async with running_relay(radio_settings(modem.port)) as relay:
                    await relay.wait_up()
                    await relay.post("a1", fresh_cue(reviewed=False))
                    await relay.post("a2", fresh_cue("B2C3D4", marking=Marking.EXERCISE))
                    await relay.post("a3", fresh_cue("C3D4E5"))
                    await relay.wait_change("receipt", alert="a3")
                    (early, exercise) = relay.refused
                    assert early[0].alert == "a1"
                    assert "R2" in early[1]
                    assert exercise[0].alert == "a2"
                    assert "anybody" in exercise[1]
                    assert len(modem.all("written")) == 1

    trio.run(main)


@pytest.mark.long
def test_two_hundred_alerts_in_a_minute_none_lost_from_the_journal(tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(170):
            async with simulated_modem(tmp_path) as modem:
                await modem.do("radio", issi="1234567")
                store = SqliteOutbox(tmp_path / "outbox.db")
                async with running_relay(radio_settings(modem.port), store) as relay:
                    await relay.wait_up()
                    for number in range(200):
                        await relay.post(f"a{number}", fresh_cue(f"A{number:05d}"))
                        await trio.sleep(0.3)
                    names = {f"a{number}" for number in range(200)}
                    for alert in sorted(names):
                        await relay.wait_change("receipt", alert=alert, limit=90)
                    journalled = {c.key.alert for c in relay.changes if c.happening == "queued"}
                    assert journalled == names
                    shown = modem.all("shown")
                    assert len(shown) < 60, "paced and coalesced"
                    assert any("cues, see handset" in told["text"] for told in shown)

    trio.run(main)


class KilledRelay:
    """The relay in a process of its own."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.reported: set[str] = set()
        self.posted: set[str] = set()

    async def read_until_killed(self, after: int, wait_s: float) -> None:
        """Read its journal; kill it ``wait_s`` after ``after`` alerts were posted."""
        assert self.process.stdout is not None
        rest = b""
        async with trio.open_nursery() as nursery:
            killing = False
            async for piece in self.process.stdout:
                *lines, rest = (rest + piece).split(b"\n")
                for line in map(json.loads, lines):
                    self.posted |= {line["posted"]} if "posted" in line else set()
                    if line.get("change", {}).get("after") == "delivered":
                        self.reported.add(line["change"]["key"]["alert"])
                if len(self.posted) >= after and not killing:
                    killing = True
                    nursery.start_soon(self._kill, wait_s)

    async def _kill(self, wait_s: float) -> None:
        await trio.sleep(wait_s)
        self.process.kill()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_kill_9_between_write_and_receipt_doubles_nothing_that_was_delivered(
    tmp_path: Path, seed: int
) -> None:
    moment = random.Random(seed)

    async def run_once(modem: SimulatedModem, alerts: list[str], wait_s: float) -> KilledRelay:
        command = [sys.executable, "-m", "tests.simulators.relay_engine", str(modem.port)]
        command += [str(tmp_path / "outbox.db"), *alerts]
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, cwd=ROOT)
        relay = KilledRelay(process)
        await relay.read_until_killed(max(1, len(alerts)) if alerts else 0, wait_s)
        await process.wait()
        assert process.stdout is not None
        await process.stdout.aclose()
        return relay

    async def main() -> None:
        with trio.fail_after(80):
            async with simulated_modem(tmp_path) as modem:
                await modem.do("radio", issi="1234567", report_delay_s=0.15)
                alerts = [f"a{number}" for number in range(8)]
                first = await run_once(modem, alerts, moment.uniform(0.0, 0.5))
                stored = SqliteOutbox(tmp_path / "outbox.db").load()
                delivered = {d.key.alert for d in stored if d.state in REACHED}
                assert first.reported <= delivered
                references = {d.reference for d in stored if d.state in REACHED}
                before = len(modem.told)
                second = await run_once(modem, [], 6.0)
                again = {
                    int(told["hex"][4:6], 16)
                    for told in modem.told[before:]
                    if told["what"] == "written"
                }
                assert not again & references, "what was reported delivered is not sent again"
                everything = SqliteOutbox(tmp_path / "outbox.db").load()
                assert {d.key.alert for d in everything} == first.posted | delivered
                assert {d.state for d in everything} <= REACHED, "everyone was reached"
                shown = [told["reference"] for told in modem.all("shown")]
                assert len(shown) == len(set(shown)) == len(everything), "each shown once"
                assert second.posted == set()

    trio.run(main)
