"""Everything a deployment of the real program needs on disk, made by the program's own commands.

A watchlist of two people who walk through the recorded clip, sealed in its vault; an authorising
officer's key; people's tokens; and, for every run, a signed authority and a configuration.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lfr_engine.api.tokens import TokenStore
from lfr_engine.client.blocking import Client, open_client
from lfr_engine.inference.store import ModelStore, data_folder
from lfr_engine.journal.lines import Record, committed
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol.address import UnixAddress
from lfr_engine.protocol.commands import CallerRole
from lfr_engine.protocol.proof import Token

SHARED = Path(__file__).parents[3] / "shared" / "data"
CLIP = SHARED / "clips" / "hamilton.mp4"
LISTED = {"M-1": "lin-manuel-miranda.png", "L-2": "alex-lacamoire.png"}
PEOPLE: Mapping[str, CallerRole] = {
    "olga": CallerRole.OPERATOR,
    "otto": CallerRole.OPERATOR,
    "finn": CallerRole.OFFICER,
    "ada": CallerRole.AUDITOR,
    "eve": CallerRole.ENGINEER,
}
MOST_OTHERS = 32
LFR = [sys.executable, "-c", "from lfr_engine.cli import main; main()"]


def need_shared() -> None:
    """Skip, with the reason, where the recorded clip or the networks are not there."""
    if not CLIP.is_file():
        pytest.skip("needs ../shared beside the project")
    if not ModelStore(data_folder()).installed("opencv-zoo"):
        pytest.skip("the opencv-zoo pack is not installed: lfr models install opencv-zoo")


@dataclass
class Place:
    """One machine's files. ``data`` is what the program calls its data folder.

    build_s: how long building took, which says how busy the machine is: some 10 s where it is not.
    """

    root: Path
    tokens: dict[str, Token] = field(default_factory=dict)
    build_s: float = 0.0

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def journal(self) -> Path:
        return self.data / "journal.jsonl"

    @property
    def address(self) -> UnixAddress:
        return UnixAddress(self.root / "s")

    def lfr(self, *words: str | Path) -> str:
        """Run a command of the program; returns what it prints."""
        done = subprocess.run(
            [*LFR, *map(str, words)],
            env={**os.environ, "LFR_DATA": str(self.data)},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def build(self) -> Place:
        """Keys, tokens and the sealed list."""
        began = time.monotonic()
        self.data.mkdir(parents=True)
        (self.data / "models").symlink_to(data_folder() / "models")
        access = ("--by", "B. Builder", "--key-file", self.root / "list.key")
        self.lfr("watchlist", "key", self.root / "list.key")
        self.lfr("watchlist", "new", "WL-1", "--reason", "people sought by the court", *access)
        for entry, picture in LISTED.items():
            self.lfr(
                "watchlist", "add", "WL-1", "--image", SHARED / "portraits" / picture,
                "--id", entry, "--label", f"Person {entry}", "--category", "wanted",
                "--source", "custody", "--lawful-basis", "warrant 1", "--reason", "sought",
                "--priority", "high", "--expected-action", "speak to them",
                "--last-checked", f"{dt.datetime.now(dt.UTC):%Y-%m-%d}", "--under-18", "no",
                *access,
            )  # fmt: skip
        self.lfr("watchlist", "seal", "WL-1", "--yes", *access)
        said = self.lfr("authority", "key", "new", self.root / "ao.key", "--officer", "AO-7")
        (self.root / "trusted.toml").write_text(said[said.index("[[trusted]]") :])
        store = TokenStore(self.root / "tokens.json")
        self.tokens = {name: store.add(name, [role]) for name, role in PEOPLE.items()}
        self.build_s = time.monotonic() - began
        return self

    def copied(self, root: Path) -> Place:
        """The same on another machine."""
        shutil.copytree(self.root, root, symlinks=True)
        return Place(root, self.tokens, self.build_s)

    def authorise(self, cameras: Sequence[str], lasts: dt.timedelta) -> dt.datetime:
        """Sign an authority that began a minute ago; returns its end."""
        path = self.root / "authority.toml"
        path.unlink(missing_ok=True)
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        end = now + lasts
        named = [word for camera in cameras for word in ("--camera", camera)]
        self.lfr(
            "authority", "new", path, "--use-case", "Targeted operation",
            "--purpose", "Find people wanted by the courts", "--place", "High Street",
            "--zone", "gate", *named, "--start", (now - dt.timedelta(minutes=1)).isoformat(),
            "--end", end.isoformat(), "--watchlist", "WL-1", "--officer-name", "P. Example",
            "--officer-rank", "Superintendent", "--officer-id", "AO-7",
        )  # fmt: skip
        self.lfr("authority", "sign", path, "--key", self.root / "ao.key", "--yes")
        return end

    def configure(
        self, cameras: Mapping[str, Path], more: str = "", *, deployment: str = ""
    ) -> Path:
        """The configuration: cameras that show a recording at its own pace, again and again."""
        path = self.root / "c.toml"
        sources = "".join(
            f'[[cameras]]\nname = "{name}"\nsource = "{source}"\nrepeat = true\n'
            for name, source in cameras.items()
        )
        path.write_text(
            f'{sources}[api]\nsocket = "{self.root / "s"}"\n'
            f'tokens = "{self.root / "tokens.json"}"\n'
            f'[deployment]\nauthority = "{self.root / "authority.toml"}"\n'
            f'trusted_keys = ["{self.root / "trusted.toml"}"]\n'
            f'watchlist_key = "{self.root / "list.key"}"\nzones = ["gate"]\n'
            f'data = "{self.data}"\nrequire_synchronised_clock = false\n'
            f"signage_confirmed = true\n{deployment}\n{more}"
        )
        return path

    @contextmanager
    def as_(self, name: str) -> Iterator[Client]:
        """A connection of one of the people."""
        role = PEOPLE[name]
        with open_client(self.address, token=self.tokens[name], role=role) as client:
            yield client

    def records(self, *kinds: str) -> list[Record]:
        """What the journal on disk holds now."""
        with self.journal.open("rb") as file:
            found = [placed.record for placed in committed(file, self.journal)]
        return [record for record in found if not kinds or record.kind in kinds]

    def bodies(self, *kinds: str) -> list[dict[str, Any]]:
        """Bodies of some kinds of records."""
        return [dict(record.body) for record in self.records(*kinds)]

    def report(self) -> dict[str, Any]:
        """``lfr report`` of the one deployment, as anybody would ask for it."""
        (name,) = {body["deployment"] for body in self.bodies("deployment.started")}
        made: dict[str, Any] = json.loads(
            self.lfr("report", name, "--journal", self.journal, "--json")
        )
        return made


@dataclass
class Program:
    """A running ``lfr run``."""

    process: subprocess.Popen[bytes]
    said: Path

    def log(self) -> str:
        return self.said.read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Exit status after a signal."""
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def running(place: Place, path: Path) -> Iterator[Program]:
    """``lfr run`` while the block lasts; entered once its socket listens."""
    said = place.root / f"log-{time.monotonic_ns()}"
    with said.open("wb") as err:
        process = subprocess.Popen(
            [*LFR, "run", str(path)],
            env={**os.environ, "LFR_DATA": str(place.data)}, stderr=err, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        program = Program(process, said)
        try:
            wait(lambda: "running" in program.log() or process.poll() is not None, 180)
            assert process.poll() is None, program.log()
            yield program
        finally:
            process.kill()
            process.wait()


def wait(true: Callable[[], object], seconds: float = 30) -> None:
    """Poll until something is true."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it never came true"
        time.sleep(0.05)


@contextmanager
def offered_too_much(client: Client) -> Iterator[None]:
    """An engine that is offered more than it can do. Where the machine keeps up with its cameras,
    other programs take as much of it as is needed, four more every second.
    """
    others: list[subprocess.Popen[bytes]] = []
    try:
        while client.call(a.BoardGet()).drops.get("slot", 0) == 0:
            assert len(others) < MOST_OTHERS, "still no frame is dropped"
            others.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            time.sleep(0.25)
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
