"""Bars with the spread of their rounds as whiskers, drawn to go into the line of a table.

There is no text in them: the numbers stand in the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element

from benchmarks.judged import Row
from benchmarks.markup import element

_WIDTH: Final = 1000
_HEIGHT: Final = 24
_MIDDLE: Final = 12
_BOUNDS_WIDTH: Final = 2.5
"""A bar that is longer than so many bounds is cut."""

_OUTSTANDING: Final = 3
"""A bar that is so many times as long as the next is cut: the others would be nothing beside it."""


def judged_bar(row: Row) -> Element:
    """A figure against its bound, which is the mark; the side where it is kept is tinted."""
    scale = _WIDTH / (row.bound * _BOUNDS_WIDTH)
    mark = row.bound * scale
    good = (0.0, mark) if row.at_most else (mark, _WIDTH - mark)
    shapes = [
        element("rect", class_="good", x=good[0], y=0, width=good[1], height=_HEIGHT),
        *_bar(row.median, row.least, row.greatest, scale),
        element("line", class_="bound", x1=mark, x2=mark, y1=0, y2=_HEIGHT),
    ]
    told = f"{row.text}: {'held' if row.held else 'not held'}"
    return _drawing(told, shapes, "held" if row.held else "missed")


def rate_bar(name: str, values: tuple[float, float, float], full: float) -> Element:
    """Median, least and greatest against what fills the width."""
    return _drawing(name, _bar(*values, _WIDTH / full if full else 0), "rate")


def full_width(greatest: Sequence[float]) -> float:
    """What fills the width, where these are to be seen beside each other."""
    longest, *others = sorted(greatest, reverse=True)
    if others and longest > _OUTSTANDING * others[0]:
        return others[0] * 1.25
    return longest


def _bar(middle: float, least: float, greatest: float, scale: float) -> list[Element]:
    end, low, high = (min(value * scale, _WIDTH) for value in (middle, least, greatest))
    shapes = [element("rect", class_="bar", x=0, y=5, width=end, height=14)]
    if middle * scale > _WIDTH:
        cut = f"M{_WIDTH - 26} 0L{_WIDTH - 16} {_MIDDLE}L{_WIDTH - 26} {_HEIGHT}"
        shapes.append(element("path", class_="cut", d=cut))
    elif high > low:
        whisker = f"M{low:.1f} {_MIDDLE}H{high:.1f}M{low:.1f} 8V16M{high:.1f} 8V16"
        shapes.append(element("path", class_="whisker", d=whisker))
    return shapes


def _drawing(title: str, shapes: Sequence[Element], kind: str) -> Element:
    return element(
        "svg",
        [element("title", title), *shapes],
        class_=f"row {kind}",
        role="img",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        preserveAspectRatio="none",
    )
