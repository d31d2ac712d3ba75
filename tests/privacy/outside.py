"""The world outside a deployment: a client in every role, a radio, an endpoint; every byte is kept.

Owns: the taps. ``wire`` holds what passed the engine's socket either way, ``radio`` what passed the
serial port, ``hook`` what came to the endpoint; all lie in ``captured`` below the folder.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trio

from lfr_engine.client.trio_client import Client, open_client
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import commands as c
from lfr_engine.protocol.address import UnixAddress
from tests.actors.relay_rig import ROOT, SimulatedModem, simulated_modem

PATIENCE_S = 90.0


@dataclass
class Seen:
    """What the clients received. topics: events by topic. pictures: JPEG or PNG of the alert."""

    topics: dict[str, int] = field(default_factory=dict)
    pictures: list[bytes] = field(default_factory=list)
    cue: str = ""
    stderr: bytes = b""


def run_canary(folder: Path, *how: str) -> Seen:
    """One whole deployment: watched, adjudicated and relayed. Raises where it fails."""
    (folder / "captured").mkdir()
    return trio.run(_main, folder, how)


async def _main(folder: Path, how: tuple[str, ...]) -> Seen:
    captured, seen = folder / "captured", Seen()
    async with (
        simulated_modem(folder, "--capture", str(captured / "radio")) as modem,
        trio.open_nursery() as nursery,
    ):
        await modem.do("radio", issi="1234567")
        listeners = await nursery.start(
            partial(trio.serve_tcp, partial(_endpoint, captured / "hook"), 0, host="127.0.0.1")
        )
        port = listeners[0].socket.getsockname()[1]
        words = [str(folder), str(modem.port), f"http://127.0.0.1:{port}/cues", *how]
        with (folder / "said").open("wb") as said:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "tests.privacy.canary_child", *words],
                cwd=ROOT,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
            try:
                with trio.fail_after(PATIENCE_S):
                    await _watch(folder, nursery, modem, process, seen)
                    await process.wait()
            finally:
                process.kill()
                await process.wait()
        nursery.cancel_scope.cancel()
    assert process.returncode == 0, (folder / "said").read_text()
    return seen


async def _watch(
    folder: Path, nursery: trio.Nursery, modem: SimulatedModem, process: trio.Process, seen: Seen
) -> None:
    """Connect through the tap in every role, follow every topic, decide about the alert."""
    while not (folder / "api").exists():
        assert process.poll() is None, (folder / "said").read_text()
        await trio.sleep(0.05)
    near = trio.socket.socket(trio.socket.AF_UNIX)
    await near.bind(str(folder / "tap"))
    near.listen()
    listener = trio.SocketListener(near)
    wire = folder / "captured" / "wire"
    nursery.start_soon(trio.serve_listeners, partial(_tap, folder / "api", wire), [listener])
    address = UnixAddress(folder / "tap")
    async with AsyncExitStack() as stack:
        clients = {
            role: await stack.enter_async_context(open_client(address, role=role.value))
            for role in c.CallerRole
        }
        await _work(folder, clients, modem, seen)


async def _work(
    folder: Path, clients: dict[c.CallerRole, Client], modem: SimulatedModem, seen: Seen
) -> None:
    async with trio.open_nursery() as listening:
        for role, client in clients.items():
            for topic in c.TOPICS.values():
                if role in topic.roles:
                    listening.start_soon(_follow, client, topic, seen)
        operator = clients[c.CallerRole.OPERATOR]
        while not (alerts := (await operator.call(a.AlertsList())).alerts):
            await trio.sleep(0.1)
        alert = alerts[0].alert
        await operator.call(a.AlertsDisplayed(alert=alert))
        shown = await operator.call(a.AlertsPictures(alert=alert))
        assert shown.context is not None
        seen.pictures = [shown.probe, shown.reference, shown.context]
        await operator.call(a.AlertsDecide(alert=alert, decision="passed", reasons=["likeness"]))
        seen.cue = (await modem.wait("shown"))["text"]
        while not (folder / "captured" / "hook").exists():
            await trio.sleep(0.05)
        await clients[c.CallerRole.AUDITOR].call(a.JournalQuery())
        await clients[c.CallerRole.AUDITOR].call(a.StateGet())
        await trio.sleep(3)  # the strangers walk on, and out of the picture
        (folder / "finish").touch()
        listening.cancel_scope.cancel()


async def _follow(client: Client, topic: c.TopicSpec[Any], seen: Seen) -> None:
    arguments: Any = None
    if topic is c.PREVIEW:
        arguments = a.PreviewFilter(camera="door", width=640, per_second=5)
    elif topic is c.LOGS:
        arguments = a.LogsFilter(level="debug")
    async with client.subscribe(topic, arguments) as events:
        async for _ in events:
            seen.topics[topic.name] = seen.topics.get(topic.name, 0) + 1


async def _tap(target: Path, path: Path, near: trio.SocketStream) -> None:
    """Hand on, and keep, what passes either way."""
    far = await trio.open_unix_socket(str(target))

    async def carry(source: trio.SocketStream, sink: trio.SocketStream) -> None:
        async for piece in source:
            wire.write(piece)
            await sink.send_all(piece)
        await sink.send_eof()

    with path.open("ab", buffering=0) as wire:
        await _both(carry, near, far)


async def _both(carry: Any, near: trio.SocketStream, far: trio.SocketStream) -> None:
    async with far:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(carry, near, far)
                nursery.start_soon(carry, far, near)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass


async def _endpoint(path: Path, stream: trio.SocketStream) -> None:
    """Keep a request as it came and say that it was delivered."""
    request = b""
    async for piece in stream:
        request += piece
        head, _, body = request.partition(b"\r\n\r\n")
        length = [
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ]
        if length and len(body) >= length[0]:
            break
    with path.open("ab") as file:
        file.write(request)
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
