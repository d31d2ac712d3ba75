"""What attackers cost a running engine, measured: ``python -m tests.app.attack_bench CLIP``.

A real ``lfr run`` decodes and detects CLIP on paced cameras; strangers attack from a process at the
lowest priority. Calm and attacked windows alternate in one run (A B A B …), and the figure is the
median of the ratios of neighbours, because machines drift. Processor time is the kernel's own
account: of the thread that runs the loop, which is where the socket's work is done, and of the
whole process.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lfr_engine.client.blocking import Client, open_client
from lfr_engine.client.errors import LinkLost
from lfr_engine.protocol.address import UnixAddress
from lfr_engine.protocol.arguments import MetricsGet
from tests.app.api_child import furnish

ROOT = Path(__file__).parents[2]
SETTLE_S = 1.0
WARM_UP_S = 12.0
STORM = 200
ATTACKS = (
    ("unix", "half-open"),
    ("unix", "loris"),
    ("unix", "prefix"),
    ("unix", "garbage"),
    ("unix", "wrong-token"),
    ("unix", "replay"),
    ("unix", "escalation"),
    ("unix", "refused"),
    ("tls", "half-open"),
    ("tls", "loris"),
    ("tls", "garbage"),
    ("tls", "expired"),
    ("tls", "foreign"),
    ("tls", "no-certificate"),
    ("unix", "held"),
)


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch: frames detected and dropped, processor seconds, each a second of it."""

    detected: float
    dropped: float
    loop: float
    process: float


class Engine:
    """A running engine, watched from outside."""

    def __init__(self, process: int, client: Client) -> None:
        self._process, self._client = process, client

    def window(self, seconds: float) -> Window:
        began, before = time.monotonic(), self._look()
        time.sleep(seconds)
        lasted, after = time.monotonic() - began, self._look()
        return Window(*((b - a) / lasted for a, b in zip(before, after, strict=True)))

    def _look(self) -> tuple[float, float, float, float]:
        values = self._client.call(MetricsGet(), timeout=60).values
        detected = sum(v for k, v in values.items() if k.startswith("counts.detected "))
        dropped = sum(
            v for k, v in values.items() if k.startswith("drops.") and not k.endswith(".cadence")
        )
        return detected, dropped, on_processor(self._process, self._process), self._whole()

    def _whole(self) -> float:
        used = 0.0
        for thread in Path(f"/proc/{self._process}/task").iterdir():
            with contextlib.suppress(OSError):
                used += on_processor(self._process, int(thread.name))
        return used


def on_processor(process: int, thread: int) -> float:
    """Seconds a thread has run, by the kernel's scheduler."""
    return int(Path(f"/proc/{process}/task/{thread}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def attack(kind: str, address: str, number: int, folder: Path) -> Iterator[list[int]]:
    """Strangers misbehave while the block lasts; afterwards the list says how many came."""
    made: list[int] = []
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.app.attackers", kind, address, str(number), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        yield made
        told, _ = process.communicate(timeout=30)
        made.append(int(told))
    finally:
        process.kill()
        process.wait()


def configuration(folder: Path, cameras: str, port: int) -> Path:
    """A file for an engine with mutual TLS, tokens and a Unix socket."""
    furnish(folder)
    path = folder / "engine.toml"
    path.write_text(
        f'[api]\nsocket = "{folder}/s/api.sock"\ntcp = "localhost:{port}"\n'
        f'certificate = "{folder}/localhost.pem"\nkey = "{folder}/localhost.pem"\n'
        f'client_authority = "{folder}/site.pem"\ntokens = "{folder}/tokens.json"\n'
        f'[log]\nlevel = "warning"\n' + cameras
    )
    return path


def patient(
    socket: UnixAddress, process: subprocess.Popen[bytes]
) -> contextlib.AbstractContextManager[Client]:
    """A client of an engine that is still opening its networks."""
    while process.poll() is None:
        with contextlib.suppress(LinkLost), open_client(socket):
            return open_client(socket, role="engineer")
        time.sleep(0.2)
    raise SystemExit("the engine did not start")


@contextmanager
def running(path: Path) -> Iterator[Engine]:
    """``lfr run`` while the block lasts."""
    process = subprocess.Popen([sys.executable, "-m", "lfr_engine", "run", str(path)], cwd=ROOT)
    socket = UnixAddress(path.parent / "s" / "api.sock")
    try:
        with contextlib.ExitStack() as stack:
            yield Engine(process.pid, stack.enter_context(patient(socket, process)))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("clip", type=Path)
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--pace", choices=["live", "fast"], default="live")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--port", type=int, default=17477)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    cameras = "".join(
        f'[[cameras]]\nname = "c{n}"\nsource = "{given.clip}"\nrepeat = true\n'
        f'pace = "{given.pace}"\n'
        for n in range(given.cameras)
    )
    with tempfile.TemporaryDirectory(prefix="lfr-attack-") as name:
        folder = Path(name)
        path = configuration(folder, cameras, given.port)
        with running(path) as engine:
            time.sleep(WARM_UP_S)
            print("| attack | connections/s | rate | dropped/s | loop, % of a core | process |")
            print("|---|---|---|---|---|---|")
            for where, kind in ATTACKS:
                if given.only and given.only not in f"{where} {kind}":
                    continue
                socket = f"unix:{folder}/s/api.sock"
                address = socket if where == "unix" else f"tls://localhost:{given.port}"
                number = 10_000 if kind == "held" else STORM
                calm: list[Window] = []
                attacked: list[Window] = []
                came = 0
                for _ in range(given.pairs):
                    calm.append(engine.window(given.seconds))
                    with attack(kind, address, number, folder) as made:
                        time.sleep(SETTLE_S)
                        attacked.append(engine.window(given.seconds))
                    came += made[0]
                    time.sleep(SETTLE_S)
                print(row(f"{kind}, {where}", calm, attacked, came, given.seconds), flush=True)


def row(name: str, calm: list[Window], attacked: list[Window], came: int, seconds: float) -> str:
    """One line of the table; medians over the pairs."""
    pairs = list(zip(calm, attacked, strict=True))
    rate = statistics.median(b.detected / a.detected for a, b in pairs)
    dropped = statistics.median(b.dropped - a.dropped for a, b in pairs)
    loop = statistics.median(b.loop - a.loop for a, b in pairs)
    whole = statistics.median(b.process - a.process for a, b in pairs)
    fps = statistics.median(a.detected for a in calm)
    return (
        f"| {name} | {came / len(pairs) / (seconds + SETTLE_S):.0f} | {rate:.3f} of {fps:.1f} "
        f"| {dropped:+.1f} | {100 * loop:+.1f} | {100 * whole:+.1f} |"
    )


if __name__ == "__main__":
    main()
