"""Span policy: how an exact figure becomes what a stranger may see (CONTRACT 2).

Everything public is a function of the `StockView` made here. Whatever differs between two
figures within one span must not be read by anything that answers a stranger.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum
from typing import Final

import msgspec

from gateway.domain.quantities import UNIT, Milli


class StockStatus(StrEnum):
    """The stable code of an answer; words for it are the labels' business."""

    IN_STOCK = "in_stock"
    LIMITED = "limited_availability"
    BACKORDER = "backorder"
    OUT_OF_STOCK = "out_of_stock"
    PREORDER = "preorder"
    DISCONTINUED = "discontinued"
    ON_REQUEST = "on_request"


class Level(StrEnum):
    """How much, in one word."""

    MANY = "many"
    FEW = "few"
    NONE = "none"
    UNKNOWN = "unknown"


class Color(StrEnum):
    """The colour of the symbol."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    GREY = "grey"


class Span(msgspec.Struct, frozen=True, gc=False):
    """From `low` to `high` thousandths; `high` None is open, `exclusive` leaves `high` out."""

    low: Milli
    high: Milli | None
    exclusive: bool = False

    def covers(self, quantity: Milli) -> bool | None:
        """Whether so much is there, judged by the span alone: None means one cannot tell."""
        if quantity <= self.low:
            return True
        if self.high is None:
            return None
        return False if quantity > self.high or (self.exclusive and quantity == self.high) else None


EMPTY: Final = Span(0, 0)


class StockView(msgspec.Struct, frozen=True, gc=False):
    """What may be shown of a figure."""

    status: StockStatus
    level: Level
    color: Color
    span: Span | None


class SpanPolicy(msgspec.Struct, frozen=True):
    """Lower bounds of the spans, ascending and above zero, and the limit of "few".

    `few_below` is compared with the span's lower bound, never with the figure: a limit inside a
    span would tell two figures of one span apart.
    """

    bounds: tuple[Milli, ...] = (1 * UNIT, 5 * UNIT, 20 * UNIT)
    few_below: Milli = 5 * UNIT

    def span(self, salable: Milli) -> Span:
        """The span in which `salable` lies.

        Whole figures end at the next bound less one; with decimals (in the figure or the bound)
        the next bound itself is the end, and does not belong to the span.
        """
        if salable <= 0:
            return EMPTY
        low = self.lower_bound(salable)
        place = bisect_right(self.bounds, salable)
        if place == len(self.bounds):
            return Span(low, None)
        following = self.bounds[place]
        if salable % UNIT or following % UNIT:
            return Span(low, following, exclusive=True)
        return Span(low, following - UNIT)

    def lower_bound(self, salable: Milli) -> Milli:
        """Where the span begins in which `salable` lies."""
        place = bisect_right(self.bounds, salable)
        return self.bounds[place - 1] if place else 0

    def view(self, salable: Milli, *, discontinued: bool, backorder: bool) -> StockView:
        """What is shown of `salable` for a product that is on sale."""
        if salable <= 0:
            return _sold_out(discontinued=discontinued, backorder=backorder)
        span = self.span(salable)
        if span.low < self.few_below or span.low == 0:
            return StockView(StockStatus.LIMITED, Level.FEW, Color.YELLOW, span)
        return StockView(StockStatus.IN_STOCK, Level.MANY, Color.GREEN, span)


PREORDER_VIEW: Final = StockView(StockStatus.PREORDER, Level.NONE, Color.YELLOW, EMPTY)
ON_REQUEST_VIEW: Final = StockView(StockStatus.ON_REQUEST, Level.UNKNOWN, Color.GREY, None)


def _sold_out(*, discontinued: bool, backorder: bool) -> StockView:
    if discontinued:
        return StockView(StockStatus.DISCONTINUED, Level.NONE, Color.RED, EMPTY)
    if backorder:
        return StockView(StockStatus.BACKORDER, Level.NONE, Color.YELLOW, EMPTY)
    return StockView(StockStatus.OUT_OF_STOCK, Level.NONE, Color.RED, EMPTY)
