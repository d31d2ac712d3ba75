"""Real engines for the cockpit: ``lfr run`` on recorded video, in an exercise or a deployment.

The deployment is made as people make it: a sealed watchlist of two people in the clip, an authority
signed by an officer's key, and a file that names both. Every engine is a process of its own that a
test may kill.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lfr_engine.cli import main
from lfr_engine.inference.store import ModelStore, data_folder
from lfr_engine.journal.lines import Record, committed
from tests.identity.lists import fields
from tests.tui.served import ROOT, wait_for
from tests.tui.terminal import PROGRAM

SHARED = ROOT.parent / "shared" / "data"
CLIP = SHARED / "clips" / "hamilton.mp4"
PEOPLE = {"W-1": "alex-lacamoire.png", "W-2": "lin-manuel-miranda.png"}
LFR = PROGRAM[:-1]
START_SECONDS = 120.0
"""A loaded machine needs as long to load the networks."""


def need_recordings() -> None:
    """Skip where there is no recorded video, or no networks."""
    if not CLIP.exists():
        pytest.skip("../shared holds no recorded video")
    if not ModelStore(data_folder()).installed("opencv-zoo"):
        pytest.skip("the opencv-zoo pack is not installed: lfr models install opencv-zoo")


@dataclass(frozen=True)
class Place:
    """A folder with a configuration, and what the engine leaves there."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "c.toml"

    @property
    def socket(self) -> Path:
        return self.folder / "e"

    def journal(self, *kinds: str) -> list[Record]:
        """Records of some kinds, from the file itself."""
        path = self.folder / "data" / "journal.jsonl"
        with path.open("rb") as file:
            return [one.record for one in committed(file, path) if one.record.kind in kinds]

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """``lfr run`` until the block ends, ready to be talked to."""
        self.socket.unlink(missing_ok=True)
        with (
            (self.folder / "log").open("w") as log,
            subprocess.Popen([*LFR, "run", str(self.file)], stderr=log) as process,
        ):
            try:
                wait_for(lambda: self.socket.exists() or process.poll() is not None, START_SECONDS)
                assert process.poll() is None, (self.folder / "log").read_text()
                yield process
            finally:
                process.kill()


def exercise_in(folder: Path) -> Place:
    """An exercise with two people of the clip on its list."""
    need_recordings()
    pictures = folder / "list"
    pictures.mkdir()
    for picture in PEOPLE.values():
        shutil.copy(SHARED / "portraits" / picture, pictures / picture)
    place = Place(folder)
    place.file.write_text(f'{_camera(place)}[exercise]\nwatchlist = "{pictures}"\n')
    return place


def deployment_in(folder: Path) -> Place:
    """A signed deployment with two people of the clip on its sealed list."""
    need_recordings()
    place, data = Place(folder), folder / "data"
    data.mkdir()
    (data / "models").symlink_to(data_folder() / "models")
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setenv("LFR_DATA", str(data))
        patch.setenv("LFR_WATCHLIST_KEY", str(folder / "list.key"))
        _seal(folder)
        _sign(folder)
    place.file.write_text(
        f'{_camera(place)}[deployment]\nauthority = "{folder / "a.toml"}"\n'
        f'trusted_keys = ["{folder / "trusted.toml"}"]\ndata = "{data}"\n'
        f'watchlist_key = "{folder / "list.key"}"\nzones = ["gate"]\nsignage_confirmed = true\n'
        # nobody is there before the cockpit is, and a test machine may have no time server
        'presence = "120 s"\nrequire_synchronised_clock = false\n'
    )
    return place


def _camera(place: Place) -> str:
    camera = f'[[cameras]]\nname = "door"\nsource = "{CLIP}"\nrepeat = true\n'
    return f'{camera}[api]\nsocket = "{place.socket}"\n'


def _seal(folder: Path) -> None:
    today = dt.datetime.now(dt.UTC).date().isoformat()
    rows = [
        {**fields(id=entry, label=f"Person {entry}", last_checked=today), "images": picture}
        for entry, picture in PEOPLE.items()
    ]
    with (folder / "people.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    by = ("--by", "B. Builder")
    _lfr("watchlist", "key", "list.key")
    _lfr("watchlist", "new", "WL-1", "--reason", "a warrant operation", *by)
    pictures = str(SHARED / "portraits")
    _lfr("watchlist", "import", "WL-1", "people.csv", "--images", pictures, *by)
    _lfr("watchlist", "seal", "WL-1", "--yes", *by)


def _sign(folder: Path) -> None:
    said = _lfr("authority", "key", "new", "ao.key", "--officer", "AO-7")
    (folder / "trusted.toml").write_text(said[said.index("[[trusted]]") :])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    _lfr(
        "authority", "new", "a.toml", "--use-case", "Targeted operation",
        "--purpose", "Find wanted people", "--place", "High Street", "--zone", "gate",
        "--camera", "door", "--start", f"{start:%Y-%m-%dT%H:%MZ}", "--hours", "2",
        "--watchlist", "WL-1", "--officer-name", "P. Example",
        "--officer-rank", "Superintendent", "--officer-id", "AO-7",
    )  # fmt: skip
    _lfr("authority", "sign", "a.toml", "--key", "ao.key", "--yes")


def _lfr(*words: str) -> str:
    """What ``lfr`` says; it must succeed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
        main(list(words))
    assert not ended.value.code, words
    return said.getvalue()
