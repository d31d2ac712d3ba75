"""What was compiled, against its definition in Python, and what is not taken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfr_engine.inference import yunet
from lfr_engine.kernels import compiling
from lfr_engine.kernels.compiled import Absent, Kernels, kernels, loaded
from lfr_engine.kernels.compiling import compile_kernels
from lfr_engine.vision import resize
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import ByteArray, Colour, FloatArray, Matrix, Planes
from lfr_engine.vision.resize import Scale, network_planes

Refuse = Callable[[], None]
COMPILER = any(map(shutil.which, ("cc", "gcc", "clang")))
needs_compiler = pytest.mark.skipif(not COMPILER, reason="there is no C compiler here")
BLACK = 16
UNSCALED = Scale(1.0, 1.0)


@pytest.fixture
def made() -> Kernels:
    found = kernels()
    if isinstance(found, Absent):
        assert not COMPILER, f"a compiler is here, but: {found.reason}; {found.mend}"
        pytest.skip(f"{found.reason}: there is no C compiler here")
    return found


def random_planes(height: int, width: int, padding: int = 0, seed: int = 1) -> Planes:
    random = np.random.default_rng(seed)

    def plane(rows: int, columns: int) -> ByteArray:
        whole = random.integers(0, 256, (rows, columns + padding), np.uint8)
        return np.asarray(whole)[:, :columns]

    half = height // 2, width // 2
    return Planes(plane(height, width), plane(*half), plane(*half), Colour(Matrix.BT709))


def blocks(plane: ByteArray, factor: int) -> ByteArray:
    """(h, w, factor, factor): what each small pixel stands for."""
    height, width = plane.shape[0] // factor, plane.shape[1] // factor
    return plane.reshape(height, factor, width, factor).swapaxes(1, 2)


def mean(some: ByteArray) -> ByteArray:
    """Over the last two axes, halves rounded up."""
    count = some.shape[-1] * some.shape[-2]
    return np.asarray((some.astype(np.int64).sum((-2, -1)) + count // 2) // count, np.uint8)


def shrink(made: Kernels, planes: Planes, width: int, height: int, canvas: ByteArray) -> bool:
    return made.shrink((planes.y, planes.u, planes.v), (width, height), canvas, BLACK)


@given(
    factor=st.sampled_from([2, 3, 4, 6]),
    half_size=st.tuples(st.integers(1, 30), st.integers(1, 70)),
    room=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    padding=st.integers(0, 70),
)
@settings(max_examples=120, deadline=None)
def test_luma_becomes_means_chroma_middles_and_the_rest_black(
    factor: int, half_size: tuple[int, int], room: tuple[int, int], padding: int
) -> None:
    found = kernels()
    if isinstance(found, Absent):
        pytest.skip(f"{found.reason}: there is no C compiler here")
    height, width = 2 * half_size[0], 2 * half_size[1]
    planes = random_planes(factor * height, factor * width, padding)
    canvas = np.full((3, height + room[0], width + room[1]), 77, np.uint8)
    assert shrink(found, planes, width, height, canvas)
    np.testing.assert_array_equal(canvas[0, :height, :width], mean(blocks(planes.y, factor)))
    middle = slice((factor - 1) // 2, factor // 2 + 1)
    for written, plane in ((canvas[1], planes.u), (canvas[2], planes.v)):
        small = mean(blocks(plane, factor)[..., middle, middle])
        doubled = small.repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(written[:height, :width], doubled)
    for written, nothing in zip(canvas, (BLACK, 128, 128), strict=True):
        assert (written[height:] == nothing).all()
        assert (written[:, width:] == nothing).all()


@pytest.mark.parametrize("factor", [2, 3, 4, 6])
def test_bright_and_dark_means_are_exact(made: Kernels, factor: int) -> None:
    for level in range(256):
        flat = np.full((2 * factor, 2 * factor), level, np.uint8)
        half = flat[:factor, :factor]
        canvas = np.zeros((3, 2, 2), np.uint8)
        assert shrink(made, Planes(flat, half, half), 2, 2, canvas)
        assert (canvas == level).all()


@pytest.mark.parametrize(
    ("shape", "chroma", "size", "room"),
    [
        ((18, 30), (9, 15), (10, 6), (5, 10)),  # too low a canvas
        ((18, 30), (9, 15), (10, 6), (6, 9)),  # too narrow a one
        ((18, 31), (9, 15), (10, 6), (6, 10)),  # no thirds
        ((17, 30), (9, 15), (10, 6), (6, 10)),
        ((30, 50), (15, 25), (10, 6), (6, 10)),  # fifths
        ((6, 10), (3, 5), (10, 6), (6, 10)),  # as large as it is to be
        ((9, 30), (4, 15), (10, 3), (6, 10)),  # an odd height
        ((18, 27), (9, 13), (9, 6), (6, 10)),  # an odd width
        ((18, 30), (9, 14), (10, 6), (6, 10)),  # chroma of another frame
        ((0, 0), (0, 0), (0, 0), (6, 10)),
        ((4, 4104), (2, 2052), (2052, 2), (2, 2052)),  # wider than there is room for sums
    ],
)
def test_what_has_not_the_shape_is_left_alone(
    made: Kernels,
    shape: tuple[int, int],
    chroma: tuple[int, int],
    size: tuple[int, int],
    room: tuple[int, int],
) -> None:
    canvas = np.full((3, *room), 77, np.uint8)
    y, u = np.zeros(shape, np.uint8), np.zeros(chroma, np.uint8)
    assert not shrink(made, Planes(y, u, u), *size, canvas)
    assert (canvas == 77).all()


def test_pixels_that_do_not_lie_side_by_side_are_left_alone(made: Kernels) -> None:
    canvas = np.full((3, 6, 10), 77, np.uint8)
    y, u = np.zeros((18, 60), np.uint8)[:, ::2], np.zeros((9, 15), np.uint8)
    assert not shrink(made, Planes(y, u, u), 10, 6, canvas)
    assert not shrink(made, Planes(y[:, ::-1], u, u), 10, 6, canvas)
    y = np.zeros((18, 30), np.uint8)
    assert not shrink(made, Planes(y, u, u), 10, 6, np.full((10, 6, 3), 77, np.uint8).T)
    assert (canvas == 77).all()


@pytest.fixture
def portable(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    def refuse() -> None:
        for user in (resize, yunet):
            monkeypatch.setattr(user, "kernels", lambda: Absent("not compiled", "compile"))

    return refuse


@pytest.mark.parametrize("factor", [2, 3, 4, 6])
@pytest.mark.usefixtures("made")
def test_a_frame_is_shrunk_alike_with_and_without(portable: Refuse, factor: int) -> None:
    coarse = np.random.default_rng(3).integers(0, 256, (45, 80))
    y = np.kron(coarse, np.ones((8 * factor, 8 * factor))).astype(np.uint8)
    planes = Planes(y, y[::2, ::2].copy(), y[1::2, 1::2].copy(), Colour(Matrix.BT709))
    one, other = (np.zeros((3, 384, 640), np.uint8) for _ in range(2))
    scale = network_planes(planes, one)
    portable()
    assert network_planes(planes, other) == scale == Scale(factor, factor)
    difference = np.abs(one.astype(int) - other)
    assert difference[0].mean() < 0.3
    assert difference[1:].max() <= 1


Tensors = dict[str, FloatArray]


def decoded(
    tensors: Tensors,
    size: tuple[int, int] = (640, 384),
    scale: Scale = UNSCALED,
    max_faces: int = 64,
) -> Faces:
    return yunet.decode(tensors, *size, scale, min_score=0.6, max_overlap=0.3, max_faces=max_faces)


def defined(
    tensors: Tensors,
    size: tuple[int, int] = (640, 384),
    scale: Scale = UNSCALED,
    max_faces: int = 64,
) -> Faces:
    """``decoded`` with nothing compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yunet, "kernels", lambda: Absent("not compiled", ""))
        return decoded(tensors, size, scale, max_faces)


