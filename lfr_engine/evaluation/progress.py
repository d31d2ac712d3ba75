"""Progress bars for long work. Owns: the only use of rich's bars here. Never: decides anything.
Strategy: work reports ``(what, done, of)``; each ``what`` gets its bar; a terminal that is none
sees nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

Tell: TypeAlias = Callable[[str, int, int], None]
"""(what is being done, how much is done, of how much)."""


def tell_nobody(what: str, done: int, of: int) -> None:
    """A ``Tell`` for work nobody watches."""


@contextlib.contextmanager
def progress_bars() -> Iterator[Tell]:
    """Bars on standard error while the block runs; gone when it ends."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not Console(stderr=True).is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def tell(what: str, done: int, of: int) -> None:
        if what not in tasks:
            for earlier in tasks.values():
                bars.update(earlier, visible=False)
            tasks[what] = bars.add_task(what, total=of)
        bars.update(tasks[what], completed=done, total=of)

    with bars:
        yield tell
