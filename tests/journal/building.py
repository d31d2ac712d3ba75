"""Small journals for tests: made, filled and closed in one call."""

from __future__ import annotations

from pathlib import Path

from lfr_engine.clock import ManualClock
from lfr_engine.journal.signing import Signer
from lfr_engine.journal.store import Journal

SIGNER = Signer.generate()


def opened(path: Path, clock: ManualClock | None = None, signer: Signer = SIGNER) -> Journal:
    return Journal.open(path, signer, clock or ManualClock())


def up(journal: Journal, name: str) -> int:
    return journal.append("camera.up", {"camera": name}).seq


def filled(path: Path, count: int, signer: Signer = SIGNER) -> Path:
    """A closed journal with ``count`` camera events behind its first two records."""
    with opened(path, signer=signer) as journal:
        for number in range(count):
            up(journal, f"c{number}")
    return path


def without_index(path: Path) -> None:
    """As after a power loss that took the index's last rows."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}.index{suffix}").unlink(missing_ok=True)
