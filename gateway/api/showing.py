"""What is shown of SKUs: as it was kept, where it was; read, written down and kept, where not.

Strangers alone are answered from what was kept, and nothing is kept but what strangers may see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gateway.api import stock_fragments
from gateway.services.kept_answers import KeptAnswers, Shown
from gateway.services.lookups import StockLookups
from gateway.services.stock_answers import (
    Circumstances,
    StockAnswer,
    StockContext,
    UnknownSku,
    WithheldSku,
)

Item = Shown | UnknownSku | WithheldSku


class Showing:
    """Looks up, and remembers."""

    def __init__(
        self, lookups: StockLookups, kept: KeptAnswers, clock_ms: Callable[[], int]
    ) -> None:
        self._lookups = lookups
        self._kept = kept
        self._clock_ms = clock_ms

    async def items(self, skus: Sequence[str], context: StockContext) -> list[Item]:
        """One item for each SKU, in the order asked.

        Raises:
            NotReadyError: the store is cold.
            StoreUnavailableError: the store did not answer.
            UnknownLocationError: no such location serves the channel.
        """
        items = {} if context.exact else self._told(skus, context.circumstances)
        asked = [sku for sku in dict.fromkeys(skus) if sku not in items]
        if asked:
            items.update(await self._looked_up(asked, context))
        return [items[sku] for sku in skus]

    def kept(self, skus: Sequence[str], circumstances: Circumstances) -> list[Shown] | None:
        """All of these SKUs as they were kept; None where some were not."""
        if not self._kept.may_tell:
            return None
        found = self._kept.find(skus, circumstances, self._clock_ms())
        shown = [item for item in found if item is not None]
        return shown if len(shown) == len(found) else None

    def _told(self, skus: Sequence[str], circumstances: Circumstances) -> dict[str, Item]:
        """Those of these SKUs that were kept."""
        if not self._kept.may_tell:
            return {}
        now_ms = self._clock_ms()
        found = self._kept.find(skus, circumstances, now_ms)
        items: dict[str, Item] = {
            sku: shown for sku, shown in zip(skus, found, strict=True) if shown is not None
        }
        _, _, location, _, _ = circumstances
        if location is None:
            # With a location it is to be seen first whether there is such a place.
            for sku in skus:
                if sku not in items and self._kept.is_unknown(sku, now_ms):
                    items[sku] = UnknownSku(sku)
        return items

    async def _looked_up(self, skus: Sequence[str], context: StockContext) -> Mapping[str, Item]:
        ticket = None if context.exact else self._kept.ticket()
        circumstances = context.circumstances
        judged = context.quantity is not None
        items: dict[str, Item] = {}
        for answer in await self._lookups.answer(skus, context):
            if isinstance(answer, StockAnswer):
                item = stock_fragments.shown(answer, judged=judged)
                items[answer.sku] = item
                if ticket is not None:
                    self._kept.keep(answer, item.fragment, circumstances, ticket)
            else:
                items[answer.sku] = answer
                if ticket is not None and isinstance(answer, UnknownSku):
                    self._kept.keep_unknown(answer.sku, ticket)
        return items
