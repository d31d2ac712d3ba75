"""Embedding folders: every failure counted, the rest evaluated."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from lfr_engine.evaluation.people import read_people
from lfr_engine.evaluation.pictures import embed_people, subject_of
from lfr_engine.vision.faces import Faces
from tests.evaluation.support import GreyPack, write_people


def test_unreadable_and_faceless_pictures_are_counted_and_the_rest_embedded(tmp_path: Path) -> None:
    write_people(tmp_path, people=3, pictures=2)
    (tmp_path / "person-0" / "broken.png").write_bytes(b"nothing of the kind")
    cv2.imwrite(str(tmp_path / "person-1" / "dark.png"), np.zeros((128, 128, 3), np.uint8))
    told: list[tuple[str, int, int]] = []
    embedded = embed_people(
        read_people(tmp_path), GreyPack(), lambda what, done, of: told.append((what, done, of))
    )
    assert len(embedded) == 7
    assert len(embedded.unreadable) == 1
    assert "broken.png" in embedded.unreadable[0]
    assert embedded.refusals == {"no_face": 1}
    faceless = [
        str(p.name) for p, f in zip(embedded.paths, embedded.has_face, strict=True) if not f
    ]
    assert faceless == ["dark.png"]
    assert not embedded.templates[~embedded.has_face].any()
    assert np.allclose(np.linalg.norm(embedded.templates[embedded.has_face], axis=1), 1, atol=1e-5)
    assert told[-1] == ("embedding", 8, 8)


def test_the_subject_is_the_large_face_in_the_middle() -> None:
    boxes = np.array([[0, 0, 60, 60], [100, 100, 150, 150], [230, 230, 250, 250]], np.float32)
    faces = Faces(boxes, np.ones(3, np.float32), np.zeros((3, 5, 2), np.float32))
    assert subject_of(faces, 250, 250) == 1


def test_templates_never_show(tmp_path: Path) -> None:
    write_people(tmp_path, people=1, pictures=1)
    assert "templates=" not in repr(embed_people(read_people(tmp_path), GreyPack()))
