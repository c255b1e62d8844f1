"""The page of charts: HTML made of the results alone, which asks no network for anything.

Each number that was measured is an element `data` with all its digits; marks of axes, which are
not, have the class `tick`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, tostring

import msgspec

from benchmarks import bars, judged, lines, results
from benchmarks.curve import Curve, Line
from benchmarks.judged import Row
from benchmarks.markup import Cell, Content, element, number, table
from benchmarks.results import Results

_STYLE: Final = Path(__file__).with_name("page.css")
_TITLE: Final = "What Stockspan costs"
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_DRAWN: Final = frozenset({"curves", "rates"})
_SMALL: Final = "A thin line across a bar is the spread: from the least to the greatest round."


def page(found: Results) -> str:
    """The whole of it."""
    sections = [_head(found), _figures(found), *_rates(found), *_curves(found), _all(found)]
    root = element(
        "html",
        [
            element(
                "head",
                [
                    element("meta", charset="utf-8"),
                    element("meta", name="viewport", content="width=device-width, initial-scale=1"),
                    element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
                    element("meta", name="color-scheme", content="light dark"),
                    element("title", _TITLE),
                    element("style", _STYLE.read_text(encoding="utf-8")),
                ],
            ),
            element("body", element("main", sections)),
        ],
        lang="en",
    )
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"


def _head(found: Results) -> Element:
    content: list[Content] = [
        element("h1", _TITLE),
        element(
            "p",
            "Ratios of things run in turns in one go: a time by itself means little on a machine "
            "that others share. Medians of rounds, with their spread.",
            class_="lead",
        ),
    ]
    latest = max(found.values(), key=lambda result: str(result.get("at", "")), default=None)
    if latest is not None:
        told = f"{str(latest.get('at', ''))[:10]} · {results.machine(latest)}"
        content.append(element("p", told, class_="machine"))
    if any(result.get("quick") for result in found.values()):
        text = "A quick run: few short rounds, which show that all works, and prove nothing."
        content.append(element("p", text, class_="warning", role="note"))
    return element("header", content)


def _figures(found: Results) -> Element:
    rows, missing = judged.rows(found), judged.unmeasured(found)
    content: list[Content] = [
        element("h2", "Figures and their bounds", id="figures"),
        element(
            "p",
            "The upright line is the bound; a bar that ends on the tinted side of it keeps to it. "
            "Bars have one scale: the bound is always at the same place. " + _SMALL,
        ),
    ]
    if rows:
        head = ("figure", "against its bound", "median", "spread", "bound", "")
        content.append(table(head, [_judged(row) for row in rows], class_="figures"))
    if missing:
        items = element("ul", [element("li", figure.text) for figure in missing])
        content.append(element("details", [element("summary", "Not measured here"), items]))
    return element("section", content, aria_labelledby="figures")


def _judged(row: Row) -> list[Cell]:
    mark = element(
        "span", "✓ held" if row.held else "✗ not held", class_="held" if row.held else "missed"
    )
    aim: list[Content] = ["≤ " if row.at_most else "≥ ", number(row.bound, f"{row.bound:g}")]
    return [row.text, bars.judged_bar(row), number(row.median), _spread(row), aim, mark]


def _spread(told: Any) -> list[Content]:
    if told.least == told.greatest:
        return ["–"]
    return [number(told.least), " to ", number(told.greatest)]


class _Bar(msgspec.Struct, frozen=True):
    name: str
    median: float
    least: float
    greatest: float


class _Group(msgspec.Struct, frozen=True):
    """Rates that may be seen beside each other."""

    name: str
    unit: str
    bars: Sequence[_Bar]


def _rates(found: Results) -> Iterator[Element]:
    groups = [
        msgspec.convert(group, _Group)
        for result in found.values()
        for group in result.get("rates", ())
    ]
    if not groups:
        return
    cards = [_card(group) for group in groups if group.bars]
    yield element(
        "section",
        [
            element("h2", "Side by side", id="rates"),
            element(
                "p",
                "What one core serves in the same minutes. A bar that is much longer than all "
                "others is cut.",
            ),
            element("div", cards, class_="cards"),
        ],
        aria_labelledby="rates",
    )


def _card(group: _Group) -> Element:
    full = bars.full_width([bar.greatest for bar in group.bars])
    told: list[list[Cell]] = [
        [
            bar.name,
            bars.rate_bar(bar.name, (bar.median, bar.least, bar.greatest), full),
            number(bar.median),
            _spread(bar),
        ]
        for bar in group.bars
    ]
    head = ("", group.unit, "median", "spread")
    return element(
        "figure",
        [element("figcaption", f"{group.name}, {group.unit}"), table(head, told, class_="rates")],
        class_="card",
    )


def _curves(found: Results) -> Iterator[Element]:
    curves = [
        msgspec.convert(curve, Curve)
        for result in found.values()
        for curve in result.get("curves", ())
    ]
    cards = [_curve(curve, f"curve-{at}") for at, curve in enumerate(curves) if _is_drawable(curve)]
    if not cards:
        return
    yield element(
        "section",
        [
            element("h2", "Curves", id="curves"),
            element("p", "Lines are medians, bands reach from the least to the greatest round."),
            element("div", cards, class_="cards wide"),
        ],
        aria_labelledby="curves",
    )


def _is_drawable(curve: Curve) -> bool:
    return any(line.points for line in curve.lines)


def _curve(curve: Curve, name: str) -> Element:
    content: list[Content] = [
        element("figcaption", curve.title),
        lines.legend(curve),
        lines.chart(curve, name),
    ]
    if curve.note:
        content.append(element("p", curve.note, class_="note"))
    tables = [_points(curve, line) for line in curve.lines]
    content.append(element("details", [element("summary", "As a table"), *tables]))
    return element("figure", content, class_="card")


def _points(curve: Curve, line: Line) -> Element:
    told: list[list[Cell]] = [
        [number(point.x), number(point.median), _spread(point)] for point in line.points
    ]
    made = table((curve.x.label, curve.y.label, "spread"), told)
    made.insert(0, element("caption", line.name))
    return made


def _all(found: Results) -> Element:
    parts: list[Content] = [element("h2", "All that was measured", id="all")]
    for name, result in found.items():
        told: list[list[Cell]] = [
            [path, number(value) if _is_number(value) else str(value)]
            for path, value in _leaves(result)
        ]
        parts.append(element("details", [element("summary", name), table(("what", "value"), told)]))
    return element("section", parts, aria_labelledby="all")


def _leaves(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Everything in a result but what is drawn, with its place in it."""
    if isinstance(found, Mapping):
        for name, value in found.items():
            if path or name not in _DRAWN:
                yield from _leaves(value, (*path, str(name)))
    elif isinstance(found, list):
        if all(_is_number(one) for one in found):
            for value in found:
                yield " › ".join(path), value
        else:
            for place, value in enumerate(found):
                yield from _leaves(value, (*path, str(place)))
    elif found is not None:
        yield " › ".join(path), found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
