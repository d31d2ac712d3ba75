"""The socket server alone in a process, for attacks: ``python -m tests.app.api_child FOLDER``.

Bounds are those a real engine has. Prints the TLS port once it listens; on the end of its input it
says how much processor time it used.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import structlog
import trio

from lfr_engine.api.callers import ApiSettings, TlsSettings
from lfr_engine.api.server import serve_api
from lfr_engine.api.tokens import TokenStore
from lfr_engine.clock import SystemClock
from lfr_engine.protocol.address import Address, TlsAddress, UnixAddress
from lfr_engine.protocol.commands import CallerRole
from tests.api.certificates import Authority
from tests.api.fake_engine import FakeEngine


def furnish(folder: Path) -> None:
    """Certificates good and bad, and a token, for an engine and those who attack it."""
    site = Authority(folder, "site")
    site.sign("localhost")
    site.sign("desk", expired=True)
    Authority(folder, "elsewhere").sign("stranger")
    TokenStore(folder / "tokens.json").add("console", [CallerRole.AUDITOR])


async def serve(folder: Path) -> None:
    engine = FakeEngine()
    certificate = folder / "localhost.pem"
    settings = ApiSettings(
        (UnixAddress(folder / "s" / "api.sock"), TlsAddress("localhost", 0)),
        tls=TlsSettings(certificate, certificate, folder / "site.pem"),
        token_file=folder / "tokens.json",
        certificates={"desk": [CallerRole.OPERATOR]},
    )
    async with trio.open_nursery() as nursery:

        async def ready(task_status: trio.TaskStatus[list[Address]]) -> None:
            await serve_api(
                settings,
                engine,
                clock=SystemClock(),
                record=engine.record,
                task_status=task_status,
            )

        bound = await nursery.start(ready)
        print(next(one.port for one in bound if isinstance(one, TlsAddress)), flush=True)
        await trio.sleep_forever()


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))

    def tell() -> None:
        for _ in sys.stdin:
            print(time.process_time(), flush=True)

    threading.Thread(target=tell, daemon=True).start()
    trio.run(serve, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
