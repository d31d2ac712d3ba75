"""How long from an alert to its bytes at the modem: ``python -m tests.simulators.relay_bench``.

Everything is real but the modem: outbox on disk with a full sync, router, pseudo-terminal. The
pace is off, so that only the way is measured. ``--busy N`` adds N processes that only burn time.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import trio

from lfr_engine.actors.relay_outbox import SqliteOutbox
from tests.actors.relay_rig import fresh_cue, radio_settings, running_relay, simulated_modem

ALERTS = 200


async def measure(folder: Path) -> list[float]:
    """Milliseconds from ``post`` to the modem's last byte, for each alert."""
    async with simulated_modem(folder) as modem:
        await modem.do("radio", issi="1234567")
        settings = radio_settings(modem.port, radio={"every_s": 0.0})
        async with running_relay(settings, SqliteOutbox(folder / "outbox.db")) as relay:
            await relay.wait_up()
            took = []
            for number in range(ALERTS):
                begin = time.monotonic()
                await relay.post(f"a{number}", fresh_cue(f"A{number:05d}"))
                written = await modem.wait("written", number + 1)
                took.append(1000 * (written["at"] - begin))
                await relay.wait_change("receipt", alert=f"a{number}")
    return took


def burn() -> None:
    while True:
        sum(range(10_000))


def main(busy: int) -> None:
    burners = [multiprocessing.Process(target=burn, daemon=True) for _ in range(busy)]
    for burner in burners:
        burner.start()
    with tempfile.TemporaryDirectory() as folder:
        took = trio.run(measure, Path(folder))
    for burner in burners:
        burner.terminate()
    p50, p95, worst = np.percentile(took, [50, 95, 100])
    sys.stdout.write(
        f"{len(took)} alerts, {busy} busy processes: alert to serial bytes"
        f" p50 {p50:.1f} ms, p95 {p95:.1f} ms, worst {worst:.1f} ms\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[sys.argv.index("--busy") + 1]) if "--busy" in sys.argv else 0)
