"""From ``kernels.c`` to a library beside it, when the package is installed (``hatch_build.py``).

Owns: the compiler's command line, and what a library is named by. Never: an error: who cannot
compile does without. Strategy: a plain library without Python's headers, so that any C compiler
will do; it carries the digest of its source, by which ``compiled`` knows whether it is today's.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("kernels.c")
LIBRARY = SOURCE.with_name("kernels.so")

_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-std=c11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=off")
"""The last: no fused products, so that every processor's version of a loop gives the same bits."""


def source_digest() -> str:
    """What a library says of itself that was compiled from today's source."""
    return hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]


def compile_kernels(library: Path = LIBRARY, *more_flags: str) -> str:
    """Compile ``SOURCE`` into ``library``; returns why that was not possible, or nothing.

    The compiler is the environment's ``CC``, or the first of the usual ones. What was there before
    is replaced whole, or left as it was.
    """
    compiler = (
        shlex.split(os.environ.get("CC", ""))
        or [name for name in _COMPILERS if shutil.which(name)][:1]
    )
    if not compiler:
        return f"no C compiler is here ({', '.join(_COMPILERS)})"
    beside = library.with_name(library.name + ".new")
    command = [*compiler, *_FLAGS, *more_flags, f'-DLFR_SOURCE="{source_digest()}"', str(SOURCE)]
    try:
        done = subprocess.run(  # noqa: S603 - the compiler of whoever installs
            [*command, "-o", str(beside), "-lm"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = done.stderr.strip().splitlines()
            return next((line for line in said if "error" in line), f"{compiler[0]} failed")
        beside.replace(library)  # a process that has loaded the one before keeps it
    except OSError as exc:
        return str(exc)
    finally:
        beside.unlink(missing_ok=True)
    return ""
