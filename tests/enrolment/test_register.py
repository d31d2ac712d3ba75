"""Imports: what is taken is complete, what is not is named, and a cut import changes nothing."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lfr_engine.clock import ManualClock
from lfr_engine.enrolment.register import Row, re_encode, read_csv, register
from lfr_engine.enrolment.rejection import Reason
from lfr_engine.errors import InputError, RuleError, WatchlistError
from lfr_engine.identity import keys
from lfr_engine.identity.store import StoredWatchlist
from lfr_engine.identity.vault import create_vault
from lfr_engine.identity.watchlist import REQUIRED
from tests.enrolment.fakes import CONTRACT, FakePack, faces_at, save
from tests.identity.lists import TODAY, fields


@pytest.fixture
def stored(tmp_path: Path) -> StoredWatchlist:
    clock = ManualClock()
    source = keys.new_key_file(tmp_path / "key-file")
    ends = clock.utc() + dt.timedelta(hours=24)
    return StoredWatchlist.create(create_vault(tmp_path / "vault", "op", source, clock, ends))


def row(person: str, *pictures: Path, **changed: str) -> Row:
    return Row(f"row {person}", fields(id=person, **changed), pictures)


def table(path: Path, *rows: dict[str, str], columns: tuple[str, ...] = REQUIRED) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_complete_rows_with_good_pictures_are_stored(
    stored: StoredWatchlist, tmp_path: Path
) -> None:
    one, two, three = (save(tmp_path / f"{i}.png", i) for i in (1, 2, 3))
    steps: list[tuple[int, int]] = []
    done = register(
        stored,
        [row("a", one, two), row("b", three, taken="2020-05-01")],
        FakePack(),
        TODAY,
        lambda at, total: steps.append((at, total)),
    )
    assert [entry.id for entry in done.added] == ["a", "b"]
    assert done.rejects == ()
    assert steps == [(1, 2), (2, 2)]
    again = StoredWatchlist.load(stored.vault)
    assert again.gallery(CONTRACT).owners.tolist() == [0, 0, 1]
    reference = again.watchlist.entry("b").references[0]
    assert again.picture(reference.object) == three.read_bytes()
    assert reference.taken == dt.date(2020, 5, 1)
    assert 0 < reference.quality <= 1


def test_a_second_import_adds_to_the_first(stored: StoredWatchlist, tmp_path: Path) -> None:
    for i, person in enumerate("abc"):
        register(stored, [row(person, save(tmp_path / f"{i}.png", i))], FakePack(), TODAY)
    assert stored.gallery(CONTRACT).entries == ("a", "b", "c")


def test_every_refusal_is_named_and_the_rest_is_taken(
    stored: StoredWatchlist, tmp_path: Path
) -> None:
    good = save(tmp_path / "good.png", 1)
    other = save(tmp_path / "other.png", 2)
    empty = tmp_path / "empty.png"
    empty.touch()
    done = register(
        stored,
        [
            row("a", good, empty),
            row("b", other, source=""),
            row("c", empty),
            row("d"),
            row("e", other, taken="1999-01-01"),
            row("f", other, taken="2031-01-01"),
            row("a", other),
            row("g", good),
            row("h", tmp_path / "absent.png"),
        ],
        FakePack(),
        TODAY,
    )
    assert [entry.id for entry in done.added] == ["a"]
    assert len(done.added[0].references) == 1
    assert [(one.subject, one.reason) for one in done.rejects] == [
        ("row a: empty.png", Reason.EMPTY_FILE),
        ("row b", Reason.MISSING_FIELD),
        ("row c: empty.png", Reason.EMPTY_FILE),
        ("row d", Reason.UNREADABLE),
        ("row e", Reason.TOO_OLD),
        ("row f", Reason.MISSING_FIELD),
        ("row a", Reason.DUPLICATE_PERSON),
        ("row g: good.png", Reason.DUPLICATE_PERSON),
        ("row h: absent.png", Reason.UNREADABLE),
    ]
    assert done.rejects[1].text == "missing source (R15) state it for each entry"
    assert done.rejects[7].text == "is also the picture of a"


def test_nothing_usable_changes_nothing(stored: StoredWatchlist, tmp_path: Path) -> None:
    before = stored.vault.names()
    done = register(stored, [row("a", save(tmp_path / "a.png"))], FakePack(faces_at()), TODAY)
    assert [one.reason for one in done.rejects] == [Reason.NO_FACE]
    assert stored.vault.names() == before


def test_a_sealed_list_takes_nobody(stored: StoredWatchlist, tmp_path: Path) -> None:
    register(stored, [row("a", save(tmp_path / "a.png", 1))], FakePack(), TODAY)
    stored.commit(stored.watchlist.sealed())
    with pytest.raises(RuleError, match="is sealed: nobody may add to it"):
        register(stored, [row("b", save(tmp_path / "b.png", 2))], FakePack(), TODAY)


def test_another_pack_is_refused_until_the_list_is_encoded_again(
    stored: StoredWatchlist, tmp_path: Path
) -> None:
    register(stored, [row("a", save(tmp_path / "a.png", 1))], FakePack(), TODAY)
    other = FakePack(contract=replace(CONTRACT, pack="other", dimension=16))
    with pytest.raises(InputError, match="made with pack fake, but other is loaded"):
        register(stored, [row("b", save(tmp_path / "b.png", 2))], other, TODAY)
    stored.commit(stored.watchlist.sealed())
    re_encode(stored, other)
    assert stored.gallery(other.contract).templates.shape == (1, 16)
    with pytest.raises(InputError, match="made with pack other, but fake is loaded"):
        stored.gallery(CONTRACT)


def test_a_pack_that_sees_no_face_changes_nothing(stored: StoredWatchlist, tmp_path: Path) -> None:
    register(stored, [row("a", save(tmp_path / "a.png", 1))], FakePack(), TODAY)
    blind = FakePack(faces_at(), replace(CONTRACT, pack="blind"))
    with pytest.raises(WatchlistError, match="a: a reference picture does not work with pack"):
        re_encode(stored, blind)
    assert len(stored.gallery(CONTRACT)) == 1


def test_a_table_names_its_people_and_finds_their_pictures(tmp_path: Path) -> None:
    images = tmp_path / "images"
    named = save(images / "x.png")
    by_id = save(images / "b.jpg")
    in_folder = [save(images / "c" / "1.png"), save(images / "c" / "2.png")]
    rows = read_csv(
        table(
            tmp_path / "list.csv",
            fields(id="a", images="x.png; b.jpg"),
            fields(id="b"),
            fields(id="c"),
            fields(id="../b"),
            columns=(*REQUIRED, "images"),
        ),
        images,
    )
    assert [one.pictures for one in rows] == [(named, by_id), (by_id,), tuple(in_folder), ()]
    assert rows[1].subject == "list.csv line 3 (b)"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has no column id, label"),
        ("id,label\n", r"has no column category, .* \(R15\)"),
        (",".join(REQUIRED) + "\n", "holds no rows"),
        (",".join((*REQUIRED, "shoe")) + "\n", "has unknown columns: shoe"),
        ("\udcff", "is not a CSV file in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(WatchlistError, match=words):
        read_csv(path, tmp_path)


def test_an_absent_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(WatchlistError, match=r"list\.csv: cannot be read"):
        read_csv(tmp_path / "list.csv", tmp_path)


def test_templates_and_pictures_do_not_show(stored: StoredWatchlist, tmp_path: Path) -> None:
    done = register(stored, [row("a", save(tmp_path / "a.png", 1))], FakePack(), TODAY)
    template = np.asarray(stored.gallery(CONTRACT).templates[0])
    assert str(float(template[0]))[:7] not in repr(done)
