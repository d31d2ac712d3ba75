"""One-to-one verification over a list of pairs: are these two pictures of one person?

Owns: the pair file, the k-fold protocol of Labeled Faces in the Wild, and a run of the whole path
(decode, detect, align, embed) over it. Never: a pair left out. Strategy: every picture is encoded
once; a fold is judged by the threshold that was best on all the others; a picture that cannot be
decoded or shows no face makes each of its pairs an error, because an engine that sees nobody has
not verified anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lfr_engine.enrolment.decode import read_image
from lfr_engine.enrolment.rejection import Refused
from lfr_engine.errors import InputError
from lfr_engine.inference.pack import OpenPack
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import FloatArray, picture_size
from lfr_engine.vision.geometry import centres, sizes

FOLDS = 10
"""As the protocol of Labeled Faces in the Wild has it."""

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures, and whether they show one person."""

    first: Path
    second: Path
    mated: bool


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """What a run found.

    accuracy: mean of ``fold_accuracies``, 0–1. standard_error: of that mean. thresholds: cosine,
    the one each fold was judged by. pairs, mated: how many. errors: pairs judged wrongly, failures
    to acquire included. pictures: different ones. failures: pictures that cannot be decoded or
    show no face; every pair with one of them counts as an error.
    """

    accuracy: float
    standard_error: float
    fold_accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]
    pairs: int
    mated: int
    errors: int
    pictures: int
    failures: tuple[str, ...]

    @property
    def threshold(self) -> float:
        """The middle one of ``thresholds``."""
        return float(np.median(self.thresholds))


