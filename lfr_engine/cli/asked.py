"""Options that a rule asks for: whoever leaves one out is told which rule.

Owns: that one kind of option. Never: a check of the value.
"""

from __future__ import annotations

from typing import Any

import click

from lfr_engine.errors import RuleError


class Asked(click.Option):
    """A required option.

    Args:
        rule: The rule that asks for it, such as ``"R15"``.
    """

    def __init__(self, *args: Any, rule: str, **kwargs: Any) -> None:
        super().__init__(*args, required=True, **kwargs)
        self.rule = rule

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """As usual; raises ``RuleError`` where it is missing."""
        try:
            return super().process_value(ctx, value)
        except click.MissingParameter:
            raise RuleError(
                self.rule, self.opts[0], "is missing", self.help or "state it"
            ) from None
