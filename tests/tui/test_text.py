"""Lines fit exactly, whatever they hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.text import (
    EMPTY,
    MEANINGS,
    Column,
    Line,
    beside,
    clip,
    ends,
    fit,
    line,
    plain,
    printable,
    table,
    width,
    wrap,
)

texts = st.text(max_size=30)
lines = st.lists(st.tuples(texts, st.sampled_from(MEANINGS)), max_size=5).map(
    lambda parts: line(*parts)
)
cells = st.integers(0, 90)


@given(lines, cells)
def test_fit_is_exact(of: Line, size: int) -> None:
    assert width(fit(of, size)) == size


@given(lines, lines, cells)
def test_both_ends_fit_exactly(left: Line, right: Line, size: int) -> None:
    assert width(ends(left, right, size)) == size


def test_the_right_end_wins() -> None:
    assert plain(ends(line("a long left end"), line("right"), 10)) == "a l… right"


@given(st.text())
def test_no_control_character_reaches_the_terminal(text: str) -> None:
    assert printable(text).isprintable()
    assert all(part.isprintable() for part, _ in line(text))


def test_an_escape_sequence_is_defused() -> None:
    assert "\x1b" not in plain(line("camera \x1b[2J\x07"))


@given(st.text(), st.integers(1, 40))
def test_wrap_never_exceeds(text: str, size: int) -> None:
    assert all(width(one) <= size for one in wrap(text, size))


def test_wrap_breaks_at_words() -> None:
    assert [plain(one) for one in wrap("move the camera closer", 10)] == [
        "move the",
        "camera",
        "closer",
    ]


def test_clip_marks_the_cut() -> None:
    assert clip("abcdef", 4) == "abc…"
    assert clip("abc", 4) == "abc"
    assert clip("abc", 0) == ""


@given(st.integers(30, 200), st.lists(st.tuples(lines, lines, lines), max_size=5))
def test_every_row_of_a_table_is_as_wide_as_asked(
    size: int, rows: list[tuple[Line, Line, Line]]
) -> None:
    columns = (Column("a", 9), Column("b", 8, right=True, wanted=60), Column("c", 0))
    made = table(columns, rows, size)
    assert len(made) == len(rows) + 1
    assert {width(row) for row in made} == {size}


def test_columns_that_are_not_wanted_are_left_out() -> None:
    columns = (Column("a", 3), Column("b", 3, wanted=50))
    assert "b" not in plain(table(columns, [], 40)[0])
    assert "b" in plain(table(columns, [], 50)[0])


def test_beside_pads_the_shorter_block() -> None:
    block = beside([line("a"), line("b")], [line("c")], 3, 1)
    assert [plain(one) for one in block] == ["a   c", "b   "]
    assert EMPTY == ()
