"""Known good: real faces, real networks. A drawn walker must be found and be himself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lfr_engine.evaluation.identification import search_all, summarise
from lfr_engine.evaluation.people import Person, read_people
from lfr_engine.evaluation.pictures import embed_people, embed_subject
from lfr_engine.evaluation.tracking import overlaps
from lfr_engine.evaluation.walkby.head import cut_out, detected_face, make_head, read_picture
from lfr_engine.evaluation.walkby.renderer import CameraRenderer
from lfr_engine.evaluation.walkby.script import WalkbySettings, Walker, write_script
from lfr_engine.inference.pack import OpenPack, open_pack
from lfr_engine.inference.session import DeviceOptions
from tests.inference.real_packs import installed, shared


@pytest.fixture(scope="module")
def pack() -> OpenPack:
    return open_pack(installed("opencv-zoo"), DeviceOptions(requests=1))


@pytest.mark.slow
@pytest.mark.shared
def test_drawn_faces_are_found_where_the_truth_says_and_are_who_it_says(pack: OpenPack) -> None:
    folder = shared("data/lfw-dev")
    people = [Person(p.name, p.pictures) for p in read_people(folder) if len(p.pictures) >= 10][:4]
    finder = detected_face(pack.detector)
    cuttings = [cut_out(person.pictures[0], finder) for person in people]
    originals = [embed_subject(read_picture(cutting.path), pack) for cutting in cuttings]
    settings = WalkbySettings(passes=4, size=(1280, 720), fps=5, group_share=0, density=2)
    script = write_script([Walker(False, 1)] * 4, settings)
    renderer = CameraRenderer(script, 0, lambda a, _: make_head(cuttings[a.walker], a.side_light))
    asked = 0
    fits: list[float] = []
    own: list[float] = []
    others: list[float] = []
    for planes, seen in renderer.frames():
        clear = [s for s in seen if s.visible > 0.95 and s.box[2] - s.box[0] >= 30]
        faces = pack.detector.detect(planes)
        asked += len(clear)
        for face in clear:
            like = overlaps(np.array([face.box], np.float32), faces.boxes)[0]
            if like.max(initial=0) < 0.5:
                continue
            fits.append(float(like.max()))
            crop = pack.embedder.crop(planes, faces.landmarks[int(like.argmax())])
            template = pack.embedder.embed(crop[None])[0]
            for who, original in enumerate(originals):
                assert original is not None
                score = float(template @ original)
                (own if who == face.appearance.walker else others).append(score)
    assert asked > 40
    assert len(fits) >= 0.95 * asked
    assert np.mean(fits) > 0.7
    assert np.median(own) > 0.7
    assert np.percentile(own, 10) > max(0.4, float(np.percentile(others, 95)))


@pytest.mark.soak
@pytest.mark.shared
def test_identification_on_lfw_holds_what_is_promised(pack: OpenPack) -> None:
    folder: Path = shared("data/lfw-dev")
    embedded = embed_people(read_people(folder), pack)
    scores = search_all(embedded, pack.contract, gallery_size=None, repeats=10, seed=1)
    result = summarise(embedded, scores, pack.contract, seed=1)
    at = {point.target: point.tpir for point in result.points}
    assert scores.gallery_size > 600
    assert at[0.01].value is not None
    assert at[0.003].value is not None
    assert at[0.01].value >= 0.90
    assert at[0.003].value >= 0.85
