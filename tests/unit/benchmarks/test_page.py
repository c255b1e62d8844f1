"""The page of charts: made of the results alone, and of nothing in them but text and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from math import isfinite
from typing import Any, Final

import pytest

from benchmarks import page, results
from benchmarks.judged import FIGURES
from benchmarks.results import Results
from tests.measured import RESULTS, spread

_VOID: Final = {"meta"}
_HOSTILE: Final = "</style></script><script>alert(1)</script><img src=x onerror='alert(1)'>\"&\0"


class _Read(HTMLParser):
    """What a page consists of; fails where elements are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.numbers: list[float] = []
        self.texts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in _VOID:
            return
        told = dict(attrs)
        if self._silent or tag in {"data", "style"} or told.get("class") == "tick":
            self._silent += 1
        if tag == "data":
            self.numbers.append(float(told["value"] or "nan"))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._silent = max(0, self._silent - 1)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)

    def of(self, name: str) -> list[str]:
        return [value for _, key, value in self.attributes if key == name]


def _read(text: str) -> _Read:
    reader = _Read()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def _leaves(found: Any) -> Iterator[Any]:
    if isinstance(found, dict):
        for name, value in found.items():
            yield name
            yield from _leaves(value)
    elif isinstance(found, list):
        for value in found:
            yield from _leaves(value)
    else:
        yield found


def _figures(found: Any) -> set[float]:
    return {one for one in _leaves(found) if isinstance(one, int | float)}


def test_it_is_well_formed_and_its_parts_find_each_other() -> None:
    text = page.page(RESULTS)
    assert text.startswith('<!doctype html>\n<html lang="en">')
    read = _read(text)
    ids = read.of("id")
    assert len(ids) == len(set(ids))
    wanted = [one for value in read.of("aria-labelledby") for one in value.split()]
    assert wanted
    assert set(wanted) <= set(ids)


def test_drawings_have_titles_and_figures_that_can_be_drawn() -> None:
    read = _read(page.page(RESULTS))
    drawings = [value for tag, name, value in read.attributes if (tag, name) == ("svg", "role")]
    assert len(drawings) > 10
    geometry = {"d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"}
    told = [value for _, name, value in read.attributes if name in geometry]
    words = [word for value in told for word in re.split(r"[A-Za-z ]+", value) if word]
    assert words
    assert all(isfinite(float(word)) for word in words)
    widths = [v for tag, name, v in read.attributes if (tag, name) == ("rect", "width")]
    assert all(0 <= float(width) <= 1000 for width in widths)


def test_it_asks_nobody_for_anything() -> None:
    read = _read(page.page(RESULTS))
    assert not read.names & {"script", "link", "img", "iframe", "object", "image", "use"}
    assert not {name for _, name, _ in read.attributes} & {"src", "href", "xlink:href"}
    assert "url(" not in page.page(RESULTS)
    assert "default-src 'none'; style-src 'unsafe-inline'" in read.of("content")


def test_every_number_on_it_is_in_the_results() -> None:
    read = _read(page.page(RESULTS))
    middles = {3}  # of the calls, which are told one by one
    assert len(read.numbers) > 100
    assert set(read.numbers) <= _figures(RESULTS) | middles
    # What else has digits is a name, and names are told as they are.
    names = {str(one) for one in _leaves(RESULTS) if isinstance(one, str)}
    names |= {figure.text for figure in FIGURES}
    names |= {results.machine(result) for result in RESULTS.values()} | {"2026-11-30"}
    for text in read.texts:
        left = text
        for name in sorted(names, key=len, reverse=True):
            left = left.replace(name, "")
        assert not re.search(r"\d", left), text


def test_every_figure_of_the_results_is_on_it() -> None:
    assert _figures(RESULTS) - {True, False} <= set(_read(page.page(RESULTS)).numbers)


def test_text_stays_text() -> None:
    bars = [{"name": _HOSTILE, **spread(3.0)}]
    lines = [{"name": _HOSTILE, "points": [{"x": 1, **spread(2.0)}]}]
    axis = {"label": _HOSTILE, "logarithmic": True}
    curve = {"title": _HOSTILE, "x": axis, "y": axis, "lines": lines, "note": _HOSTILE}
    rates = [{"name": _HOSTILE, "unit": _HOSTILE, "bars": bars}]
    hostile: Results = {
        _HOSTILE: {_HOSTILE: _HOSTILE, "processor": _HOSTILE, "at": _HOSTILE},
        "badges": {"rates": rates, "curves": [curve]},
    }
    text = page.page(hostile)
    read = _read(text)
    assert not read.names & {"script", "img"}
    assert text.count("<style>") == text.count("</style>") == 1


@pytest.mark.parametrize("found", [{}, {"curves": {"curves": []}}, {"badges": {"rates": []}}])
def test_there_is_a_page_of_whatever_was_measured(found: Any) -> None:
    assert "What Stockspan costs" in page.page(found)


def test_a_quick_run_says_so() -> None:
    assert "A quick run" in page.page({"badges": {"quick": True}})
    assert "A quick run" not in page.page(RESULTS)
