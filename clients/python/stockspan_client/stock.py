"""What is told of stock (CONTRACT 3).

Codes are plain text, not enumerations: a newer gateway may know one more, and is read all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from stockspan_client.problems import ProblemError, problem_of_item
from stockspan_client.spans import Span

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""With its offset, always."""


class Delivery(msgspec.Struct, frozen=True):
    """The first and the last day on which it should arrive."""

    earliest: date
    latest: date


class Pickup(msgspec.Struct, frozen=True):
    """What one store has to fetch."""

    location: str
    name: str
    status: str
    level: str
    span: Span | None
    label: str


class StockItem(msgspec.Struct, frozen=True):
    """What is told of one SKU.

    `status`: `in_stock`, `limited_availability`, `backorder`, `out_of_stock`, `preorder`,
    `discontinued`, `on_request`. `freshness`: `fresh`, `stale`, `expired`. `sufficient` is None
    without a quantity, and where the span does not tell; `salable` is for scope `stock:exact`.
    """

    sku: str
    status: str
    level: str
    color: str
    span: Span | None
    label: str
    schema_org: str | None
    delivery: Delivery | None
    as_of: Moment
    freshness: str
    sufficient: bool | None = None
    salable: Decimal | None = None
    pickup: tuple[Pickup, ...] = ()


class ItemError(msgspec.Struct, frozen=True):
    """Why there is no answer for this one."""

    type: str
    title: str


class Unanswered(msgspec.Struct, frozen=True):
    """Stands in the place of a SKU that is not known, or of which nothing may be told now."""

    sku: str
    error: ItemError

    def problem(self) -> ProblemError:
        """The same as an error, to be raised by whoever cannot go on without it."""
        return problem_of_item(self.error.type, self.error.title)


class _Items(msgspec.Struct, frozen=True):
    items: tuple[msgspec.Raw, ...]


class _Place(msgspec.Struct, frozen=True):
    error: ItemError | None = None


def refused(item: msgspec.Raw) -> bool:
    """Whether an error stands in this place."""
    return msgspec.json.decode(item, type=_Place).error is not None


def items_of(body: bytes) -> Sequence[msgspec.Raw]:
    """The places of an answer, none of them read yet: they differ by their fields alone."""
    return msgspec.json.decode(body, type=_Items).items


def stock_items(body: bytes) -> list[StockItem | Unanswered]:
    """One for each SKU asked for, in that order."""
    decode = msgspec.json.decode
    return [
        decode(item, type=Unanswered) if refused(item) else decode(item, type=StockItem)
        for item in items_of(body)
    ]
