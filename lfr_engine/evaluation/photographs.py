"""Real photographs for the demonstration, taken out of packages that carry them.

Owns: which photograph comes out of which package, and the proof that it is that very photograph.
Never: a picture in git, or one whose digest differs. Strategy: the user's own pip fetches the
package (so his index and proxy settings apply), one member is copied, the rest is thrown away.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lfr_engine.errors import InputError

Runner = Callable[[list[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True)
class Photograph:
    """One picture inside a package. member: end of its path there. credit: who made it."""

    name: str
    member: str
    sha256: str
    credit: str


@dataclass(frozen=True, slots=True)
class Carrier:
    """A package that carries photographs; ``source`` where only its source archive does."""

    requirement: str
    source: bool
    photographs: tuple[Photograph, ...]


_OFFICIAL = "official portrait, United States government work, public domain"

CARRIERS = (
    Carrier(
        "face_recognition==1.3.0",
        True,
        (
            Photograph(
                "obama.jpg",
                "tests/test_images/obama.jpg",
                "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
                _OFFICIAL,
            ),
            Photograph(
                "obama2.jpg",
                "tests/test_images/obama2.jpg",
                "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
                _OFFICIAL,
            ),
            Photograph(
                "biden.jpg",
                "tests/test_images/biden.jpg",
                "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
                _OFFICIAL,
            ),
        ),
    ),
    Carrier(
        "scikit-image>=0.25",
        False,
        (
            Photograph(
                "collins.png",
                "skimage/data/astronaut.png",
                "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
                "Eileen Collins, NASA, public domain",
            ),
        ),
    ),
    Carrier(
        "matplotlib>=3.9",
        False,
        (
            Photograph(
                "hopper.jpg",
                "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
                "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
                "Grace Hopper, United States Navy, public domain",
            ),
        ),
    ),
)


def run_program(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a program with its output captured."""
    return subprocess.run(  # noqa: S603 - the command is ours, the arguments are constants
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def gather(
    folder: Path,
    tell: Callable[[str, int, int], None],
    *,
    carriers: tuple[Carrier, ...] = CARRIERS,
    run: Runner = run_program,
) -> dict[str, Path]:
    """Put every photograph into ``folder`` unless it is there already; returns them by name.

    Args:
        folder: Made where absent. Files appear whole or not at all.
        tell: Called with (package, packages done, packages in all).
        carriers: What to gather.
        run: How pip is run.

    Raises:
        InputError: A package cannot be fetched, or does not hold the very photograph.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for done, carrier in enumerate(carriers):
            tell(carrier.requirement, done, len(carriers))
            missing = [p for p in carrier.photographs if not _is_that(folder / p.name, p)]
            if missing:
                _fetch(carrier, missing, folder, run)
        tell("", len(carriers), len(carriers))
    except OSError as error:
        raise InputError(folder, f"cannot be written: {error.strerror}") from error
    return {p.name: folder / p.name for carrier in carriers for p in carrier.photographs}


def _fetch(carrier: Carrier, wanted: list[Photograph], folder: Path, run: Runner) -> None:
    with tempfile.TemporaryDirectory(prefix="lfr-photographs-") as temporary:
        kind = "--no-binary=:all:" if carrier.source else "--only-binary=:all:"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", kind]
        command += ["--disable-pip-version-check", "--dest", temporary, carrier.requirement]
        done = run(command)
        archives = sorted(Path(temporary).iterdir())
        if done.returncode != 0 or not archives:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            reason = lines[-1].removeprefix("ERROR: ") if lines else "pip brought nothing"
            raise InputError(
                carrier.requirement,
                f"could not be fetched: {reason}",
                "mend the connection to the package index and run it again",
            )
        for photograph in wanted:
            data = next(_members(archives[0], photograph.member), b"")
            if hashlib.sha256(data).hexdigest() != photograph.sha256:
                raise InputError(carrier.requirement, f"holds another {photograph.member}")
            partial = folder / f".{photograph.name}.part"
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(folder / photograph.name)


def _members(archive: Path, ending: str) -> Iterator[bytes]:
    """The content of members whose path ends so, of a wheel or a source archive."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if name.endswith(ending):
                    yield wheel.read(name)
        return
    with tarfile.open(archive) as source:
        for member in source:
            content = source.extractfile(member) if member.name.endswith(ending) else None
            if content is not None:
                yield content.read()


def _is_that(path: Path, photograph: Photograph) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == photograph.sha256
