"""How a command ends: a line for the person, a status for the script, and the process itself.

Owns: the one place where an error becomes words and an exit status. Never: an error that is not
ours (its traceback is the finding). Strategy: most commands end as programs do; one that ran the
engine leaves at once, refused or not, because a native library's thread must not hold the end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from lfr_engine.errors import LfrError

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def told(error: BaseException) -> int | None:
    """Say what went wrong, a line each; the exit status, or None where it is a defect of ours."""
    match error:
        case BaseExceptionGroup():
            ours, others = error.split(LfrError)
            if ours is None or others is not None:
                return None
            return max(told(leaf) or 0 for leaf in ours.exceptions)
        case click.ClickException():
            error.show()
            return error.exit_code
        case KeyboardInterrupt() | click.Abort(__cause__=BaseException()):
            words, status = "interrupted", INTERRUPTED  # click raises Abort for Ctrl-C, too
        case click.Abort():  # a question was answered with no
            words, status = "left as it was", 1
        case LfrError():
            words, status = str(error), error.exit_status
        case _:
            return None
    click.echo(f"lfr: {words}", err=True)
    return status


@contextmanager
def leaving() -> Iterator[None]:
    """Leave at once where the block is refused."""
    try:
        yield
    except BaseException as error:
        status = told(error)
        if status is None:
            raise
        leave(status)


def leave(status: int) -> None:
    """End the process now: a native call that was abandoned must not hold it (Ctrl-C in 1 s)."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
