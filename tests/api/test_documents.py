"""The documents in the checkout say what the tables say."""

from __future__ import annotations

import json
from typing import Any

from lfr_engine.api import documents
from lfr_engine.protocol.commands import COMMANDS, TOPICS


def test_the_files_in_the_checkout_are_what_the_tables_make() -> None:
    page = (documents.ROOT / documents.PAGE).read_text(encoding="utf-8")
    for path, text in documents.files(page).items():
        written = (documents.ROOT / path).read_text(encoding="utf-8")
        assert written == text, f"{path}: run python -m lfr_engine.api.documents"


def test_every_command_topic_and_error_is_on_the_page() -> None:
    page = (documents.ROOT / documents.PAGE).read_text(encoding="utf-8")
    for name in (*COMMANDS, *TOPICS):
        assert f"| `{name}` |" in page
    assert page.count("<!-- generated:") == page.count("<!-- end of") == len(documents.parts())


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = {value["$ref"]} if "$ref" in value else set()
        return found.union(*(references(inner) for inner in value.values()))
    return set[str]().union(*map(references, value)) if isinstance(value, list) else set()


def test_every_reference_leads_somewhere() -> None:
    for document in (documents.schema(), documents.asyncapi()):
        for reference in references(document):
            place: Any = document
            for step in reference.removeprefix("#/").split("/"):
                place = place[step]
            assert isinstance(place, dict)


def test_binaries_are_binaries_and_nothing_of_json_is_left() -> None:
    text = json.dumps(documents.schema())
    assert "base64" not in text
    preview = documents.schema()["$defs"]["Preview"]["properties"]["jpeg"]
    assert preview == {"type": "string", "format": "binary"}


def test_every_field_has_a_sentence_or_a_record_that_explains_it() -> None:
    for spec in COMMANDS.values():
        assert spec.help, spec.name
        assert spec.result.__doc__, spec.name
