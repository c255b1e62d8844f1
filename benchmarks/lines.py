"""A curve drawn: axes with units, a line for each series, its spread as a band."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from xml.etree.ElementTree import Element

from benchmarks.curve import Axis, Curve, Point
from benchmarks.markup import element
from benchmarks.scales import Scale, scale

_WIDTH: Final = 440
_HEIGHT: Final = 290
_LEFT: Final = 62
_RIGHT: Final = _WIDTH - 16
_TOP: Final = 16
_BOTTOM: Final = _HEIGHT - 50
_STYLES: Final = 4
"""So many lines look different; the fifth looks like the first."""

_Place = Callable[[float, float], tuple[float, float]]


def chart(curve: Curve, name: str) -> Element:
    """The drawing; `name` is unlike that of any other on the page."""
    points = [point for line in curve.lines for point in line.points]
    across = _scale(curve.x, [point.x for point in points], from_zero=False)
    up = _scale(curve.y, [one for point in points for one in (point.least, point.greatest)])

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            round(_LEFT + across.at(x) * (_RIGHT - _LEFT), 1),
            round(_BOTTOM - up.at(y) * (_BOTTOM - _TOP), 1),
        )

    shapes = [*_across(across, curve.x.label), *_upwards(up, curve.y.label)]
    for number, line in enumerate(curve.lines):
        shapes.append(_line(line.points, place, f"line style-{number % _STYLES}"))
    names = ", ".join(line.name for line in curve.lines)
    told = f"{curve.y.label} by {curve.x.label}: {names}. The table has the figures."
    return element(
        "svg",
        [
            element("title", curve.title, id=f"{name}-title"),
            element("desc", told, id=f"{name}-desc"),
            *shapes,
        ],
        class_="curve",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
    )


def legend(curve: Curve) -> Element:
    """Which line is what, in the looks of the lines."""
    entries = []
    for number, line in enumerate(curve.lines):
        sample = element(
            "svg",
            element("path", class_="median", d="M2 8H30"),
            class_=f"sample style-{number % _STYLES}",
            viewBox="0 0 32 16",
            aria_hidden="true",
        )
        entries.append(element("li", [sample, line.name]))
    return element("ul", entries, class_="legend")


def _scale(axis: Axis, values: Sequence[float], *, from_zero: bool = True) -> Scale:
    return scale(values, logarithmic=axis.logarithmic, from_zero=from_zero)


def _across(scale: Scale, label: str) -> list[Element]:
    shapes = []
    for mark in scale.marks:
        x = _LEFT + scale.at(mark) * (_RIGHT - _LEFT)
        shapes += [
            element("line", class_="grid", x1=x, x2=x, y1=_TOP, y2=_BOTTOM),
            element("text", _mark(mark), class_="tick", x=x, y=_BOTTOM + 20, text_anchor="middle"),
        ]
    middle = (_LEFT + _RIGHT) / 2
    text = element("text", label, class_="axis", x=middle, y=_HEIGHT - 8, text_anchor="middle")
    return [*shapes, text]


def _upwards(scale: Scale, label: str) -> list[Element]:
    shapes = []
    for mark in scale.marks:
        y = _BOTTOM - scale.at(mark) * (_BOTTOM - _TOP)
        shapes += [
            element("line", class_="grid", x1=_LEFT, x2=_RIGHT, y1=y, y2=y),
            element("text", _mark(mark), class_="tick", x=_LEFT - 8, y=y + 4, text_anchor="end"),
        ]
    turned = f"translate(14 {(_TOP + _BOTTOM) / 2:g}) rotate(-90)"
    text = element("text", label, class_="axis", transform=turned, text_anchor="middle")
    return [*shapes, text]


def _line(points: Sequence[Point], place: _Place, kind: str) -> Element:
    above = [place(point.x, point.greatest) for point in points]
    below = [place(point.x, point.least) for point in points]
    middle = [place(point.x, point.median) for point in points]
    dots = [element("circle", class_="dot", cx=x, cy=y, r=3.5) for x, y in middle]
    return element(
        "g",
        [
            element("path", class_="spread", d=_path([*above, *reversed(below)]) + "Z"),
            element("path", class_="median", d=_path(middle)),
            *dots,
        ],
        class_=kind,
    )


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in places)


def _mark(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
