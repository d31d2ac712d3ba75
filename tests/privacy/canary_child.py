"""A deployment in a process of its own, with its socket and its radios, that then writes down its
whole memory.

    python -m tests.privacy.canary_child FOLDER RADIO_PORT WEBHOOK_URL [plant]

It serves FOLDER/api and runs until FOLDER/finish is there. It leaves ``memory`` (every writable
region), ``sent`` (all that went into sockets of Python's) and ``seen`` (who was templated) in
FOLDER, beside the deployment's ``data``.
"""

from __future__ import annotations

import os
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

import trio

from lfr_engine.api.callers import ApiSettings
from lfr_engine.api.server import serve_api
from lfr_engine.app.cameras import Cameras
from lfr_engine.app.deployed import over_session
from lfr_engine.app.deployment import open_deployment
from lfr_engine.app.engine_api import LiveEngine
from lfr_engine.app.logdial import LogDial
from lfr_engine.config import CameraConfig, Config
from lfr_engine.protocol.address import UnixAddress
from lfr_engine.relay.settings import RelaySettings, read_settings
from lfr_engine.runtime.hardening import core_dumps_forbidden, forbid_core_dumps
from lfr_engine.runtime.lanes import open_lane
from tests.app.deployment_rig import Rig
from tests.privacy.canary import (
    CONTRACT,
    STRANGERS,
    CanaryEmbedder,
    template_of,
    write_memory,
)
from tests.support.painted import Walk


def listen_to_sockets(folder: Path) -> None:
    """Whatever is given to a socket also goes into a file."""
    file = (folder / "sent").open("ab", buffering=0)
    for name in ("send", "sendall", "sendto"):
        original = getattr(socket.socket, name)

        def heard(self: socket.socket, data: Any, *rest: Any, _call: Any = original) -> Any:
            file.write(bytes(data))
            return _call(self, data, *rest)

        setattr(socket.socket, name, heard)


def relay(folder: Path, port: str, url: str) -> RelaySettings:
    """Every cue to one officer's radio and to the handset of another, over an endpoint."""
    secret = folder / "secret"
    secret.write_bytes(b"0123456789abcdef0123456789abcdef")
    return read_settings(
        {
            "bearers": [
                {"kind": "tetra", "name": "radio", "port": port, "speeds": [38400]},
                {"kind": "webhook", "name": "hook", "url": url, "secret_file": str(secret)},
            ],
            "recipients": [
                {"id": "E1", "addresses": {"radio": "1234567"}},
                {"id": "E2", "addresses": {"hook": "echo2"}},
            ],
            "routes": [
                {"bearers": ["radio"], "recipients": ["E1"]},
                {"bearers": ["hook"], "recipients": ["E2"]},
            ],
            "cameras": {"door": "VAN1"},
        }
    )


async def run(rig: Rig, folder: Path, radios: RelaySettings) -> None:
    dial = LogDial("info", rig.clock)
    cameras = Cameras(rig.clock, recorded_only=False, pictures=True)
    cameras.plans([CameraConfig(name="door", source="door.mp4")])  # known to previews
    async with (
        open_lane("test", width=1) as lane,
        open_deployment(rig.settings(relay=radios), rig.models, rig.clock) as session,
        over_session(session, rig.data / "c.toml", Config(cameras=[]), cameras, lane, dial) as told,
        trio.open_nursery() as nursery,
    ):
        assert told.tend is not None
        nursery.start_soon(told.tend)
        over = trio.Event()

        async def running(task_status: trio.TaskStatus[None]) -> None:
            await session.run(task_status=task_status)
            over.set()

        await nursery.start(running)
        api = LiveEngine(told)
        nursery.start_soon(api.tend)
        settings = ApiSettings((UnixAddress(folder / "api"),))
        await nursery.start(partial(serve_api, clock=rig.clock, record=api.record), settings, api)
        with trio.fail_after(100):
            while not (folder / "finish").exists() or session.state().passes < 3:
                await trio.sleep(0.05)
        session.leave()
        with trio.move_on_after(told.grace_s):
            await over.wait()
        nursery.cancel_scope.cancel()


def main() -> None:
    folder = Path(sys.argv[1])
    forbid_core_dumps()
    assert core_dumps_forbidden()
    listen_to_sockets(folder)
    embedder = CanaryEmbedder()
    rig = Rig(
        folder / "data",
        people={"ann": "wanted"},
        walks={
            "door": [
                Walk("ann", 0.5, 4.0, row=10),
                Walk("cid", 0.5, 4.5, row=90),
                Walk("dee", 0.7, 4.7, row=165, backwards=True),
            ]
        },
        contract=CONTRACT,
        template_of=template_of,
        embedder=embedder,
        changes={},
    ).build()
    trio.run(run, rig, folder, relay(folder, sys.argv[2], sys.argv[3]))
    planted = template_of(STRANGERS[0]).tobytes() if "plant" in sys.argv else b""
    (folder / "seen").write_text(" ".join(sorted(embedder.embedded)))
    del rig, embedder
    write_memory(folder / "memory")
    os.write(2, f"{len(planted)} bytes planted\n".encode())


if __name__ == "__main__":
    main()
