"""Figures that have a bound: where each stands in the results, and whether it holds.

The bounds stand in the results, beside the figures or by a name of their own: a table made later
judges by what was aimed at when it was measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final

import msgspec

from benchmarks.figures import brief
from benchmarks.results import Results

_BESIDE: Final = ("bound",)


class Figure(msgspec.Struct, frozen=True):
    """A figure of a benchmark, at this path of its result.

    Its bound stands beside it, or at a path of its own; it is the least that the figure may be, or
    the most.
    """

    text: str
    benchmark: str
    path: tuple[str, ...]
    bound: tuple[str, ...] = ()
    at_most: bool = False


class Row(msgspec.Struct, frozen=True):
    """A line of the table. Of a figure that was measured once, all three are the same."""

    text: str
    benchmark: str
    bound: float
    at_most: bool
    median: float
    least: float
    greatest: float

    @property
    def held(self) -> bool:
        """Whether the median keeps to the bound."""
        return self.median <= self.bound if self.at_most else self.median >= self.bound

    @property
    def aim(self) -> str:
        """The bound in words: `≥ 1.3`."""
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}"


def _most(text: str, benchmark: str, path: tuple[str, ...], bound: tuple[str, ...] = ()) -> Figure:
    return Figure(text, benchmark, path, bound, at_most=True)


_PACKED: Final = "a third with a break, a tenth with dates, hash-max-listpack-value 256"
_PRICES: Final = ("bounds", "constant")

FIGURES: Final = (
    Figure("a hot badge ÷ aiohttp with a constant body", "badges", ("hot_to_constant",)),
    Figure("a hot badge ÷ FastAPI + redis-py, GET", "badges", ("hot_to_peer",)),
    Figure("a hot badge ÷ webdis, GET", "badges", ("hot_to_webdis",)),
    Figure("50 hot badges ÷ webdis, MGET 50", "badges", ("many_to_webdis_many",)),
    Figure("50 hot badges ÷ FastAPI + redis-py, MGET 50", "badges", ("many_to_peer_many",)),
    Figure("a cold badge ÷ FastAPI + redis-py, GET", "badges", ("cold_to_peer_cold",)),
    Figure(
        "50 lines of customer prices ÷ aiohttp with a constant body",
        "prices",
        ("catalogue", "constant_ratio"),
        _PRICES,
    ),
    Figure(
        "50 lines of customer prices ÷ FastAPI + asyncpg, one query",
        "prices",
        ("catalogue", "peer_ratio"),
        ("bounds", "peer"),
    ),
    Figure(
        "10 × the load: answers in time ÷ the most there are",
        "overload",
        ("overload", "goodput_to_peak"),
        ("bounds", "goodput"),
    ),
    _most(
        "half the load: p99 ÷ that of aiohttp at half of its",
        "overload",
        ("half", "p99_ratio"),
        ("bounds", "p99"),
    ),
    _most(
        "change seen by a near-cached reader, p99 ÷ a PUBLISH received",
        "near_cache",
        ("change_to_publish",),
    ),
    _most(
        "memory of a worker, bytes an answer kept",
        "near_cache",
        ("bytes_per_answer",),
    ),
    _most("change at the ERP seen ÷ a bare NOTIFY, p50", "notices", ("p50_ratio",), _BESIDE),
    _most("p99 while the ERP is away ÷ before", "outage", ("ratio",), _BESIDE),
    _most("calls of the ERP for 1,000 checkouts", "confirmations", ("calls",), ("most_calls",)),
    _most(
        "a confirmed checkout beyond the ERP's own time, ms",
        "confirmations",
        ("beyond", "median_ms"),
        ("bound_ms",),
    ),
    *(
        Figure(
            f"hold and confirm, {mix} ÷ FastAPI + asyncpg, {form}",
            "reservations",
            (mix, f"{name}_ratio"),
            ("bounds", mix),
        )
        for mix in ("spread", "hot")
        for name, form in (("peer", "one statement"), ("transaction", "a transaction"))
    ),
    Figure("rows of a snapshot ÷ plain HSETs", "snapshot", ("ratio",), _BESIDE),
    _most("memory of the loader at its peak, MiB", "flatness", ("most_mib",), ("bound_mib",)),
    _most("bytes of Valkey a SKU", "memory", ("with product",), _BESIDE),
    _most(
        "bytes of Valkey a row of a contract",
        "price_memory",
        (_PACKED, "row with its share"),
        _BESIDE,
    ),
)


def rows(results: Results) -> list[Row]:
    """Those that were measured, in the order of the figures."""
    return [row for figure in FIGURES if (row := _row(figure, results)) is not None]


def unmeasured(results: Results) -> list[Figure]:
    """The others."""
    return [figure for figure in FIGURES if _row(figure, results) is None]


def table(lines: Iterable[Row]) -> str:
    """In Markdown, with columns that stand under each other."""
    cells = [("figure", "bound", "median", "spread", "")]
    cells += [
        (
            row.text,
            row.aim,
            brief(row.median),
            "" if row.least == row.greatest else f"{brief(row.least)} to {brief(row.greatest)}",
            "held" if row.held else "**not held**",
        )
        for row in lines
    ]
    widths = [max(len(line[at]) for line in cells) for at in range(len(cells[0]))]
    head, *body = [_line(line, widths) for line in cells]
    marks = [_mark(at, width) for at, width in enumerate(widths)]
    return "\n".join([head, _line(marks, widths), *body])


def _mark(at: int, width: int) -> str:
    """What says that a column of numbers ends at the right."""
    return "-" * (width - 1) + ":" if at in {1, 2, 3} else "-" * width


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if at in {1, 2, 3} else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"


def _row(figure: Figure, results: Results) -> Row | None:
    result = results.get(figure.benchmark)
    found = _at(result, figure.path)
    bound = _at(result, figure.bound or (*figure.path, "bound"))
    values = _three(found)
    if values is None or not isinstance(bound, int | float):
        return None
    return Row(figure.text, figure.benchmark, bound, figure.at_most, *values)


def _at(result: object, path: Sequence[str]) -> object:
    for name in path:
        if not isinstance(result, Mapping):
            return None
        result = result.get(name)
    return result


def _three(found: Any) -> tuple[float, float, float] | None:
    """Median, least and greatest of a summary, of some values, or of one."""
    match found:
        case {"median": middle, "least": least, "greatest": greatest}:
            return middle, least, greatest
        case [*values] if values:
            return median(values), min(values), max(values)
        case int() | float():
            return found, found, found
        case _:
            return None
