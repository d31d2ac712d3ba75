"""What every command writes the same way: whole files, or none."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lfr_engine.errors import InputError


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``, whole or not at all, and on the disk when this returns.

    Raises:
        InputError: The folder is absent or cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror}") from error
