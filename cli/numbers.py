"""Numbers that options take."""

import math
from typing import Any

import click


class FloatRange(click.FloatRange):
    """A number within limits. click takes `nan` for one within all limits."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return float(number)
