"""Log lines as data, on standard error or in a file, one event a line.

Owns: how structlog is set up. Never: a line on standard output (that belongs to commands), a
credential, a name, a face or a template. Strategy: two shapes, console for people and JSON for
machines; keys that could hold biometrics are refused here, at the last gate.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import structlog

from lfr_engine.errors import ConfigError

_FORBIDDEN = ("template", "crop", "embedding", "picture", "portrait", "password", "token", "secret")


@contextmanager
def logging_to(level: str, shape: str, file: Path | None = None) -> Iterator[None]:
    """Log lines go where they should while the block lasts.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        shape: ``console`` or ``json``.
        file: Appended to instead of standard error.

    Raises:
        ConfigError: The file cannot be written.
    """
    stream: TextIO = sys.stderr
    if file is not None:
        try:
            stream = file.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise ConfigError(file, f"cannot be written: {error.strerror}") from error
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if shape == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_biometrics,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.reset_defaults()
        if stream is not sys.stderr:
            stream.close()


def without_biometrics(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> Mapping[str, Any]:
    """Replace what must never be logged: keys that name it, and anything array-like (R1)."""
    for key, value in event.items():
        named = any(word in key.lower() for word in _FORBIDDEN)
        if named or isinstance(value, bytes | bytearray | memoryview) or hasattr(value, "dtype"):
            event[key] = "withheld"
    return event
