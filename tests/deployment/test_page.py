from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from lfr_engine.deployment.page import full_page, public_page
from lfr_engine.deployment.record import DeploymentRecord
from lfr_engine.deployment.totals import build
from tests.deployment.diary import records, started
from tests.deployment.papers import START
from tests.deployment.story import told

VOID = {"meta", "br", "circle", "line", "rect", "path"}


class Nesting(HTMLParser):
    """Checks that every element is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


def read(page: str) -> Nesting:
    parser = Nesting()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def record() -> DeploymentRecord:
    return build(told(), "D-1")


@pytest.fixture(scope="module")
def nothing() -> DeploymentRecord:
    """A deployment in which nothing happened, and which never ended."""
    return build(records([(START, started())]), "D-1")


def test_pages_are_well_formed_and_self_contained(
    record: DeploymentRecord, nothing: DeploymentRecord
) -> None:
    for page in map(str, (f(r) for f in (public_page, full_page) for r in (record, nothing))):
        parser = read(page)
        assert not parser.tags & {"script", "img", "link", "iframe", "object"}
        assert not re.search(r"""(src|href|url\()\s*=?\s*["'(]?https?:""", page)
        assert "default-src 'none'" in page
        assert "nan" not in page.casefold().split()


def test_the_public_page_shows_the_four_measures_with_their_intervals(
    record: DeploymentRecord,
) -> None:
    text = " ".join(read(public_page(record)).text)
    for shown in record.measures:
        assert shown.question in text
        assert f"{shown.numerator:,} of {shown.denominator:,}" in text
    assert "1 in 2,500" in text
    assert "Superintendent P. Example, authority A-1" in text
    assert f"--expect {record.evidence.last_seq}:{record.evidence.last_hash}" in text


def test_the_public_page_names_nobody_but_the_authorising_officer(
    record: DeploymentRecord,
) -> None:
    page = public_page(record)
    assert "Op One" not in page
    assert "PC Two" not in page
    full = full_page(record)
    assert "Op One" in full
    assert "entry-of-" not in full


def test_text_from_the_journal_cannot_become_markup(record: DeploymentRecord) -> None:
    page = full_page(record)
    assert "<b>surge" not in page
    assert "&lt;b&gt;surge&lt;/b&gt;" in page


def test_an_exercise_is_marked() -> None:
    exercise = build(records([(START, started(mode="exercise"))]), "D-1")
    assert "EXERCISE" in public_page(exercise)
    assert "EXERCISE" in full_page(exercise)
    assert "EXERCISE" not in public_page(build(told(), "D-1"))


def test_findings_stand_on_the_full_page(nothing: DeploymentRecord) -> None:
    assert "the end was not recorded" in full_page(nothing)
    assert "What does not add up" not in public_page(nothing)
