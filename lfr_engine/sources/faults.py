"""FFmpeg's errors, told as ours: a source that is lost, or one that is refused.

Owns: whose fault an FFmpeg error is, and its words. Never: FFmpeg's own error as a cause, because
it holds the whole address with its password and a traceback would print it. Strategy: one call at
the border (``guarded``), one table of errors that no further try can mend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import av.error

from lfr_engine.errors import SourceLost, SourceRefused
from lfr_engine.sources.spec import SourceAddress, SourceKind

Result = TypeVar("Result")

_HOPELESS = (
    av.error.FileNotFoundError,
    av.error.PermissionError,
    av.error.IsADirectoryError,
    av.error.HTTPUnauthorizedError,
    av.error.HTTPForbiddenError,
    av.error.HTTPNotFoundError,
    av.error.HTTPBadRequestError,
    av.error.ProtocolNotFoundError,
    av.error.DemuxerNotFoundError,
    av.error.DecoderNotFoundError,
)
"""What an operator must mend: trying again alone never helps."""

_WORDS: dict[type[Exception], str] = {
    av.error.HTTPUnauthorizedError: "the camera refused the user name or password",
    av.error.HTTPForbiddenError: "the camera forbids access with this user name",
    av.error.HTTPNotFoundError: "the camera has no such stream (404 not found)",
    av.error.ExitError: "no answer in time",
    av.error.InvalidDataError: "what came is not video",
}


def guarded(address: SourceAddress, call: Callable[[], Result]) -> Result:
    """``call()``, whose FFmpeg errors become ours.

    Raises:
        SourceRefused: It can never work as the address stands.
        SourceLost: The network or the device failed; trying again may help.
    """
    try:
        return call()
    except (av.error.FFmpegError, OSError, ValueError) as exc:
        fault = _fault(exc, address)
    raise fault  # out of the except block: the library's error must not be its context either


def _fault(exc: Exception, address: SourceAddress) -> SourceLost | SourceRefused:
    if address.kind is SourceKind.FILE:
        damaged = isinstance(exc, av.error.InvalidDataError)
        return SourceRefused(
            address, "not a video, damaged, or cut short" if damaged else _reason(exc)
        )
    # A video device that is unplugged comes back, so only a lack of permission is final.
    hopeless: tuple[type[Exception], ...] = _HOPELESS
    if address.kind is SourceKind.DEVICE:
        hopeless = (av.error.PermissionError,)
    kind = SourceRefused if isinstance(exc, hopeless) else SourceLost
    return kind(address, _reason(exc))


def _reason(exc: Exception) -> str:
    for kind, words in _WORDS.items():
        if isinstance(exc, kind):
            return words
    text = getattr(exc, "strerror", None) or type(exc).__name__
    return str(text).split(":")[0].strip()[:120].lower()
