"""Stock lookups: read once, and answered in any circumstances (CONTRACT 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from msgspec.structs import replace

from gateway.domain.confirmations import Confirmation
from gateway.domain.errors import (
    StoreUnavailableError,
    UnknownLocationError,
    UnknownSkuError,
)
from gateway.domain.quantities import Milli
from gateway.domain.stock import PLAIN_PRODUCT, Location, Product, SkuStock
from gateway.services.answering import Answering
from gateway.services.directory import Directory, Snapshot
from gateway.services.last_known import Outage
from gateway.services.moments import Moment, moment_of
from gateway.services.selling import Channel, SellingRules
from gateway.services.standpoints import Standpoint
from gateway.services.stock_answers import (
    Answer,
    StockAnswer,
    StockContext,
    UnknownSku,
    WithheldSku,
)
from gateway.services.stock_explanations import Explaining, StockExplanation
from gateway.store.feeds import unready
from gateway.store.stock import Reading

_NOTHING: Final[Mapping[str, Confirmation]] = {}


class StockReader(Protocol):
    """Where stock comes from."""

    async def read(self, skus: Sequence[str]) -> Reading:
        """What is held of each SKU, in order, and in which epoch."""

    def recall(self, skus: Sequence[str], epoch: bytes | None) -> Mapping[str, SkuStock]:
        """Those of these SKUs of which something was known last, in this epoch."""


class StockLookups:
    """Answers lookups from the store and the worker's copy of the directory."""

    def __init__(
        self,
        stock: StockReader,
        directory: Directory,
        rules: SellingRules,
        clock_ms: Callable[[], int],
        outage: Outage | None = None,
    ) -> None:
        self._stock = stock
        self._directory = directory
        self._rules = rules
        self._clock_ms = clock_ms
        self._outage = outage

    async def look(self, skus: Sequence[str]) -> StockReading:
        """As `read`; but while the store is away, what this worker knew last.

        Raises:
            NotReadyError: the store is cold.
            StoreUnavailableError: the store did not answer, and nothing is known of any of these.
        """
        outage = self._outage
        if outage is None:
            return await self.read(skus)
        recalled = self._recalled(skus) if outage.is_noticed else None
        if recalled is not None:
            return recalled
        try:
            return await self.read(skus)
        except StoreUnavailableError:
            recalled = self._recalled(skus) if outage.is_bridged else None
            if recalled is None:
                raise
            return recalled

    async def read(
        self, skus: Sequence[str], confirmed: Mapping[str, Confirmation] = _NOTHING
    ) -> StockReading:
        """What is held of these SKUs, to be answered in any circumstances.

        `confirmed` is what the ERP has said of some of them just now.

        Raises:
            NotReadyError: the store is cold.
            StoreUnavailableError: the store did not answer.
        """
        asked = list(dict.fromkeys(skus))
        known = self._directory.current
        # Before anything is judged: a store that is away must not pass for one that is cold.
        reading = await self._stock.read(asked)

        def require(directory: Snapshot) -> None:
            directory.require_ready()
            directory.require_epoch(reading.epoch)

        directory = await self._directory.ready_for(require)
        if known is not directory and known.epoch == directory.epoch and known.is_ready:
            # Renewed while we read: what was verified meanwhile may be of a later figure.
            directory = replace(directory, feeds=known.feeds)
        held = dict(zip(asked, reading.stock, strict=True))
        return StockReading(self._rules, directory, held, self._clock_ms(), confirmed)

    def _recalled(self, skus: Sequence[str]) -> StockReading | None:
        """What was known last of these SKUs; None where it is nothing, or of a cold store."""
        directory = self._directory.current
        held = self._stock.recall(list(dict.fromkeys(skus)), directory.epoch)
        if not held or unready(directory.feeds) is not None:
            return None
        # No younger than what the change channel told of: what came later may have changed it.
        as_told = replace(directory, feeds=self._directory.heard.feeds)
        return StockReading(self._rules, as_told, held, self._clock_ms(), last_known=True)


