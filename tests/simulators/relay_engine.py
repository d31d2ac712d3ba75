"""The relay alone as a program, so that a test can kill it: outbox in a file, journal on stdout.

Arguments: the modem's port, the outbox, and the alerts to post. Every journalled change is one JSON
line; ``{"up": true}`` says that the modem is ready.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import trio

from lfr_engine.actors.relay_outbox import SqliteOutbox
from lfr_engine.relay.delivery import Change
from tests.actors.relay_rig import fresh_cue, radio_settings, running_relay


async def main(port: Path, outbox: Path, alerts: list[str]) -> None:
    settings = radio_settings(port, radio={"every_s": 0.0, "burst": 32, "repeat_s": 1.0})
    async with running_relay(settings, SqliteOutbox(outbox)) as relay:
        tell({"up": bool(await relay.wait_up())})
        for number, alert in enumerate(alerts):
            await relay.post(alert, fresh_cue(f"A1B2{number:02d}"))
            tell({"posted": alert})
        told = 0
        while True:
            await trio.sleep(0.005)
            for change in relay.changes[told:]:
                tell({"change": msgspec.to_builtins(change, enc_hook=_plain)})
            told = len(relay.changes)


def _plain(value: Any) -> Any:
    assert isinstance(value, Change)
    return value


def tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
