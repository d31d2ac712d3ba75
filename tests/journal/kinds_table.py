"""Draws the table of kinds in ``docs/journal.md`` from the code.

``python -m tests.journal.kinds_table`` writes it there anew; a test sees that it is up to date.
"""

from __future__ import annotations

import inspect
from itertools import groupby
from pathlib import Path

import msgspec

from lfr_engine.journal.kinds import KINDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "journal.md"
BEGIN = "<!-- kinds: drawn by tests/journal/kinds_table.py -->"
MODULES = ("engine", "deployment", "watchlist", "alerts", "access")
END = "<!-- end of kinds -->"


def table() -> str:
    """Markdown: a section for each group of kinds, a row for each kind; ``?`` marks optional."""
    parts = []
    # the registry is in the order of imports, which is not the same in every process
    ordered = sorted(KINDS, key=lambda name: MODULES.index(KINDS[name].__module__.split(".")[-1]))
    for group, names in groupby(ordered, key=lambda name: name.partition(".")[0]):
        parts.append(f"\n| {group} | fields | meaning |\n|---|---|---|")
        for name in names:
            event = KINDS[name]
            fields = " ".join(
                f"{field.name}{'' if field.required else '?'}"
                for field in msgspec.structs.fields(event)
            )
            meaning = " ".join((inspect.getdoc(event) or "").split("\n\n")[0].split())
            parts.append(f"| `{name}` | {fields} | {meaning.replace('``', '`')} |")
    return "\n".join(parts) + "\n"


def drawn(text: str) -> str:
    """The document with its table drawn anew."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    DOCUMENT.write_text(drawn(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
