"""A longer search for bytes that break the protocol, guided by coverage (``just fuzz``).

Never part of pytest. Each input's first byte says which end reads it and how it is cut; the rest is
the stream. Whatever it is: messages or one RemoteProtocolError, the same for every cut, and never
more than the cap held. Seeds: the golden traces.

    python -m tests.protocol.fuzz_atheris -max_total_time=600
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["lfr_engine.protocol"]):
    from lfr_engine.protocol import messages as m
    from lfr_engine.protocol.connection import Connection
    from lfr_engine.protocol.errors import RemoteProtocolError
    from lfr_engine.protocol.framing import CHUNK_BYTES, SERVER_LIMITS
    from lfr_engine.protocol.machine import Role

from tests.protocol.support import NONCE, Pair

GOLDEN = Path(__file__).parent / "golden"


def reader(kind: int) -> Connection:
    """One of four ends: either role, before or after the welcome."""
    role = Role.SERVER if kind & 1 else Role.CLIENT
    if kind & 2:
        pair = Pair().open()
        return pair.server if role is Role.SERVER else pair.client
    fresh = Connection(role)
    if role is Role.SERVER:
        fresh.send(m.Challenge(versions=[1], nonce=NONCE))
    return fresh


def outcome(data: bytes, kind: int, piece: int) -> list[Any]:
    end = reader(kind)
    seen: list[Any] = []
    try:
        for begin in range(0, len(data), piece):
            end.receive_data(data[begin : begin + piece])
            while (message := end.next_message()) is not None:
                seen.append(message)
        end.receive_data(b"")
        while (message := end.next_message()) is not None:
            seen.append(message)
    except RemoteProtocolError as error:
        seen.append((error.code, error.cause))
    assert end.held_bytes <= SERVER_LIMITS.frame_bytes + CHUNK_BYTES
    return seen


def one_input(data: bytes) -> None:
    """What the fuzzer calls."""
    if not data:
        return
    kind, piece = data[0] & 3, (data[0] >> 2) + 1
    stream = data[1:]
    whole = outcome(stream, kind, max(1, len(stream)))
    assert outcome(stream, kind, piece) == whole


def seeds(folder: Path) -> None:
    """The golden traces, by speaker, as starting points."""
    for path in GOLDEN.glob("*.txt"):
        lines = [line.split() for line in path.read_text().splitlines()]
        for kind, speaker in ((0, "server"), (1, "client"), (3, "client")):
            spoken = [bytes.fromhex(data) for who, data in lines if who == speaker]
            stream = b"".join(spoken[1:] if kind == 3 else spoken)
            (folder / f"{path.stem}-{kind}").write_bytes(bytes([kind]) + stream)


def main() -> None:
    """Run libFuzzer with its own options."""
    with tempfile.TemporaryDirectory(prefix="lfr-fuzz-") as folder:
        seeds(Path(folder))
        atheris.Setup([*sys.argv, folder], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
