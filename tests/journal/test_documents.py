from __future__ import annotations

from tests.journal.kinds_table import DOCUMENT, drawn


def test_the_table_of_kinds_in_the_documents_is_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert drawn(text) == text, "run: python -m tests.journal.kinds_table"
