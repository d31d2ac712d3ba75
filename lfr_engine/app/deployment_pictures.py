"""The pictures of an alert: encoded, encrypted, forgotten; and shown again to who may see them.

Owns: how alert pictures become evidence and come back. Never: a picture of anybody without an
alert, or of blue-list staff; an array that is not overwritten. Strategy: synchronous, in a lane.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from lfr_engine.deployment.permission import LiveAuthority
from lfr_engine.deployment.retention import PROFILES, Since, What
from lfr_engine.enrolment.decode import decode
from lfr_engine.errors import EngineError
from lfr_engine.identity.evidence_store import EvidenceStore
from lfr_engine.identity.store import StoredWatchlist
from lfr_engine.identity.watchlist import Entry
from lfr_engine.journal.events.alerts import AlertRetained
from lfr_engine.vision.frame import ByteArray
from lfr_engine.vision.pictures import PORTRAIT_PX, Exposure, developed

PORTRAIT, CONTEXT = "portrait", "context"
_JPEG_QUALITY = 90

Kept = Literal["alert_evidence", "discounted_evidence"]


@dataclass(frozen=True, slots=True)
class AlertPictures:
    """JPEG bytes: the camera's portrait and the list's reference at equal size (256 × 256, R10),
    and the scene with everybody else in mosaic (R11).
    """

    portrait: bytes = field(repr=False)
    reference: bytes = field(repr=False)
    context: bytes = field(repr=False)


def keep(store: EvidenceStore, name: str, exposure: Exposure) -> None:
    """Develop, encode, encrypt and store; the arrays are overwritten whatever happens.

    Raises:
        EngineError: They cannot be written.
    """
    pictures = developed(exposure)
    try:
        store.put(name, {PORTRAIT: jpeg(pictures.portrait), CONTEXT: jpeg(pictures.context)})
    finally:
        pictures.erase()


def show(store: EvidenceStore, name: str, stored: StoredWatchlist, entry: Entry) -> AlertPictures:
    """The pictures to put before a person.

    Raises:
        InputError: They are not kept any more.
        WatchlistError: The reference picture was damaged.
    """
    found = store.get(name)
    best = max(entry.references, key=lambda one: one.quality)
    reference = fitted(decode(stored.picture(best.object)), PORTRAIT_PX)
    return AlertPictures(found[PORTRAIT], jpeg(reference), found[CONTEXT])


def scene(store: EvidenceStore, name: str) -> bytes:
    """The scene alone, everybody else in mosaic, as JPEG: what an officer's handset may fetch.

    Raises:
        InputError: It is not kept any more.
    """
    return store.get(name)[CONTEXT]


def retained(
    live: LiveAuthority, deployment: str, alert: str, evidence: str, what: Kept, now: dt.datetime
) -> AlertRetained:
    """Until when the profile of the authority keeps a picture that is made now (R19)."""
    profile = live.authority.retention
    term = PROFILES[profile][What(what)]
    since = now if term.since is Since.MADE else live.authority.end
    return AlertRetained(
        deployment=deployment,
        alert=alert,
        evidence=evidence,
        what=what,
        until=since + term.after,
        profile=profile,
    )


def jpeg(picture: ByteArray) -> bytes:
    """A picture (h, w, 3) BGR as JPEG."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise EngineError("alert picture", "cannot be encoded")
    return data.tobytes()


def fitted(picture: ByteArray, side: int) -> ByteArray:
    """A picture (h, w, 3) as large as fits into a black square of ``side`` pixels."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    square = np.zeros((side, side, 3), np.uint8)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    square[top : top + size[1], left : left + size[0]] = cv2.resize(
        picture, size, interpolation=how
    )
    return square
