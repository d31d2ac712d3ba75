"""The relay beside a running deployment: journal first, then the radio, then back to the journal.

Painted people, a real session and journal, the simulated modem in a process of its own.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import trio

from lfr_engine.alerts.adjudication import Person
from lfr_engine.app.deployment_session import Session
from lfr_engine.journal.events.access import (
    BearerChanged,
    RelayAnswered,
    RelayCoalesced,
    RelayRefused,
    RelayState,
    RelayTested,
)
from lfr_engine.journal.events.alerts import (
    AlertDecided,
    AlertGenerated,
    AlertOutcome,
    AlertViewed,
)
from lfr_engine.journal.events.deployment import DeploymentEnded
from lfr_engine.journal.events.fields import Event
from lfr_engine.protocol import arguments as a
from lfr_engine.relay.link import make_link
from tests.actors.relay_rig import SimulatedModem, radio_settings, simulated_modem
from tests.actors.test_relay_tak import free_port
from tests.app.api_rig import Stage, deployment_stage
from tests.app.deployment_rig import Rig, until
from tests.simulators.certificates import make_certificates
from tests.simulators.relay_wired_bench import raise_alert

E = TypeVar("E", bound=Event)
OLGA = Person("Olga", "operator")

pytestmark = pytest.mark.slow


@dataclass
class Told:
    """A deployment with a radio."""

    rig: Rig
    stage: Stage
    modem: SimulatedModem

    @property
    def session(self) -> Session:
        assert self.stage.running.session is not None
        return self.stage.running.session

    def events(self, kind: type[E]) -> list[E]:
        return [event for event in self.rig.events(kind) if isinstance(event, kind)]

    async def raised(self) -> str:
        await until(lambda: self.events(AlertGenerated))
        return self.events(AlertGenerated)[0].alert

    async def passed(self) -> str:
        alert = await self.raised()
        await self.session.display(OLGA, alert)
        await self.session.decide(OLGA, alert, "passed", ["likeness"])
        return alert

    def states(self, alert: str) -> list[str]:
        return [event.state for event in self.events(RelayState) if event.alert == alert]


@asynccontextmanager
async def told(
    folder: Path, *, people: dict[str, str] | None = None, **relay: Any
) -> AsyncIterator[Told]:
    with trio.fail_after(50):
        async with simulated_modem(folder) as modem:
            await modem.do("radio", issi="1234567")
            settings = radio_settings(modem.port, cameras={"door": "VAN1"}, **relay)
            rig = Rig(folder / "data", people=people or {"ann": "wanted"})
            rig.build()
            async with deployment_stage(rig, relay=settings) as stage:
                yield Told(rig, stage, modem)


def test_a_passed_alert_is_on_the_radio_and_the_answer_is_an_outcome(tmp_path: Path) -> None:
    async def main() -> None:
        async with told(tmp_path) as made:
            alert = await made.raised()
            await trio.sleep(0.3)
            assert not made.modem.all("written")  # nobody looked at it yet (R2)
            await made.passed()
            shown = await made.modem.wait("shown")
            assert shown["text"].startswith(f"LFR! VAN1 C1 #{alert} ")
            await until(lambda: "delivered" in made.states(alert))
            assert made.states(alert) == ["queued", "queued", "accepted", "sent", "delivered"]
            await made.modem.do("text", issi="1234567", hex=text_hex(f"#{alert} engaged"))
            await until(lambda: made.events(RelayAnswered))
            (answered,) = made.events(RelayAnswered)
            assert (answered.actor, answered.role, answered.answer) == ("E1", "officer", "engaged")
            assert answered.cause is None
            (outcome,) = made.events(AlertOutcome)
            assert (outcome.actor, outcome.outcome, outcome.alert) == ("E1", "engaged", alert)
            kinds = [type(event) for event in made.rig.events()]
            assert kinds.index(AlertDecided) < kinds.index(RelayState)
            (bearer,) = made.stage.running.board().bearers
            assert (bearer.state, bearer.delivered, bearer.queued) == ("ready", 1, 0)
            assert bearer.p95_ms is not None
            assert made.events(BearerChanged)[0].up

    trio.run(main)


def text_hex(text: str) -> str:
    """A text from a radio: SDS-TL TRANSFER without reports, ISO-8859-1."""
    return (b"\x82\x00\x07\x01" + text.encode("latin-1")).hex().upper()


def test_cues_before_review_are_followed_by_the_decision(tmp_path: Path) -> None:
    async def main() -> None:
        async with told(tmp_path, review="before") as made:
            alert = await made.raised()
            first = await made.modem.wait("shown")
            assert first["text"].startswith(f"LFR? VAN1 C1 #{alert} ")
            await made.passed()
            second = await made.modem.wait("shown", 2)
            assert second["text"].startswith(f"LFR! VAN1 C1 #{alert} ")
            await until(lambda: "delivered" in made.states(f"{alert}/reviewed"))

    trio.run(main)


def test_a_discounted_cue_is_taken_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with told(tmp_path, review="before") as made:
            alert = await made.raised()
            await made.modem.wait("shown")
            await made.session.display(OLGA, alert)
            await made.session.decide(OLGA, alert, "discounted", ["different_features"])
            second = await made.modem.wait("shown", 2)
            assert second["text"] == f"LFR VAN1 #{alert} CANCELLED"

    trio.run(main)


def test_after_the_red_stop_nothing_is_sent_until_somebody_resumes(tmp_path: Path) -> None:
    async def main() -> None:
        async with told(tmp_path) as made:
            alert = await made.raised()
            await made.session.stop(Person("Eve", "engineer"), "crowd")
            await made.passed()
            await until(lambda: made.events(RelayRefused))
            (refused,) = made.events(RelayRefused)
            assert (refused.alert, refused.cause) == (alert, "the red stop was pressed")
            await trio.sleep(0.5)
            assert not made.modem.all("written")
            assert made.stage.running.board().bearers[0].state == "off"

    trio.run(main)


def test_at_the_end_nothing_waits_and_the_outbox_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        async with told(tmp_path) as made:
            await made.modem.do("radio", issi="1234567", on=False)
            alert = await made.passed()
            await until(lambda: "sent" in made.states(alert))
            assert list((made.rig.data / "relay").glob("*.outbox"))
            await made.session.end(OLGA)
            await until(lambda: made.session.ended)
            written = len(made.modem.all("written"))
        assert made.states(alert)[-1] == "expired"
        assert not list((made.rig.data / "relay").iterdir())
        assert len(made.modem.all("written")) == written
        kinds = [type(event) for event in made.rig.events()]
        assert kinds.index(DeploymentEnded) > max(
            at for at, kind in enumerate(kinds) if kind is RelayState
        )

    trio.run(main)


def test_the_socket_tests_resends_and_cancels(tmp_path: Path) -> None:
    async def main() -> None:
        async with told(tmp_path, radio={"every_s": 0.1}) as made:
            await made.stage.call(a.RelayTest(bearer="radio"))
            shown = await made.modem.wait("shown")
            assert shown["text"].startswith("TEST LFR! TEST T0 #")
            (tested,) = made.events(RelayTested)
            assert tested.passed
            assert tested.bearer == "radio"
            await made.modem.do("radio", issi="1234567", on=False)
            alert = await made.passed()
            await until(lambda: "sent" in made.states(alert))
            (waiting,) = (await made.stage.call(a.RelayQueue())).items
            assert (waiting.alert, waiting.state) == (alert, "sent")
            await made.modem.do("radio", issi="1234567", on=True)
            await made.stage.call(a.RelayResend(item=waiting.item))
            await until(lambda: "delivered" in made.states(alert))
            assert (await made.stage.call(a.RelayQueue())).items == []
            (settled,) = (await made.stage.call(a.RelayQueue(alert=alert))).items
            assert settled.state == "delivered"
            await made.stage.call(a.RelayCancel(item=alert))
            cancelled = await made.modem.wait("shown", 3)
            assert cancelled["text"] == f"LFR VAN1 #{alert} CANCELLED"

    trio.run(main)


@pytest.mark.server
def test_a_link_shows_the_scene_while_the_alert_holds_and_the_look_is_journalled(
    tmp_path: Path,
) -> None:
    files = make_certificates(tmp_path)
    (tmp_path / "secret").write_bytes(b"k" * 32)

    async def main() -> None:
        port = await free_port()
        pictures = {
            "listen": f"127.0.0.1:{port}",
            "certificate": str(files.server),
            "key": str(files.server_key),
            "secret_file": str(tmp_path / "secret"),
        }
        async with told(tmp_path, pictures=pictures) as made:
            trust = ssl.create_default_context(cafile=str(files.authority))
            base, until_s = f"https://127.0.0.1:{port}/pictures", time.time() + 60
            async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
                alert = await made.raised()
                link = make_link(base, b"k" * 32, alert, "1234567", until_s)
                stranger = make_link(base, b"k" * 32, alert, "7654321", until_s)
                assert (await client.get(link)).status_code == 404  # nobody passed it
                await made.passed()
                assert (await client.get(stranger)).status_code == 404
                assert not made.events(AlertViewed)
                shown = await client.get(link)
                assert shown.status_code == 200
                assert shown.content[:2] == b"\xff\xd8"
                (viewed,) = made.events(AlertViewed)
                assert (viewed.actor, viewed.role, viewed.alert) == ("E1", "officer", alert)
                await made.session.withdraw(OLGA, "ann", "found")
                assert (await client.get(link)).status_code == 404
            cancelled = await made.modem.wait("shown", 2)
            assert cancelled["text"] == f"LFR VAN1 #{alert} CANCELLED"

    trio.run(main)


@pytest.mark.long
def test_two_hundred_alerts_in_a_minute_are_coalesced_and_none_is_lost(tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(200):
            async with simulated_modem(tmp_path) as modem:
                await modem.do("radio", issi="1234567")
                settings = radio_settings(modem.port, review="before", deadline_s=180)
                rig = Rig(tmp_path / "data", walks={"door": []}).build()
                changes = {"relay": settings, "decide_within_s": 600.0, "presence_s": 600.0}
                async with deployment_stage(rig, **changes) as stage:
                    made = Told(rig, stage, modem)
                    names = {f"A{number:05d}" for number in range(200)}
                    for name in sorted(names):
                        await raise_alert(made.session, name, "ann", "door")
                        await trio.sleep(0.28)
                    delivered: set[str] = set()
                    while delivered != names:
                        await trio.sleep(0.5)
                        delivered = {
                            event.alert
                            for event in made.events(RelayState)
                            if event.state == "delivered"
                        }
                    assert {event.alert for event in made.events(RelayState)} == names
                    shown = modem.all("shown")
                    alone = sum("cues, see handset" not in told["text"] for told in shown)
                    together = sum(event.count for event in made.events(RelayCoalesced))
                    assert len(shown) < 60  # 1 in 3 s after a burst of 4
                    assert alone + together >= len(names)

    trio.run(main)


def test_staff_on_the_blue_list_are_never_on_the_radio(tmp_path: Path) -> None:
    async def main() -> None:
        async with told(tmp_path, people={"ann": "blue"}, review="before") as made:
            await made.raised()
            await until(lambda: made.events(RelayRefused))
            await trio.sleep(0.3)
            assert not made.modem.all("written")
            assert not made.events(RelayState)

    trio.run(main)
