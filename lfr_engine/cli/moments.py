"""Times on the command line: ISO 8601, or a plain local reading that is said to be UTC.

Owns: the option type. Never: a guess about a time zone: what has none is UTC.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import click


class Moment(click.ParamType[dt.datetime]):
    """An instant, such as ``2026-07-01T10:00Z`` or ``2026-07-01 10:00``; UTC where none is said."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        """Read one option's value."""
        try:
            moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-07-01T10:00Z", param, ctx)
        return moment.replace(tzinfo=moment.tzinfo or dt.UTC).astimezone(dt.UTC)


MOMENT = Moment()
