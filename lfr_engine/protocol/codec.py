"""Messages to bytes and back: the only module that calls msgspec's msgpack and maps its errors.

Owns: encoding, strict decoding, and the mapping of library errors. Never: sockets, state.
Strategy: the structure is checked first (see ``structure``), so the library only ever sees bytes
whose size, depth and kinds are within the limits.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from lfr_engine.protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from lfr_engine.protocol.framing import FrameLimits
from lfr_engine.protocol.messages import Message
from lfr_engine.protocol.structure import check_structure

_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_encoder = msgspec.msgpack.Encoder()
_PATH = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_NAMED = re.compile(r"field `([^`]+)`$")

T = TypeVar("T")


class BadArgument(ValueError):
    """Arguments do not fit the command.

    Args:
        field: Dotted path of the argument; empty when the whole is meant.
        text: What is wrong, without the value that was sent.
    """

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}" if field else text)
        self.field = field
        self.text = text


def encode(message: Message) -> bytes:
    """The msgpack bytes of ``message``, without prefix.

    Raises:
        LocalProtocolError: A body holds something msgpack has no kind for.
    """
    try:
        return _encoder.encode(message)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise LocalProtocolError(f"a message cannot be encoded: {error}") from error


def decode(payload: bytes, limits: FrameLimits) -> Message:
    """The message in ``payload``.

    Raises:
        RemoteProtocolError: For any bytes that are not exactly one allowed message.
    """
    check_structure(payload, limits)
    try:
        return _decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise RemoteProtocolError(ErrorCode.MALFORMED, f"not a message: {error}") from error
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(ErrorCode.MALFORMED, "a string is not UTF-8") from error
    except msgspec.DecodeError as error:
        raise RemoteProtocolError(ErrorCode.MALFORMED, f"not msgpack: {error}") from error


def to_record(value: Any, kind: type[T]) -> T:
    """Check plain values from the wire against a record type.

    Raises:
        BadArgument: Missing, unknown or wrong; names the field.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _bad_argument(str(error)) from error


def to_plain(record: Any) -> Any:
    """Maps, lists, text, numbers and bytes that stand for ``record``."""
    return msgspec.to_builtins(record, builtin_types=(bytes,))


def _bad_argument(text: str) -> BadArgument:
    path = ""
    at = _PATH.search(text)
    if at:
        path, text = at[1], text[: at.start()]
    named = _NAMED.search(text)
    if named:
        path = f"{path}.{named[1]}" if path else named[1]
    return BadArgument(path, text)
