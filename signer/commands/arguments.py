"""What a command line may hold: text that can be stored and printed again."""

from __future__ import annotations

import click


class PlainText(click.ParamType[str]):
    """Text of 1 to ``longest`` characters, none of them a control character or a byte that is no UTF-8."""

    name = "text"

    def __init__(self, longest: int = 200) -> None:
        self._longest = longest

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """``value`` itself; anything else ends the command with a sentence."""
        # A shell hands bytes that are no UTF-8 on as lone surrogates, which no database keeps.
        if not value or not value.isprintable():
            self.fail("give text without control characters, in UTF-8.", param, ctx)
        if len(value) > self._longest:
            self.fail(f"give at most {self._longest} characters.", param, ctx)
        return value
