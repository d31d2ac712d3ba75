"""One conformance suite for the three Python clients: the same words, the same answers.

Each client is driven through ``Driver``, which runs its way of waiting to the end of a call.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
import trio
import trio.testing

from lfr_engine.client import aio, blocking, trio_client
from lfr_engine.client.core import Link
from lfr_engine.client.errors import CallRefused, LinkLost
from lfr_engine.client.feed import Delivery, Gap, Missed, Reconnected
from lfr_engine.errors import Fault
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import commands as c
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.address import UnixAddress
from tests.api.fake_engine import FakeEngine
from tests.client.support import server_thread


class Api(Protocol):
    """What a scenario needs, with waiting already done."""

    async def call(self, command: Any, timeout: float = 30.0) -> Any: ...
    async def subscribe(self, topic: Any, arguments: Any = None, **options: Any) -> Any: ...
    async def receive(self, feed: Any) -> Any: ...
    @property
    def client(self) -> Any: ...


class Async:
    """For asyncio and Trio: the scenario runs in their loop."""

    def __init__(self, client: Any, stack: AsyncExitStack) -> None:
        self.client = client
        self._stack = stack

    async def call(self, command: Any, timeout: float = 30.0) -> Any:
        return await self.client.call(command, timeout=timeout)

    async def subscribe(self, topic: Any, arguments: Any = None, **options: Any) -> Any:
        return await self._stack.enter_async_context(
            self.client.subscribe(topic, arguments, **options)
        )

    async def receive(self, feed: Any) -> Any:
        return await feed.receive()


class Sync:
    """For the blocking client: nothing really awaits."""

    def __init__(self, client: blocking.Client, stack: ExitStack) -> None:
        self.client = client
        self._stack = stack

    async def call(self, command: Any, timeout: float = 30.0) -> Any:
        return self.client.call(command, timeout=timeout)

    async def subscribe(self, topic: Any, arguments: Any = None, **options: Any) -> Any:
        return self._stack.enter_context(self.client.subscribe(topic, arguments, **options))

    async def receive(self, feed: Any) -> Any:
        return feed.receive(5)


Scenario = Callable[[Api], Any]


def run_asyncio(path: Path, scenario: Scenario, **options: Any) -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(20),
            aio.open_client(UnixAddress(path), **options) as client,
            AsyncExitStack() as stack,
        ):
            await scenario(Async(client, stack))

    asyncio.run(main())


def run_trio(path: Path, scenario: Scenario, **options: Any) -> None:
    async def main() -> None:
        with trio.fail_after(20):
            async with (
                trio_client.open_client(UnixAddress(path), **options) as client,
                AsyncExitStack() as stack,
            ):
                await scenario(Async(client, stack))

    trio.run(main)


def run_blocking(path: Path, scenario: Scenario, **options: Any) -> None:
    with blocking.open_client(UnixAddress(path), **options) as client, ExitStack() as stack:
        coroutine = scenario(Sync(client, stack))
        with pytest.raises(StopIteration):
            coroutine.send(None)


Runner = Callable[..., None]
each = pytest.mark.parametrize("run", [run_asyncio, run_trio, run_blocking])


@each
def test_calls_are_typed_records_both_ways(run: Runner, tmp_path: Path) -> None:
    async def scenario(api: Api) -> None:
        state = await api.call(a.StateGet())
        assert isinstance(state, s.EngineState)
        preview = await api.call(a.PreviewFrame(camera="north"))
        assert preview.jpeg == b"\xff\xd8\xff"
        assert api.client.link is Link.OPEN
        assert api.client.welcome.role == "engineer"

    with server_thread(tmp_path) as server:
        run(tmp_path / "api.sock", scenario)
        assert [name for name, _, _ in server.engine.calls] == ["state.get", "preview.frame"]


@each
def test_refusals_carry_code_and_field(run: Runner, tmp_path: Path) -> None:
    async def scenario(api: Api) -> None:
        with pytest.raises(CallRefused, match="no such camera") as caught:
            await api.call(a.CamerasDisable(camera="absent"))
        assert (caught.value.code, caught.value.exit_status) == ("not-found", 2)
        with pytest.raises(CallRefused, match="not for the role engineer") as caught:
            await api.call(a.DeploymentsStart(signage_confirmed=True))
        assert caught.value.code == "forbidden"
        await api.call(a.StateGet())

    with server_thread(tmp_path):
        run(tmp_path / "api.sock", scenario)


@each
def test_a_deadline_is_kept(run: Runner, tmp_path: Path) -> None:
    async def scenario(api: Api) -> None:
        with pytest.raises(CallRefused) as caught:
            await api.call(a.JournalVerify(), timeout=0.05)
        assert caught.value.code == "deadline"
        await api.call(a.StateGet())

    with server_thread(tmp_path):
        run(tmp_path / "api.sock", scenario)


@each
def test_alerts_arrive_in_order_however_small_the_window(run: Runner, tmp_path: Path) -> None:
    with server_thread(tmp_path) as server:
        server.alerts(70)

        async def scenario(api: Api) -> None:
            feed = await api.subscribe(c.ALERTS, cursor=0, window=4)
            for number in range(1, 71):
                item = await api.receive(feed)
                assert isinstance(item, Delivery)
                assert (item.cursor, item.body.alert) == (number, f"A{number}")
            assert feed.cursor == 70

        run(tmp_path / "api.sock", scenario, role="operator")


@each
def test_what_retention_deleted_is_told(run: Runner, tmp_path: Path) -> None:
    with server_thread(tmp_path) as server:
        server.alerts(5)
        server.engine.kept_after = 3

        async def scenario(api: Api) -> None:
            feed = await api.subscribe(c.ALERTS, cursor=1)
            assert await api.receive(feed) == Gap(3)
            assert (await api.receive(feed)).cursor == 4

        run(tmp_path / "api.sock", scenario, role="operator")


@each
def test_a_refused_subscription_says_why(run: Runner, tmp_path: Path) -> None:
    async def scenario(api: Api) -> None:
        feed = await api.subscribe(c.ALERTS)
        with pytest.raises(CallRefused, match="not for the role engineer"):
            await api.receive(feed)

    with server_thread(tmp_path):
        run(tmp_path / "api.sock", scenario)


@each
def test_a_restart_loses_nothing_durable_and_says_what_else_may_be_missing(
    run: Runner, tmp_path: Path
) -> None:
    engine = FakeEngine()
    first = server_thread(tmp_path, engine)
    server = first.__enter__()
    second = server_thread(tmp_path, engine)
    try:
        server.alerts(3)

        async def scenario(api: Api) -> None:
            nonlocal server
            alerts = await api.subscribe(c.ALERTS, cursor=0)
            board = await api.subscribe(c.BOARD)
            seen = [(await api.receive(alerts)).cursor for _ in range(3)]
            assert isinstance(await api.receive(board), Delivery)
            first.__exit__(None, None, None)
            for _ in range(3):
                engine.raise_alert()
            server = second.__enter__()
            seen += [(await api.receive(alerts)).cursor for _ in range(3)]
            assert seen == [1, 2, 3, 4, 5, 6]
            items = [await api.receive(board), await api.receive(board)]
            assert items[0] == Reconnected()
            assert isinstance(items[1], Delivery | Missed)

        run(tmp_path / "api.sock", scenario, role="operator")
    finally:
        second.__exit__(None, None, None)


@each
def test_nobody_there_is_said_in_one_sentence(run: Runner, tmp_path: Path) -> None:
    async def scenario(_: Api) -> None:
        raise AssertionError

    with pytest.raises(LinkLost, match="cannot connect") as caught:
        run(tmp_path / "absent.sock", scenario)
    assert caught.value.fault is Fault.NETWORK


@each
def test_a_refused_caller_is_told(run: Runner, tmp_path: Path) -> None:
    async def scenario(_: Api) -> None:
        raise AssertionError

    with server_thread(tmp_path), pytest.raises(CallRefused, match="does not have that role"):
        run(tmp_path / "api.sock", scenario, role="king")


def test_a_refusal_is_heard_though_the_line_broke_while_we_spoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak = blocking.Client._speak

    def breaks(self: blocking.Client, connected: socket.socket) -> OSError | None:
        return speak(self, connected) or BrokenPipeError("after the last byte")

    async def scenario(_: Api) -> None:
        raise AssertionError

    monkeypatch.setattr(blocking.Client, "_speak", breaks)
    with server_thread(tmp_path), pytest.raises(CallRefused, match="does not have that role"):
        run_blocking(tmp_path / "api.sock", scenario, role="king")


@pytest.mark.parametrize("module", ["aio", "trio_client"])
def test_a_patient_client_waits_for_its_engine(module: str, tmp_path: Path) -> None:
    """It enters its block at once, and tells of each change of the link."""
    links: list[Link] = []
    path = UnixAddress(tmp_path / "api.sock")

    async def asyncio_main() -> None:
        async with aio.open_client(path, patient=True, on_link=links.append) as client:
            with pytest.raises(LinkLost, match="not connected"):
                await client.call(a.StateGet())
            with server_thread(tmp_path):
                while client.link is not Link.OPEN:
                    await asyncio.sleep(0.01)

    async def trio_main() -> None:
        async with trio_client.open_client(path, patient=True, on_link=links.append) as client:
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(LinkLost, match="not connected"):
                await client.call(a.StateGet())
            with server_thread(tmp_path):
                while client.link is not Link.OPEN:
                    await trio.sleep(0.01)

    if module == "aio":
        asyncio.run(asyncio_main())
    else:
        trio.run(trio_main)
    assert Link.OPEN in links
    assert links[-1] is Link.CLOSED


def test_many_calls_at_once_wait_their_turn(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open_client(UnixAddress(tmp_path / "api.sock")) as client:
            answers = await asyncio.gather(*(client.call(a.StateGet()) for _ in range(300)))
        assert len(answers) == 300

    with server_thread(tmp_path):
        asyncio.run(main())
