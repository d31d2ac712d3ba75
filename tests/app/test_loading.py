"""An authority loaded into a commissioning engine: what is refused, what is kept, what follows."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trio

from lfr_engine.api.port import Conflict
from lfr_engine.app.commissioning import camera_book
from lfr_engine.app.deployed import deployment_settings
from lfr_engine.app.loaded_authority import (
    commissioning_began,
    commissioning_ended,
    forget_if_over,
    keep,
    kept,
    place,
)
from lfr_engine.app.run import run_engine
from lfr_engine.app.serving import Signals
from lfr_engine.client.errors import CallRefused, LinkLost
from lfr_engine.client.trio_client import open_client
from lfr_engine.clock import SystemClock
from lfr_engine.config import CameraConfig, Config, DeploymentConfig, load
from lfr_engine.deployment.authority import TrustedKey
from lfr_engine.errors import InputError, RuleError
from lfr_engine.identity import keys
from lfr_engine.identity.vault import erase_vault
from lfr_engine.inference.store import ModelStore
from lfr_engine.journal.events.access import ApiCalled
from lfr_engine.journal.events.deployment import (
    AuthorityLoaded,
    AuthorityRefused,
    DeploymentStarted,
)
from lfr_engine.journal.events.engine import EngineStarted, EngineStopped
from lfr_engine.journal.events.watchlist import WatchlistRefused
from lfr_engine.journal.signing import Signer
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol.address import UnixAddress
from lfr_engine.protocol.commands import CallerRole
from tests.app.api_rig import AO, OPERATOR, Stage, deployment_stage, stage
from tests.app.deployment_rig import HOUR, LIST, OFFICER, Rig
from tests.app.test_deployment_killed import wait_until_gone
from tests.tui.real import Place, deployment_in
from tests.tui.served import wait_for

DOOR = CameraConfig(name="door", source="door.mp4")


def configured(rig: Rig, *officers: TrustedKey, **changes: Any) -> Config:
    """A configuration that waits for an authority of these officers."""
    folder = rig.data.parent
    lines = [f'[[trusted]]\nofficer = "{one.officer}"\nkey = "{one.key}"\n' for one in officers]
    (folder / "trusted.toml").write_text("".join(lines))
    (folder / "c.toml").write_text("# the digest is of this file\n")
    wanted = DeploymentConfig(
        trusted_keys=[folder / "trusted.toml"],
        watchlist_key=folder / "list.key",
        data=rig.data,
        zones=["gate"],
        require_synchronised_clock=False,
        **changes,
    )
    return Config(cameras=[DOOR], deployment=wanted)


@asynccontextmanager
async def waiting(rig: Rig, *officers: TrustedKey, **changes: Any) -> AsyncIterator[Stage]:
    """A commissioning engine that may be given an authority."""
    officers = officers or (TrustedKey("AO-7", OFFICER.public_key),)
    async with stage(rig.data.parent, exercise=False, run=False) as made:
        made.running.config = configured(rig, *officers, **changes)
        made.running.models = rig.models
        yield made


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    with structlog.testing.capture_logs():
        trio.run(scenario)


def built(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "data").build()


def altered(rig: Rig) -> None:
    rig.authority.write_bytes(rig.authority.read_bytes().replace(b"High Street", b"Low Street"))


def unsigned(rig: Rig) -> None:
    rig.authority.write_bytes(rig.authority.read_bytes().split(b"\n[signature]\n")[0])


def signed_by_another(rig: Rig) -> None:
    rig.signer = Signer.generate()
    rig.sign()


def expired(rig: Rig) -> None:
    now = rig.clock.utc()
    rig.sign(start=now - 2 * HOUR, end=now - HOUR)


def too_early(rig: Rig) -> None:
    now = rig.clock.utc()
    rig.sign(start=now + HOUR, end=now + 2 * HOUR)


def for_another_list(rig: Rig) -> None:
    rig.sign(watchlist_digest="0" * 64)


def for_another_camera(rig: Rig) -> None:
    rig.sign(cameras=("gate",))


def for_an_erased_list(rig: Rig) -> None:
    folder = rig.data / "watchlists" / LIST
    erase_vault(folder, rig.clock, lambda _: None, reason="test", actor="test")


def for_too_long(rig: Rig) -> None:
    rig.sign(end=rig.clock.utc() + 9 * HOUR)


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (altered, "R3"),
        (unsigned, "R3"),
        (signed_by_another, "R3"),
        (expired, "R3"),
        (too_early, "R3"),
        (for_another_list, "R3"),
        (for_another_camera, "R3"),
        (for_too_long, "R3"),
        (for_an_erased_list, "R4"),
    ],
)
def test_what_a_start_would_refuse_is_refused_with_its_rule(
    spoil: Callable[[Rig], None], rule: str, tmp_path: Path
) -> None:
    rig = built(tmp_path)
    spoil(rig)
    before = sorted(path.name for path in rig.data.iterdir())

    async def scenario() -> None:
        async with waiting(rig) as made:
            with pytest.raises(RuleError) as refused:
                await made.call(a.DeploymentsLoad(authority=rig.authority.read_bytes()), AO)
            assert refused.value.rule == rule
            assert not made.running.handover.is_set()
            assert not made.running.loading

    play(scenario)
    assert kept(rig.data) is None
    assert not rig.loaded  # no networks for an authority that is not good
    assert {path.name for path in rig.data.iterdir()} - set(before) <= {"journal.db", "evidence"}
    (asked,) = rig.events(ApiCalled)
    assert isinstance(asked, ApiCalled)
    assert (asked.actor, asked.role, asked.command) == (AO.name, "ao", "deployments.load")
    (why,) = rig.events(AuthorityRefused, WatchlistRefused)
    assert getattr(why, "rule") == rule  # noqa: B009 - either kind has it
    assert not rig.events(AuthorityLoaded)


def test_bytes_that_are_no_authority_are_refused_and_journalled(tmp_path: Path) -> None:
    rig = built(tmp_path)

    async def scenario() -> None:
        async with waiting(rig) as made:
            with pytest.raises(InputError, match="not a readable authority"):
                await made.call(a.DeploymentsLoad(authority=b"x = 1"), AO)

    play(scenario)
    assert kept(rig.data) is None
    assert len(rig.events(AuthorityRefused)) == 1


def test_nobody_loads_what_nobody_configured(tmp_path: Path) -> None:
    rig = built(tmp_path)

    async def scenario() -> None:
        load_it = a.DeploymentsLoad(authority=rig.authority.read_bytes())
        async with stage(tmp_path, exercise=False, run=False) as made:
            with pytest.raises(RuleError, match="knows no officer's key"):
                await made.call(load_it, AO)
        async with stage(tmp_path, exercise=True, run=False) as made:
            with pytest.raises(RuleError, match="R3"):
                await made.call(load_it, AO)
        async with deployment_stage(rig) as made:
            with pytest.raises(Conflict, match="is loaded"):
                await made.call(load_it, AO)
        stranger = TrustedKey("AO-7", Signer.generate().public_key)
        async with waiting(rig, stranger) as made:
            with pytest.raises(RuleError, match="not trusted here"):
                await made.call(load_it, AO)
        (tmp_path / "trusted.toml").unlink()
        async with waiting(rig) as made:
            (tmp_path / "trusted.toml").unlink()
            with pytest.raises(RuleError, match="R3"):
                await made.call(load_it, AO)

    play(scenario)
    assert kept(rig.data) is None


def test_a_good_authority_is_kept_whole_and_the_run_is_told_to_end(tmp_path: Path) -> None:
    rig = built(tmp_path)
    signed = rig.authority.read_bytes()

    async def scenario() -> None:
        async with waiting(rig) as made:
            answer = await made.call(a.DeploymentsLoad(authority=signed), OPERATOR)
            assert (answer.phase, answer.authority, answer.watchlist) == ("loaded", "A-1", LIST)
            assert made.running.handover.is_set()
            assert made.running.state().mode == "commissioning"  # until it has ended (R27)
            with pytest.raises(Conflict, match="being loaded"):
                await made.call(a.DeploymentsLoad(authority=signed), OPERATOR)

    play(scenario)
    assert place(rig.data).read_bytes() == signed
    (loaded,) = rig.events(AuthorityLoaded)
    assert isinstance(loaded, AuthorityLoaded)
    assert (loaded.actor, loaded.role, loaded.authority) == (OPERATOR.name, "operator", "A-1")
    assert not rig.events(DeploymentStarted)


def test_two_callers_load_one_authority(tmp_path: Path) -> None:
    rig = built(tmp_path)
    found: list[str] = []

    async def scenario() -> None:
        async with waiting(rig) as made, trio.open_nursery() as nursery:

            async def load_it() -> None:
                command = a.DeploymentsLoad(authority=rig.authority.read_bytes())
                try:
                    found.append((await made.call(command, AO)).phase)
                except Conflict:
                    found.append("conflict")

            nursery.start_soon(load_it)
            nursery.start_soon(load_it)

    play(scenario)
    assert sorted(found) == ["conflict", "loaded"]
    assert len(rig.events(AuthorityLoaded)) == 1


def test_a_list_builder_at_work_is_waited_for_by_people_not_broken(tmp_path: Path) -> None:
    rig = built(tmp_path)

    async def scenario() -> None:
        async with deployment_stage(rig), waiting(rig) as made:  # the journal is another's
            with pytest.raises(InputError, match="journal"):
                await made.call(a.DeploymentsLoad(authority=rig.authority.read_bytes()), AO)

    play(scenario)
    assert kept(rig.data) is None


def test_what_is_loaded_is_forgotten_when_nothing_can_begin_under_it(tmp_path: Path) -> None:
    rig = built(tmp_path)
    clock = SystemClock()
    loaded = AuthorityLoaded(actor="ao-1", role="ao", authority="A-1", digest="0" * 64)
    keep(rig.data, rig.authority.read_bytes(), loaded, clock)
    assert not forget_if_over(rig.data, clock)
    assert kept(rig.data) == place(rig.data)
    expired(rig)
    keep(rig.data, rig.authority.read_bytes(), loaded, clock)
    assert forget_if_over(rig.data, clock)
    assert kept(rig.data) is None
    keep(rig.data, b"nonsense", loaded, clock)
    assert forget_if_over(rig.data, clock)
    rig.sign()

    async def ended() -> None:
        async with deployment_stage(rig) as made:
            await made.call(a.DeploymentsEnd(reason="over"), AO)

    play(ended)
    keep(rig.data, rig.authority.read_bytes(), loaded, clock)
    assert forget_if_over(rig.data, clock)


@pytest.mark.parametrize(("spoil", "stays"), [(expired, False), (for_another_camera, True)])
def test_a_stored_authority_that_is_refused_leaves_the_engine_commissioning(
    spoil: Callable[[Rig], None], *, stays: bool, tmp_path: Path
) -> None:
    rig, clock = built(tmp_path), SystemClock()
    spoil(rig)
    loaded = AuthorityLoaded(actor="ao-1", role="ao", authority="A-1", digest="0" * 64)
    keep(rig.data, rig.authority.read_bytes(), loaded, clock)
    config = configured(rig, TrustedKey("AO-7", OFFICER.public_key))
    signals = Signals()
    signals.stopping.set()  # as soon as the networks would be opened

    async def scenario() -> None:
        await run_engine(tmp_path / "c.toml", config, ModelStore(tmp_path), clock, signals)

    with structlog.testing.capture_logs() as lines:
        trio.run(scenario)
    assert [line.get("mode") for line in lines] == ["deployment", None, "commissioning"]
    assert lines[1]["event"] == "no deployment: commissioning"
    assert "R3" in lines[1]["cause"]
    assert (kept(rig.data) is not None) is stays
    assert len(rig.events(AuthorityRefused)) == 1
    assert not rig.events(DeploymentStarted)


def test_a_commissioning_run_says_when_it_began_and_ended(tmp_path: Path) -> None:
    rig, clock = Rig(tmp_path / "data"), SystemClock()
    commissioning_began(rig.data, "c" * 64, clock)
    commissioning_ended(rig.data, "an authority was loaded", 0, clock)
    commissioning_began(rig.data, "c" * 64, clock)
    commissioning_began(rig.data, "c" * 64, clock)  # after a crash
    began = [one for one in rig.events(EngineStarted) if isinstance(one, EngineStarted)]
    assert [one.clean for one in began] == [True, True, False]
    assert {one.mode for one in began} == {"commissioning"}
    (ended,) = rig.events(EngineStopped)
    assert isinstance(ended, EngineStopped)
    assert ended.reason == "an authority was loaded"


def test_a_table_without_an_authority_is_commissioning(tmp_path: Path) -> None:
    keys.new_key_file(tmp_path / "list.key")
    (tmp_path / "c.toml").write_text(
        '[[cameras]]\nname = "door"\nsource = "door.mp4"\n'
        f'[deployment]\nwatchlist_key = "{tmp_path / "list.key"}"\n'
    )
    config = load(tmp_path / "c.toml")
    assert config.mode == "commissioning"
    assert config.deployment is not None
    made = deployment_settings(
        tmp_path / "c.toml",
        config,
        config.deployment,
        tmp_path / "a.toml",
        camera_book("deployment", SystemClock()),
    )
    assert made.authority == tmp_path / "a.toml"
    assert made.cameras[0].tracking.pictures


# the real program --------------------------------------------------------------------------------


def waits(folder: Path) -> tuple[Place, bytes]:
    """A place whose configuration names no authority, and the authority."""
    place_ = deployment_in(folder)
    text = place_.file.read_text()
    named = f'authority = "{folder / "a.toml"}"\n'
    assert named in text
    place_.file.write_text(text.replace(named, ""))
    return place_, (folder / "a.toml").read_bytes()


@pytest.mark.server
@pytest.mark.shared
def test_commissioning_becomes_a_deployment_before_a_client_that_stays(tmp_path: Path) -> None:
    made, signed = waits(tmp_path)
    address = UnixAddress(made.socket)

    async def see(client: Any, mode: str) -> Any:
        """The state once the engine is in that mode; cut and connected again in between."""
        with trio.fail_after(120):
            while True:
                try:
                    state = await client.call(a.StateGet(), timeout=5)
                except LinkLost:
                    await trio.sleep(0.1)
                    continue
                if state.mode == mode:
                    return state
                await trio.sleep(0.1)

    async def watch() -> None:
        async with open_client(address, role=CallerRole.AO.value) as client:
            assert (await see(client, "commissioning")).deployment is None
            spoilt = signed.replace(b"High Street", b"Low Street")
            with pytest.raises(CallRefused, match="R3"):
                await client.call(a.DeploymentsLoad(authority=spoilt))
            loaded = await client.call(a.DeploymentsLoad(authority=signed))
            assert loaded.phase == "loaded"
            state = await see(client, "deployment")
            assert state.deployment.deployment == loaded.deployment
            assert state.hashes["authority"]
            alerts = a.AlertsList()
            with trio.fail_after(60):
                while not (await client.call(alerts)).alerts:
                    await trio.sleep(0.1)

    async def end() -> None:
        async with open_client(address, role=CallerRole.AO.value) as client:
            assert (await see(client, "deployment")).deployment.phase == "running"
            await client.call(a.DeploymentsEnd(reason="it is over"))

    with made.running() as process:
        trio.run(watch)
        os.kill(process.pid, signal.SIGKILL)
    wait_until_gone(tmp_path)
    with made.running() as process:  # what was loaded goes on after a crash
        trio.run(end)
        wait_for(lambda: process.poll() is not None, 30)
        assert process.returncode == 0, (tmp_path / "log").read_text()
    assert kept(tmp_path / "data") is None
    kinds = [
        record.kind
        for record in made.journal(
            "engine.started", "engine.stopped", "authority.refused", "authority.loaded",
            "deployment.started", "deployment.ended",
        )
    ]  # fmt: skip
    assert kinds == [
        "engine.started", "authority.refused", "authority.loaded", "engine.stopped",
        "engine.started", "deployment.started",
        "engine.started", "deployment.started", "deployment.ended", "engine.stopped",
    ]  # fmt: skip
    modes = [record.body["mode"] for record in made.journal("engine.started")]
    assert modes == ["commissioning", "deployment", "deployment"]
    assert [one.body["resumed"] for one in made.journal("deployment.started")[1:]] == [True]
