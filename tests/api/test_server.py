"""The server on a real Unix socket."""

from __future__ import annotations

import os
import resource
import socket
import stat
from pathlib import Path

import pytest
import trio

from lfr_engine.api.callers import ApiSettings
from lfr_engine.api.guard import Bounds
from lfr_engine.api.listeners import private_folder
from lfr_engine.api.server import serve_api
from lfr_engine.client import trio_client
from lfr_engine.client.errors import CallRefused, LinkLost
from lfr_engine.client.feed import Delivery, Missed
from lfr_engine.clock import SystemClock
from lfr_engine.errors import ConfigError, InputError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import commands as c
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.address import TlsAddress, UnixAddress
from tests.api.fake_engine import FakeEngine
from tests.api.support import dial, running, wait_until


def test_the_socket_is_private_and_goes_with_the_server(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "sub") as served:
            assert stat.S_IMODE(served.path.stat().st_mode) == 0o600
            assert stat.S_IMODE(served.path.parent.stat().st_mode) == 0o700
            async with dial(served) as wire:
                assert (await wire.open()).caller
        assert list((tmp_path / "sub").iterdir()) == []

    trio.run(scenario)


def test_a_dead_engines_socket_is_replaced_and_a_living_ones_is_not(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def scenario() -> None:
        async with running(tmp_path) as served:
            async with dial(served) as wire:
                await wire.open()
            with pytest.raises(InputError, match="another engine listens there"):
                await serve_api(
                    ApiSettings((UnixAddress(path),)),
                    FakeEngine(),
                    clock=SystemClock(),
                    record=served.engine.record,
                )
            async with dial(served) as wire:
                await wire.open()

    trio.run(scenario)


@pytest.mark.parametrize(
    ("mode", "said"), [(0o777, "others may write"), (0o720, "others may write")]
)
def test_a_folder_others_can_write_is_refused(tmp_path: Path, mode: int, said: str) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(InputError, match=said):
        private_folder(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, 12_345, 12_345)
    with pytest.raises(InputError, match="belongs to another user"):
        private_folder(folder)


def test_what_is_not_a_folder_or_not_a_socket_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(InputError, match="not a folder"):
            private_folder(tmp_path / name)

    async def scenario() -> None:
        settings = ApiSettings((UnixAddress(tmp_path / "file"),))
        engine = FakeEngine()
        await serve_api(settings, engine, clock=SystemClock(), record=engine.record)

    with pytest.raises(InputError, match="not a socket"):
        trio.run(scenario)


def test_tcp_without_tls_is_refused() -> None:
    async def scenario() -> None:
        engine = FakeEngine()
        settings = ApiSettings((TlsAddress("127.0.0.1", 1),))
        await serve_api(settings, engine, clock=SystemClock(), record=engine.record)

    with pytest.raises(ConfigError, match="TCP needs TLS"):
        trio.run(scenario)


def test_too_many_connections_are_told_to_wait(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = ApiSettings((UnixAddress(tmp_path / "api.sock"),), bounds=Bounds(connections=1))
        async with running(settings) as served, dial(served) as first:
            await first.open()
            async with dial(served) as second:
                said = await second.hear()
                assert isinstance(said, m.Error)
                assert said.code == "busy"
                assert await second.hear() is None
            await first.say(m.Request(id=1, command="state.get"))
            assert (await first.hear()).id == 1

    trio.run(scenario)


async def _half_open(tmp_path: Path, number: int) -> None:
    """Strangers that connect and say nothing, while one caller works."""
    settings = ApiSettings(
        (UnixAddress(tmp_path / "api.sock"),),
        bounds=Bounds(
            connections=100,
            per_origin=100,
            handshakes=20,
            handshake_seconds=60,
            new_per_second=1e6,
        ),
    )
    async with running(settings) as served, dial(served) as caller:
        await caller.open()
        strangers = []
        slowest = 0.0
        for count in range(number):
            stranger = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            stranger.setblocking(False)
            strangers.append(stranger)
            await trio.lowlevel.checkpoint()
            try:
                stranger.connect(str(served.path))
            except BlockingIOError:  # the backlog is full: let the server accept
                await trio.sleep(0.001)
            if count % 50 == 0:
                began = trio.current_time()
                await caller.say(m.Request(id=count + 1, command="state.get"))
                assert (await caller.hear()).id == count + 1
                slowest = max(slowest, trio.current_time() - began)
        await wait_until(lambda: served.guard.handshakes == 20)
        assert served.guard.connections == 21
        assert served.guard.turned_away >= number * 0.2  # the others found the queue full
        for stranger in strangers:
            stranger.close()
        await wait_until(lambda: served.guard.connections == 1)
        await caller.say(m.Request(id=number + 1, command="state.get"))
        assert (await caller.hear()).id == number + 1
    assert slowest < 5


def test_half_open_connections_do_not_stop_a_caller(tmp_path: Path) -> None:
    trio.run(_half_open, tmp_path, 300)


@pytest.mark.long
def test_ten_thousand_half_open_connections_do_not_stop_a_caller(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 11_000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this account may open only {hard} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        trio.run(_half_open, tmp_path, 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_storm_of_strangers_is_taken_at_its_pace(tmp_path: Path) -> None:
    async def scenario() -> None:
        bounds = Bounds(new_per_second=50, new_in_a_burst=5)
        settings = ApiSettings((UnixAddress(tmp_path / "api.sock"),), bounds=bounds)
        async with running(settings) as served:
            began = trio.current_time()
            for _ in range(25):
                async with dial(served) as wire:
                    await wire.open()
            assert trio.current_time() - began >= 0.38

    trio.run(scenario)


def test_a_hundred_subscribers_one_stuck(tmp_path: Path) -> None:
    """The stuck one grants no credit and later does; everybody gets everything in order."""
    number, alerts = 100, 400

    async def scenario() -> None:
        done: list[list[int | None]] = []
        async with running(tmp_path) as served, dial(served) as stuck:
            await stuck.open("operator")
            await stuck.say(m.Subscribe(id=1, topic="alerts", cursor=0, credit=1))
            assert isinstance(await stuck.hear(), m.Subscribed)
            ready = 0

            async def subscriber() -> None:
                nonlocal ready
                seen: list[int | None] = []
                address = served.addresses[0]
                async with (
                    trio_client.open_client(address, role="operator") as client,
                    client.subscribe(c.ALERTS, cursor=0) as feed,
                ):
                    ready += 1
                    while len(seen) < alerts:
                        item = await feed.receive()
                        if isinstance(item, Delivery):
                            seen.append(item.cursor)
                done.append(seen)

            async with trio.open_nursery() as nursery:
                for _ in range(number - 1):
                    nursery.start_soon(subscriber)
                await wait_until(lambda: ready == number - 1)
                for count in range(alerts):
                    served.engine.raise_alert()
                    if count % 20 == 0:
                        await trio.sleep(0.02)
            assert done == [list(range(1, alerts + 1))] * (number - 1)

            await stuck.say(m.Credit(id=1, n=10_000))
            seen: list[int | None] = []
            lagged = 0
            while len(seen) < alerts:
                message = await stuck.hear()
                if isinstance(message, m.Lagged):
                    lagged += message.missed
                elif isinstance(message, m.Event):
                    seen.append(message.cursor)
            assert seen == list(range(1, alerts + 1))
            assert lagged >= alerts - 128 - 2

    trio.run(scenario)


def test_a_client_that_stops_reading_costs_a_little_memory_and_nobody_else(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as served, dial(served) as stuck:
            await stuck.open("engineer")
            await stuck.say(m.Subscribe(id=1, topic="board", credit=100_000))
            address = served.addresses[0]
            async with (
                trio_client.open_client(address) as client,
                client.subscribe(c.BOARD) as feed,
            ):
                await feed.receive()
                for _ in range(3_000):
                    served.engine.publish_board()
                    await trio.lowlevel.checkpoint()
                newest = -1
                while newest < 3_000:
                    item = await feed.receive()
                    if isinstance(item, Delivery):
                        assert item.body.passes > newest
                        newest = item.body.passes
                    else:
                        assert isinstance(item, Missed)

    trio.run(scenario)


def test_a_restarted_engine_is_found_again_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = FakeEngine()
        seen: list[int | None] = []
        links: list[str] = []

        async def subscriber(task_status: trio.TaskStatus[None]) -> None:
            async with (
                trio_client.open_client(
                    UnixAddress(tmp_path / "api.sock"),
                    role="operator",
                    patient=True,
                    on_link=lambda link: links.append(link.value),
                ) as client,
                client.subscribe(c.ALERTS, cursor=0) as feed,
            ):
                task_status.started()
                async for item in feed:
                    assert isinstance(item, Delivery)
                    seen.append(item.cursor)

        async with trio.open_nursery() as nursery:
            await nursery.start(subscriber)
            for total in (5, 10, 15):
                async with running(tmp_path, engine):
                    for _ in range(5):
                        engine.raise_alert()

                    def all_here(total: int = total) -> bool:
                        return len(seen) == total

                    await wait_until(all_here)
            nursery.cancel_scope.cancel()
        assert seen == list(range(1, 16))
        assert links.count("open") == 3
        assert links.count("lost") >= 2

    trio.run(scenario)


def test_shutting_down_says_goodbye_and_fails_calls_under_way(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as served:
            address = served.addresses[0]
            async with trio_client.open_client(address, role="auditor") as client:
                async with trio.open_nursery() as nursery:

                    async def call() -> None:
                        with pytest.raises(LinkLost, match="shutting down"):
                            await client.call(a.JournalVerify())

                    nursery.start_soon(call)
                    await wait_until(lambda: bool(served.engine.calls))
                    served.scope.cancel()
                with pytest.raises(LinkLost, match="not connected"):
                    await client.call(a.StateGet())

    trio.run(scenario)


def test_a_refused_role_is_told_to_the_client_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as served:
            with pytest.raises(CallRefused, match="does not have that role"):
                async with trio_client.open_client(served.addresses[0], role="king"):
                    pass

    trio.run(scenario)
