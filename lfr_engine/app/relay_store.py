"""The outboxes of deployments: one file each, gone with its deployment.

Owns: where they lie, and what becomes of one whose deployment is over. Never: a message sent; a
change forgotten that the journal does not hold. Strategy: synchronous, in a lane; safe to repeat,
so that a crash anywhere is mended at the next opening.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lfr_engine.actors.relay_outbox import SqliteOutbox
from lfr_engine.app.relay_words import journalled
from lfr_engine.journal.events.access import RelayState
from lfr_engine.journal.events.fields import Event
from lfr_engine.relay.outbox import OutboxStore

SUFFIX = ".outbox"
_AT_ONCE = 64

Write = Callable[[Sequence[Event]], None]


def open_outbox(data: Path, deployment: str) -> SqliteOutbox:
    """The outbox of a deployment, new or as a crash left it.

    Raises:
        InputError: The file cannot be used.
    """
    folder = data / "relay"
    folder.mkdir(mode=0o700, exist_ok=True)
    return SqliteOutbox(folder / f"{deployment}{SUFFIX}")


def settle_outbox(store: OutboxStore, deployment: str, write: Write) -> None:
    """Journal what the journal does not hold yet, and that whatever waited is never sent."""
    while batch := store.unjournalled(_AT_ONCE):
        write([event for _, change in batch for event in journalled(change, deployment)])
        store.journalled(batch[-1][0])
    write(
        [
            RelayState(
                alert=delivery.key.alert,
                recipient=delivery.key.recipient,
                bearer=delivery.key.bearer,
                state="expired",
                before=delivery.state.value,
                deployment=deployment,
                cause="the deployment is over",
            )
            for delivery in store.load()
            if not delivery.over
        ]
    )


def remove_outbox(path: Path) -> None:
    """Delete an outbox that was settled."""
    for ending in ("-wal", "-shm", ""):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def settle_others(data: Path, deployment: str, write: Write) -> None:
    """Settle and delete what deployments before ``deployment`` left by a crash.

    Raises:
        InputError: One of them cannot be read.
    """
    for path in sorted((data / "relay").glob(f"*{SUFFIX}")):
        if path.stem == deployment:
            continue
        store = SqliteOutbox(path)
        try:
            settle_outbox(store, path.stem, write)
        finally:
            store.close()
        remove_outbox(path)
