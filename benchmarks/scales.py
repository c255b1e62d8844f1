"""Where values lie along an axis, and where its marks are."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, isfinite, log10
from typing import Final

import msgspec

_STEPS: Final = (1, 2, 5, 10)
_FEW: Final = 2
"""On so many powers of ten there is room for marks between them."""

_ALIKE: Final = 1e-6
"""Values that differ by so little of themselves are one."""


class Scale(msgspec.Struct, frozen=True):
    """From `first` to `last`, with marks."""

    first: float
    last: float
    marks: Sequence[float]
    logarithmic: bool

    def at(self, value: float) -> float:
        """Where it lies: 0 at the beginning, 1 at the end."""
        low, high, here = (self._measure(one) for one in (self.first, self.last, value))
        return (here - low) / (high - low)

    def _measure(self, value: float) -> float:
        return log10(value) if self.logarithmic else value


def scale(values: Sequence[float], *, logarithmic: bool, from_zero: bool = True) -> Scale:
    """One on which all of these have a place.

    Raises:
        ValueError: one of them can have none.
    """
    if not all(isfinite(value) and value >= 0 for value in values):
        raise ValueError(f"not to be drawn: {[value for value in values if not isfinite(value)]}")
    if logarithmic and min(values) > 0:
        return _powers(min(values), max(values))
    counted = all(float(value).is_integer() for value in values)
    return _even(0.0 if from_zero else min(values), max(values), 1.0 if counted else 0.0)


def _powers(least: float, greatest: float) -> Scale:
    low, high = floor(log10(least)), ceil(log10(greatest))
    high += low == high
    steps = _STEPS[:3] if high - low <= _FEW else _STEPS[:1]
    marks = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    first = max(mark for mark in marks if mark <= least * 1.000001)
    last = min([mark for mark in marks if mark >= greatest * 0.999999 and mark > first])
    kept = [mark for mark in marks if first <= mark <= last]
    return Scale(first, last, kept, logarithmic=True)


def _even(least: float, greatest: float, least_step: float) -> Scale:
    span = greatest - least
    if span <= greatest * _ALIKE:
        span = greatest or 1.0
    power = 10.0 ** floor(log10(span / 4))
    step = max(least_step, next(one * power for one in _STEPS if span / (one * power) <= 6))
    first = floor(least / step) * step
    count = max(1, ceil((greatest - first) / step - 1e-9))
    marks = [round(first + place * step, 12) for place in range(count + 1)]
    return Scale(marks[0], marks[-1], marks, logarithmic=False)
