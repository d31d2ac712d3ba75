"""What the relay's actor tests share: the simulated modem as a process, and a running relay."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from lfr_engine.actors.relay import Relay, run_relay
from lfr_engine.clock import SystemClock
from lfr_engine.relay.asked import OfficerReply, Request
from lfr_engine.relay.cue import Cue, Marking
from lfr_engine.relay.delivery import Change
from lfr_engine.relay.outbox import MemoryOutbox, OutboxStore
from lfr_engine.relay.port import Moments
from lfr_engine.relay.settings import RelaySettings, read_settings

ROOT = Path(__file__).parents[2]


class SimulatedModem:
    """The modem program: give it orders, wait for what it tells."""

    def __init__(self, port: Path, process: trio.Process) -> None:
        self.port = port
        self.told: list[dict[str, Any]] = []
        self._process = process
        self._news = trio.Event()

    async def do(self, what: str, **facts: Any) -> None:
        assert self._process.stdin is not None
        await self._process.stdin.send_all(json.dumps({"do": what, **facts}).encode() + b"\n")

    def all(self, what: str, **facts: Any) -> list[dict[str, Any]]:
        wanted = {"what": what, **facts}
        return [told for told in self.told if wanted.items() <= told.items()]

    async def wait(self, what: str, number: int = 1, limit: float = 20.0, **facts: Any) -> Any:
        """The ``number``-th thing told of this kind."""
        with trio.move_on_after(limit):
            while len(found := self.all(what, **facts)) < number:
                await self._news.wait()
            return found[number - 1]
        raise AssertionError(f"no {what} {facts} within {limit} s: {self.told[-30:]}")

    async def listen(self) -> None:
        assert self._process.stdout is not None
        rest = b""
        async for piece in self._process.stdout:
            *lines, rest = (rest + piece).split(b"\n")
            self.told += [json.loads(line) for line in lines]
            self._news.set()
            self._news = trio.Event()


@asynccontextmanager
async def simulated_modem(folder: Path, *options: str) -> AsyncIterator[SimulatedModem]:
    port = folder / "ttyRADIO"
    command = [sys.executable, "-m", "tests.simulators.tetra_modem", str(port), *options]
    async with trio.open_nursery() as nursery:
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        modem = SimulatedModem(port, process)
        nursery.start_soon(modem.listen)
        try:
            await modem.wait("plugged")
            yield modem
        finally:
            process.kill()
            nursery.cancel_scope.cancel()
            with trio.move_on_after(5, shield=True):
                await process.wait()
                assert process.stdin is not None
                assert process.stdout is not None
                await process.stdin.aclose()
                await process.stdout.aclose()


def radio_settings(port: Path, **changes: Any) -> RelaySettings:
    """One modem, two officers and a talk group; quick for tests."""
    radio = {"kind": "tetra", "name": "radio", "port": str(port), "speeds": [38400]}
    table: dict[str, Any] = {
        "bearers": [radio | changes.pop("radio", {})],
        "recipients": [
            {"id": "E1", "addresses": {"radio": "1234567"}},
            {"id": "E2", "addresses": {"radio": "1234568"}},
            {"id": "NET", "addresses": {"radio": "9001"}, "group": True},
        ],
        "routes": [{"bearers": ["radio"], "recipients": ["E1"]}],
    }
    return read_settings(table | changes)


def fresh_cue(reference: str = "A1B2C3", marking: Marking = Marking.LIVE, **changes: Any) -> Cue:
    """A cue seen just now."""
    fields = {"captured": dt.datetime.now(dt.UTC), "reviewed": True, **changes}
    return Cue(reference=reference, place="VAN1", category="C2", marking=marking, **fields)


class RunningRelay:
    """A relay and everything it told."""

    relay: Relay

    def __init__(self, store: OutboxStore) -> None:
        self.store = store
        self.changes: list[Change] = []
        self.replies: list[OfficerReply] = []
        self.refused: list[tuple[Request, str]] = []
        self.links: list[tuple[str, bool, str]] = []
        self._news = trio.Event()

    async def post(self, alert: str, cue: Cue | None = None, priority: int = 5) -> None:
        request = Request(alert=alert, cue=cue or fresh_cue(), priority=priority)
        await self.relay.requests.post(request)

    def wake(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def wait_change(
        self, happening: str, number: int = 1, limit: float = 20.0, **facts: str
    ) -> Change:
        """The ``number``-th change of a kind, for an alert or recipient if named."""
        with trio.move_on_after(limit):
            while True:
                found = [
                    change
                    for change in self.changes
                    if change.happening == happening
                    and all(getattr(change.key, name) == value for name, value in facts.items())
                ]
                if len(found) >= number:
                    return found[number - 1]
                await self._news.wait()
        raise AssertionError(f"no {happening} {facts} within {limit} s: {self.changes[-20:]}")

    async def wait_up(self, bearer: str = "radio", number: int = 1, limit: float = 20.0) -> str:
        """The ``number``-th time a bearer came up; its line."""
        with trio.move_on_after(limit):
            while True:
                ups = [detail for name, up, detail in self.links if up and name == bearer]
                if len(ups) >= number:
                    return ups[number - 1]
                await self._news.wait()
        raise AssertionError(f"{bearer} not up within {limit} s: {self.links}")

    async def wait_down(self, bearer: str = "radio", limit: float = 20.0) -> str:
        """The bearer went down, or never came up; why."""
        with trio.move_on_after(limit):
            while True:
                downs = [detail for name, up, detail in self.links if not up and name == bearer]
                if downs:
                    return downs[-1]
                await self._news.wait()
        raise AssertionError(f"{bearer} not down within {limit} s: {self.links}")

    def state_of(self, alert: str) -> str:
        """The one state an alert has in the outbox."""
        (state,) = {d.state for d in self.store.load() if d.key.alert == alert}
        return state.value

    async def wait_reply(self, number: int = 1, limit: float = 20.0) -> OfficerReply:
        with trio.move_on_after(limit):
            while len(self.replies) < number:
                await self._news.wait()
            return self.replies[number - 1]
        raise AssertionError(f"no reply within {limit} s")


@asynccontextmanager
async def running_relay(
    settings: RelaySettings, store: OutboxStore | None = None
) -> AsyncIterator[RunningRelay]:
    store = store or MemoryOutbox()
    rig = RunningRelay(store)

    async def record(changes: Sequence[Change]) -> None:
        rig.changes += changes
        rig.wake()

    async def decide(reply: OfficerReply) -> None:
        rig.replies.append(reply)
        rig.wake()

    async def refuse(request: Request, reason: str) -> None:
        rig.refused.append((request, reason))
        rig.wake()

    def on_bearer(name: str, up: bool, detail: str) -> None:
        rig.links.append((name, up, detail))
        rig.wake()

    async with trio.open_nursery() as nursery:
        rig.relay = await nursery.start(
            lambda *, task_status: run_relay(
                settings,
                store,
                Moments(SystemClock()),
                record=record,
                decide=decide,
                refuse=refuse,
                on_bearer=on_bearer,
                task_status=task_status,
            )
        )
        yield rig
        nursery.cancel_scope.cancel()
