"""The error tree: every error names the party at fault, what it concerns, the cause and the mend.

Owns: the types that cross package borders. Never: library exceptions (they are mapped once, at the
edge that calls the library, with ``raise … from exc``). Strategy: the command line prints
``str(error)`` as one line and exits with ``exit_status``; nothing else formats errors.
"""

from __future__ import annotations

import enum


class Fault(enum.Enum):
    """Whose fault an error is; decides who must act and whether retrying can help."""

    USER = "user"  # bad input or configuration: mend and run again
    NETWORK = "network"  # may heal by itself: retry with back-off
    DEVICE = "device"  # an inference device or its driver
    PEER = "peer"  # the other end of a protocol broke its rules
    RULE = "rule"  # a governing rule (R1…R27) forbids it
    ENGINE = "engine"  # our own defect


class LfrError(Exception):
    """Base of every error this project raises on purpose.

    Args:
        subject: What it concerns: a file name, a camera id, an option. Printed first.
        cause: What is wrong, in plain words, without a full stop.
        mend: What to do about it; empty when the cause says it all.
    """

    fault: Fault = Fault.ENGINE
    exit_status: int = 1

    def __init__(self, subject: object, cause: str, mend: str = "") -> None:
        super().__init__(subject, cause, mend)
        self.subject = str(subject)
        self.cause = cause
        self.mend = mend

    def __str__(self) -> str:
        line = f"{self.subject}: {self.cause}" if self.subject else self.cause
        line = f"{line} – {self.mend}" if self.mend else line
        return " ".join(line.split())


class InputError(LfrError):
    """A file, folder or value the user gave cannot be used."""

    fault = Fault.USER
    exit_status = 2


class ConfigError(InputError):
    """The configuration file or an option is wrong."""


class ImageError(InputError):
    """A picture cannot be decoded, or does not hold exactly one usable face."""


class WatchlistError(InputError):
    """A watchlist cannot be read, built or used."""


class SourceRefused(InputError):
    """A source will not work however often it is tried: not a video, no access, not found."""


class SourceLost(LfrError):
    """A source stopped or cannot be reached; trying again may help."""

    fault = Fault.NETWORK


class ModelError(InputError):
    """A model file is missing, altered, of the wrong kind, or cannot be fetched."""


class DeviceError(LfrError):
    """An inference device is absent, refused the model, failed or hung."""

    fault = Fault.DEVICE


class ProtocolError(LfrError):
    """The other end of a socket, serial line or bearer broke the protocol."""

    fault = Fault.PEER


class RuleError(LfrError):
    """A governing rule forbids the action.

    Args:
        rule: The rule's number in ``docs/rules.md``, such as ``"R3"``.
        subject: What it concerns.
        cause: What is missing or wrong.
        mend: What would make it lawful.
    """

    fault = Fault.RULE
    exit_status = 2

    def __init__(self, rule: str, subject: object, cause: str, mend: str = "") -> None:
        super().__init__(subject, f"{cause} ({rule})", mend)
        self.rule = rule


class EngineError(LfrError):
    """A defect or an exhausted restart budget inside the engine."""
