"""What may be told of one SKU, to this caller, in these circumstances (CONTRACT 2 and 3)."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.domain.delivery import Promise
from gateway.domain.errors import FigureExpiredError, StockspanError, StoreUnavailableError
from gateway.domain.freshness import Freshness
from gateway.domain.quantities import Milli
from gateway.domain.spans import StockView
from gateway.domain.stock import Location
from gateway.services.selling import Channel

Circumstances = tuple[str, str, str | None, Milli | None, bool]


class StockContext(msgspec.Struct, frozen=True):
    """The circumstances of a lookup: where, in which words, how many, for whom.

    `exact` is for trusted callers only: with it the exact figure and an exact judgement are told.
    """

    channel: Channel
    locale: str
    location: str | None = None
    quantity: Milli | None = None
    pickup: bool = False
    exact: bool = False

    @property
    def circumstances(self) -> Circumstances:
        """All on which a stranger's answer depends beside the SKU."""
        return self.channel.name, self.locale, self.location, self.quantity, self.pickup


class PickupAnswer(msgspec.Struct, frozen=True):
    """What one store has to fetch."""

    location: Location
    view: StockView
    label: str


class Lasting(msgspec.Struct, frozen=True, gc=False):
    """For how long a stranger's answer stays as it is, if nothing changes that it was made from.

    Its word for freshness is right of figures more than `older_than_ms` old, and no older than
    `up_to_ms`. `feeds` are those through which its figures are verified: where one is verified
    later, the answer is. `until_ms` is when days or products turn.
    """

    older_than_ms: int
    up_to_ms: int
    feeds: tuple[int, ...]
    until_ms: int


class StockAnswer(msgspec.Struct, frozen=True):
    """All that may be told of one SKU; `salable` only to a trusted caller.

    `confirmed`: the ERP was asked, and spoke for every location that counts here.
    """

    sku: str
    view: StockView
    label: str
    delivery: Promise | None
    as_of_ms: int
    freshness: Freshness
    fresh_for_ms: int
    sufficient: bool | None = None
    salable: Milli | None = None
    pickup: tuple[PickupAnswer, ...] | None = None
    last_known: bool = False
    """The store is away: this is what the worker knew last."""
    confirmed: bool = False
    lasting: Lasting | None = None
    """None where it is for this caller and this moment alone."""


class UnknownSku(msgspec.Struct, frozen=True):
    """Nothing is known of this SKU."""

    sku: str
    problem: Literal["unknown-sku"] = "unknown-sku"


class WithheldSku(msgspec.Struct, frozen=True):
    """There is something of this SKU, but nothing may be told now, and why."""

    sku: str
    problem: Literal["not-ready", "store-unavailable"]

    def error(self) -> StockspanError:
        """The same as an error."""
        if self.problem == "not-ready":
            return FigureExpiredError(self.sku)
        return StoreUnavailableError("the store is away")


Answer = StockAnswer | UnknownSku | WithheldSku