class StockReading:
    """What was held of some SKUs at one moment.

    `last_known`: the store is away, and this is what the worker knew last, of some of them.
    """

    def __init__(
        self,
        rules: SellingRules,
        directory: Snapshot,
        held: Mapping[str, SkuStock | None],
        now_ms: int,
        confirmed: Mapping[str, Confirmation] = _NOTHING,
        *,
        last_known: bool = False,
    ) -> None:
        self._rules = rules
        self._directory = directory
        self._held = held
        self._confirmed = confirmed
        self._now_ms = now_ms
        self._last_known = last_known
        self._now = datetime.fromtimestamp(now_ms / 1000, UTC)
        self._moments: dict[str, Moment] = {}
        self._standpoints: dict[int, Standpoint] = {}

    def require_location(self, name: str, channel: Channel) -> Location:
        """The location of that name, if the channel sells from it.

        Raises:
            UnknownLocationError: there is none.
        """
        return self._directory.location(name, channel.name)

    def product(self, sku: str) -> Product | None:
        """The product of one of the SKUs read, as it is assumed where no record says; or None."""
        stock = self._held[sku]
        return None if stock is None else stock.product or PLAIN_PRODUCT

    def require_stocked(self, sku: str, location: str, channel: Channel) -> None:
        """Return if units of one of the SKUs read may be taken there.

        Where no location was ever given, only those that have it are known.

        Raises:
            UnknownLocationError: the channel does not sell from it, or nobody has heard of it.
        """
        self.require_location(location, channel)
        if not self._directory.locations and location not in self.salable(sku):
            raise UnknownLocationError(location)

    def shipping(self, sku: str, channel: Channel) -> Sequence[str]:
        """The locations from which the channel ships one of the SKUs read, first come first."""
        stock = self._held[sku]
        places = self._directory.locations_of(channel.name, {} if stock is None else stock.levels)
        return [place.location for place in places if place.ships]

    def salable(self, sku: str) -> Mapping[str, Milli]:
        """What may be sold of one of the SKUs read, at each location that has it."""
        stock = self._held[sku]
        levels = {} if stock is None else stock.levels
        return {location: level.salable() for location, level in levels.items()}

    def may_wait(self, sku: str, channel: Channel) -> bool:
        """Whether one of the SKUs read may be ordered though it is not there."""
        product = self.product(sku)
        return product is not None and product.may_wait(self._local_now(channel))

    def require_told(self, sku: str, channel: Channel) -> None:
        """Return if the figure of one of the SKUs read may be told, and so promised from.

        Raises:
            FigureExpiredError: it is too old.
        """
        product = self.product(sku) or PLAIN_PRODUCT
        if not self._rules.freshness_of(product.stock_class).may_refuse:
            return
        answer = self.answer(sku, StockContext(channel, channel.locale, exact=True))
        if isinstance(answer, WithheldSku):
            raise answer.error()

    def is_known(self, sku: str) -> bool:
        """Whether it can be said at all what there is of one of the SKUs asked for."""
        return not self._last_known or sku in self._held

    def answer(self, sku: str, context: StockContext) -> Answer:
        """What may be told of one of the SKUs read."""
        if not self.is_known(sku):
            return WithheldSku(sku, "store-unavailable")
        stock = self._held[sku]
        if stock is None:
            return UnknownSku(sku)
        said = self._confirmed.get(sku)
        # Where it has nothing on the SKU, it has not confirmed that there is nothing.
        confirmed = said.read if said is not None and said.read else None
        answer = Answering(self._standpoint(context), stock, confirmed).answer(sku)
        if self._last_known and isinstance(answer, StockAnswer):
            return replace(answer, last_known=True, lasting=None)
        return answer

    def explanation(self, sku: str, context: StockContext) -> StockExplanation:
        """What the answer to a stranger is made of, of one of the SKUs read.

        Raises:
            UnknownSkuError: nothing is known of it.
            StoreUnavailableError: the store is away, and nothing was known of it before.
        """
        if not self.is_known(sku):
            raise StoreUnavailableError("the store is away")
        stock = self._held[sku]
        if stock is None:
            raise UnknownSkuError(sku)
        explaining = Explaining(self._standpoint(context), stock)
        return explaining.explanation(self.answer(sku, context))

    def _standpoint(self, context: StockContext) -> Standpoint:
        found = self._standpoints.get(id(context))
        if found is None:
            found = Standpoint(self._rules, self._directory, context, self._moment(context.channel))
            # It holds the context, so nothing else gets its id.
            self._standpoints[id(context)] = found
        return found

    def _local_now(self, channel: Channel) -> datetime:
        return self._moment(channel).local_now

    def _moment(self, channel: Channel) -> Moment:
        moment = self._moments.get(channel.name)
        if moment is None:
            moment = self._moments[channel.name] = moment_of(channel, self._now_ms, self._now)
        return moment
