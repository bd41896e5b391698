"""Numbers that options take."""

import math
import re
from typing import Any

import click

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%?")


class FloatRange(click.FloatRange):
    """A number within limits. click takes `nan` for one within all limits."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            number = super().convert(value, param, ctx)
        except click.BadParameter as error:
            self.fail(error.message + self._advice(value), param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return float(number)

    def _advice(self, value: Any) -> str:
        """Who writes a share as percent is told how it is written here."""
        match = _PERCENT.fullmatch(str(value))
        share = float(match[1]) / 100 if match else 0
        return f" Write {share:g} for {match[1]} percent." if match and self.max == 1 else ""