def rows_of(made: Kernels, tensors: Tensors, height: int = 384) -> FloatArray | None:
    four = (tensors["cls"], tensors["obj"], tensors["bbox"], tensors["kps"])
    return made.yunet_faces(
        four, 640, height, (1.0, 1.0), min_score=0.6, max_overlap=0.3, max_faces=64
    )


def random_tensors(width: int, height: int, likely: int, seed: int) -> dict[str, FloatArray]:
    random = np.random.default_rng(seed)
    cells = sum((width // step) * (height // step) for step in yunet.STRIDES)
    tensors = {
        "cls": random.uniform(0, 0.5, (1, cells, 1)),
        "obj": random.uniform(0, 0.5, (1, cells, 1)),
        "bbox": random.normal(0, 1, (1, cells, 4)),
        "kps": random.normal(0, 1, (1, cells, 10)),
    }
    chosen = random.choice(cells, min(likely, cells), replace=False)
    for name in ("cls", "obj"):  # of few values, some beyond 1, so that scores are often equal
        tensors[name][0, chosen, 0] = random.choice([0.59, 0.6, 0.8, 1.0, 1.3], len(chosen))
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 12)),
    likely=st.integers(0, 300),
    max_faces=st.integers(1, 70),
    seed=st.integers(0, 1000),
)
@settings(max_examples=80, deadline=None)
def test_faces_are_those_of_the_definition(
    size: tuple[int, int], likely: int, max_faces: int, seed: int
) -> None:
    width, height = 32 * size[0], 32 * size[1]
    tensors, scale = random_tensors(width, height, likely, seed), Scale(3.0, 1.7)
    faces = decoded(tensors, (width, height), scale, max_faces)
    same = defined(tensors, (width, height), scale, max_faces)
    assert len(faces) == len(same)
    np.testing.assert_array_equal(faces.scores, same.scores)
    np.testing.assert_allclose(faces.boxes, same.boxes, rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(faces.landmarks, same.landmarks)
    assert {part.dtype for part in (faces.boxes, faces.scores, faces.landmarks)} == {np.dtype("f4")}


@pytest.mark.parametrize(("likely", "taken"), [(1024, True), (1025, False)])
def test_a_picture_full_of_noise_is_left_to_the_definition(
    made: Kernels, likely: int, taken: bool
) -> None:
    tensors = random_tensors(640, 384, 0, 1)
    for name in ("cls", "obj"):
        tensors[name][0, :likely] = 0.9
    assert (rows_of(made, tensors) is not None) is taken
    faces, same = decoded(tensors), defined(tensors)
    np.testing.assert_allclose(faces.boxes, same.boxes, rtol=1e-5, atol=1e-3)


def test_tensors_of_another_size_are_left_alone(made: Kernels) -> None:
    tensors = random_tensors(640, 384, 5, 1)
    assert rows_of(made, tensors, 416) is None
    tensors["cls"] = tensors["cls"].repeat(2, axis=1)[:, ::2]
    assert rows_of(made, tensors) is None
    half: Any = tensors["cls"].astype(np.float16)
    assert rows_of(made, tensors | {"cls": half}) is None


@pytest.mark.skipif(not shutil.which("gcc"), reason="the traps are GCC's, which is not here")
@pytest.mark.slow
def test_the_source_compiles_without_a_warning_and_without_undefined_behaviour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    traps = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
    library = tmp_path / "strict.so"
    monkeypatch.setenv("CC", "gcc")
    assert compile_kernels(library, *strict, *traps) == ""
    found = loaded(library)
    assert isinstance(found, Kernels)
    monkeypatch.setattr(yunet, "kernels", lambda: found)  # undefined behaviour ends the process
    canvas = np.zeros((3, 384, 640), np.uint8)
    for factor in (2, 3, 4, 6):
        planes = random_planes(360 * factor, 640 * factor, 32)
        assert shrink(found, planes, 640, 360, canvas)
        np.testing.assert_array_equal(canvas[0, :360], mean(blocks(planes.y, factor)))
    for seed in range(20):
        tensors = random_tensors(640, 384, 40 * seed, seed)
        assert len(decoded(tensors)) <= 64


@needs_compiler
def test_a_library_of_another_source_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "other.so"
    with monkeypatch.context() as then:
        then.setattr(compiling, "source_digest", lambda: "of yesterday")
        assert compile_kernels(library, "-O0") == ""
    found = loaded(library)
    assert isinstance(found, Absent)
    assert "another kernels.c" in found.reason
    assert "install this package again" in found.mend


def test_what_is_no_library_is_not_taken(tmp_path: Path) -> None:
    broken = tmp_path / "kernels.so"
    assert loaded(broken) == Absent(
        "not compiled", "install a C compiler, and then this package again"
    )
    broken.write_bytes(b"not a library")
    found = loaded(broken)
    assert isinstance(found, Absent)
    assert "cannot be loaded" in found.reason


def test_a_compiler_that_refuses_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "kernels.so"
    library.write_bytes(b"the one before")
    monkeypatch.setenv("CC", "false")
    assert compile_kernels(library) == "false failed"
    monkeypatch.setenv("CC", "/nowhere/cc")
    assert "/nowhere/cc" in compile_kernels(library)
    monkeypatch.delenv("CC")
    monkeypatch.setattr(compiling, "_COMPILERS", ("no-such-compiler",))
    assert compile_kernels(library) == "no C compiler is here (no-such-compiler)"
    assert [path.name for path in tmp_path.iterdir()] == ["kernels.so"]
    assert library.read_bytes() == b"the one before"