def read_pairs(pairs: Path, folder: Path) -> list[Pair]:
    """The pairs of a file in the LFW format, in its order.

    ``name a b`` is one person twice, ``name a other b`` two people; picture n of a person is
    ``folder/name/name_000n.jpg``. A leading line of one or two numbers (folds, pairs) is skipped.

    Raises:
        InputError: The file cannot be read, a line has another form, no picture exists, or there
            are no pairs of one kind.
    """
    try:
        lines = pairs.read_text(encoding="utf-8").splitlines()
    except OSError as exc:
        raise InputError(pairs, f"cannot be read: {exc.strerror}", "name a list of pairs") from exc
    except UnicodeDecodeError as exc:
        raise InputError(pairs, "is no text", "name a list of pairs") from exc
    found = [
        _pair(line.split(), folder, f"{pairs}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not (number == 1 and all(word.isdigit() for word in line.split()))
    ]
    if len({pair.mated for pair in found}) < 2:
        raise InputError(pairs, "holds not both pairs of one person and pairs of two")
    if not any(path.is_file() for pair in found for path in (pair.first, pair.second)):
        raise InputError(
            folder, f"has none of the pictures that {pairs} names", f"no {found[0].first}"
        )
    return found


def _pair(words: Sequence[str], folder: Path, subject: str) -> Pair:
    match words:
        case [name, first, second] if first.isdigit() and second.isdigit():
            other = name
        case [name, first, other, second] if first.isdigit() and second.isdigit():
            pass
        case _:
            raise InputError(subject, "is not a pair", "expected: name n n, or name n other n")
    paths = [
        folder / person / f"{person}_{int(number):04d}.jpg"
        for person, number in ((name, first), (other, second))
    ]
    return Pair(paths[0], paths[1], len(words) == 3)


def folds_of(mated: BoolArray, count: int = FOLDS) -> IntArray:
    """The fold (n,) of each pair.

    The LFW file lists a fold's mated pairs, then its non-mated ones: a fold begins where a mated
    pair follows a non-mated one. Where that does not give ``count`` folds, each kind of pair is cut
    into ``count`` equal parts in its order.
    """
    begins = mated & ~np.concatenate([[False], mated[:-1]])
    if begins[0] and int(begins.sum()) == count:
        return np.asarray(np.cumsum(begins) - 1, np.intp)
    folds = np.zeros(len(mated), np.intp)
    for kind in (True, False):
        members = np.flatnonzero(mated == kind)
        folds[members] = np.arange(len(members)) * count // max(1, len(members))
    return folds


def best_threshold(scores: FloatArray, mated: BoolArray) -> float:
    """The threshold that judges most pairs rightly; ``score >= threshold`` means one person.

    It lies half-way between two neighbouring scores. Of several equally good ones the middle one
    is taken.
    """
    order = np.unique(scores).astype(np.float64)
    between = np.concatenate([[order[0] - 1], (order[1:] + order[:-1]) / 2, [order[-1] + 1]])
    accepted = mated.sum() - np.searchsorted(np.sort(scores[mated]), between)
    refused = np.searchsorted(np.sort(scores[~mated]), between)
    right = accepted + refused
    best = np.flatnonzero(right == right.max())
    return float(between[best[len(best) // 2]])


def verify(
    scores: FloatArray, mated: BoolArray, acquired: BoolArray, folds: IntArray
) -> tuple[list[float], list[float], int]:
    """Accuracy and threshold of each fold, and the errors of all.

    Args:
        scores: (n,) cosine.
        mated: (n,) whether one person.
        acquired: (n,) whether both pictures gave a face; else the pair is an error whichever its
            kind, and its score plays no part in any threshold.
        folds: (n,) from 0.

    Raises:
        InputError: The other folds of one give no pair to learn its threshold from.
    """
    accuracies, thresholds, errors = [], [], 0
    for fold in np.unique(folds):
        inside = folds == fold
        learned = ~inside & acquired
        if not learned.any():
            raise InputError(
                "pairs",
                f"only {int(acquired.sum())} of {len(acquired)} can be compared",
                "the other pictures are missing, cannot be read or show no face",
            )
        threshold = best_threshold(scores[learned], mated[learned])
        right = ((scores[inside] >= threshold) == mated[inside]) & acquired[inside]
        accuracies.append(float(right.mean()))
        thresholds.append(threshold)
        errors += int((~right).sum())
    return accuracies, thresholds, errors


def central_face(faces: Faces, width: int, height: int) -> int:
    """The index of the face the picture was cut for: large and near the middle.

    LFW pictures are centred on their person, bystanders stand at the side: the size of the face
    less twice its distance from the middle decides.
    """
    offset = centres(faces.boxes) - np.array([width / 2, height / 2], np.float32)
    return int(np.argmax(sizes(faces.boxes) - 2 * np.hypot(offset[:, 0], offset[:, 1])))


def run_verification(
    folder: Path,
    pairs: Path,
    open_pack: OpenPack,
    progress: Callable[[str, int, int], None],
) -> VerificationResult:
    """Encode every picture of the list through the whole path and judge its pairs.

    Args:
        folder: One folder a person, as LFW is laid out.
        pairs: The list, see ``read_pairs``.
        open_pack: Detector and embedder.
        progress: Told (what, done, of).

    Raises:
        InputError: The list cannot be used.
        DeviceError: The device failed.
    """
    listed = read_pairs(pairs, folder)
    paths = sorted({path for pair in listed for path in (pair.first, pair.second)})
    row = {path: index for index, path in enumerate(paths)}
    templates = np.zeros((len(paths), open_pack.embedder.dimension), np.float32)
    found = np.zeros(len(paths), np.bool_)
    for index, template in enumerate(_encoded(paths, open_pack)):
        if template is not None:
            templates[index], found[index] = template, True
        progress("pictures", index + 1, len(paths))
    first = np.array([row[pair.first] for pair in listed])
    second = np.array([row[pair.second] for pair in listed])
    mated = np.array([pair.mated for pair in listed])
    scores = np.einsum("nd,nd->n", templates[first], templates[second])
    accuracies, thresholds, errors = verify(
        scores, mated, found[first] & found[second], folds_of(mated)
    )
    return VerificationResult(
        accuracy=float(np.mean(accuracies)),
        standard_error=float(np.std(accuracies, ddof=1) / np.sqrt(len(accuracies))),
        fold_accuracies=tuple(accuracies),
        thresholds=tuple(thresholds),
        pairs=len(listed),
        mated=int(mated.sum()),
        errors=errors,
        pictures=len(paths),
        failures=tuple(paths[index].name for index in np.flatnonzero(~found)),
    )


def _encoded(paths: Sequence[Path], pack: OpenPack) -> Iterator[FloatArray | None]:
    """One unit template (d,) a picture, or None where there is no face or no picture."""
    for path in paths:
        try:
            picture = read_image(path)
        except Refused:
            yield None
            continue
        faces = pack.detector.detect_still(picture)
        if len(faces) == 0:
            yield None
            continue
        chosen = central_face(faces, *picture_size(picture))
        crop = pack.embedder.crop(picture, faces.landmarks[chosen])
        yield pack.embedder.embed(crop[None])[0]
