"""A deployment in a process of its own that then writes down its whole memory.

    python -m tests.privacy.canary_child FOLDER [plant]

Leaves ``memory`` (every writable region), ``sent`` (all that went into sockets) and ``seen`` (who
was templated) in FOLDER, beside the deployment's ``data``.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import trio

from lfr_engine.alerts.adjudication import Person
from lfr_engine.app.deployment import open_deployment
from lfr_engine.runtime.hardening import core_dumps_forbidden, forbid_core_dumps
from tests.app.deployment_rig import Rig
from tests.privacy.canary import (
    CONTRACT,
    STRANGERS,
    CanaryEmbedder,
    template_of,
    write_memory,
)
from tests.support.painted import Walk

OLGA = Person("Olga", "operator")


def listen_to_sockets(folder: Path) -> None:
    """Whatever is given to a socket also goes into a file."""
    file = (folder / "sent").open("ab", buffering=0)
    for name in ("send", "sendall", "sendto"):
        original = getattr(socket.socket, name)

        def heard(self: socket.socket, data: Any, *rest: Any, _call: Any = original) -> Any:
            file.write(bytes(data))
            return _call(self, data, *rest)

        setattr(socket.socket, name, heard)


async def run(rig: Rig) -> None:
    async with (
        open_deployment(rig.settings(), rig.models, rig.clock) as session,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(session.run)
        with trio.fail_after(30):
            while session.state().passes < 3:
                await trio.sleep(0.05)
        (alert,) = await session.alerts()
        await session.display(OLGA, alert.reference)
        await session.pictures(OLGA, alert.reference)
        await session.decide(OLGA, alert.reference, "passed", ["likeness"])
        session.leave()


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
                Walk("ann", 0.3, 2.6, row=10),
                Walk("cid", 0.3, 2.8, row=90),
                Walk("dee", 0.5, 3.0, row=165, backwards=True),
            ]
        },
        contract=CONTRACT,
        template_of=template_of,
        embedder=embedder,
        changes={},
    ).build()
    trio.run(run, rig)
    planted = template_of(STRANGERS[0]).tobytes() if "plant" in sys.argv else b""
    (folder / "seen").write_text(" ".join(sorted(embedder.embedded)))
    del rig, embedder
    write_memory(folder / "memory")
    os.write(2, f"{len(planted)} bytes planted\n".encode())


if __name__ == "__main__":
    main()
