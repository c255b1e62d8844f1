"""What is shown of SKUs: as it was kept, where it was; read, written down and kept, where not.

Strangers alone are answered from what was kept, and nothing is kept but what strangers may see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final

import msgspec

from gateway.api import stock_fragments
from gateway.api.caching import Verified
from gateway.api.stock_fragments import Told
from gateway.observability.readings import NearCacheReading
from gateway.services.kept_answers import KeptAnswers, Shown
from gateway.services.lookups import StockLookups
from gateway.services.stock_answers import (
    Answer,
    Circumstances,
    StockAnswer,
    StockContext,
    UnknownSku,
    WithheldSku,
)
from gateway.turns import Turns

Item = Shown | UnknownSku | WithheldSku

_AT_ONCE: Final = 128
"""SKUs of a request that are looked up together: whoever asks for a thousand does not keep the loop
from others while all of them are written down for the store."""


class Question(msgspec.Struct, frozen=True):
    """SKUs, and the circumstances in which they are asked for."""

    skus: Sequence[str]
    context: StockContext


class Showing:
    """Looks up, and remembers."""

    def __init__(
        self, lookups: StockLookups, kept: KeptAnswers, turns: Turns, clock_ms: Callable[[], int]
    ) -> None:
        self._lookups = lookups
        self._turns = turns
        self._kept = kept
        self._clock_ms = clock_ms
        self._hits = self._misses = 0

    def reading(self) -> NearCacheReading:
        """How much of what strangers asked was at hand."""
        kept = self._kept
        return NearCacheReading(kept.may_tell, kept.entries, self._hits, self._misses)

    async def items(self, skus: Sequence[str], context: StockContext) -> list[Item]:
        """One item for each SKU, in the order asked.

        Raises:
            NotReadyError: the store is cold.
            StoreUnavailableError: the store did not answer.
            UnknownLocationError: no such location serves the channel.
        """
        items = {} if context.exact else self._told(skus, context.circumstances)
        missing = [sku for sku in dict.fromkeys(skus) if sku not in items]
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            (looked_up,) = await self.looked_up([Question(some, context)])
            items.update(zip(some, looked_up, strict=True))
        return [items[sku] for sku in skus]

    async def looked_up(self, questions: Sequence[Question]) -> list[list[Item]]:
        """The same for several at once, without a look at what was kept; each SKU is read once."""
        ticket = self._kept.ticket()
        every = dict.fromkeys(chain.from_iterable(question.skus for question in questions))
        reading = await self._lookups.look(list(every))
        items: list[list[Item]] = []
        for question in questions:
            context = question.context
            if context.location is not None:
                reading.require_location(context.location, context.channel)
            mine = None if context.exact else ticket
            self._misses += 0 if context.exact else len(question.skus)
            shown: list[Item] = []
            async for some in self._turns.portions(question.skus):
                answers = [reading.answer(sku, context) for sku in some]
                shown += [self._item(answer, context, mine) for answer in answers]
            items.append(shown)
        return items

    def kept(self, skus: Sequence[str], circumstances: Circumstances) -> Told | None:
        """All of these SKUs as they were kept; None where some were not."""
        kept, now_ms = self._kept, self._clock_ms()
        if not kept.may_tell:
            return None
        sheet = kept.sheet(circumstances, now_ms)
        texts = None if sheet is None else sheet.texts(skus)
        if sheet is not None and texts is not None:
            digests = [sheet.digests[sku] for sku in skus]
            self._hits += len(skus)
            fresh_until_ms = sheet.as_of_ms + sheet.fresh_for_ms
            return Told(texts, digests, Verified(sheet.as_of_ms, now_ms, fresh_until_ms))
        found = kept.find(skus, circumstances, now_ms)
        shown = [item for item in found if item is not None]
        if len(shown) < len(found):
            return None
        self._hits += len(shown)
        told = stock_fragments.told(shown, now_ms)
        kept.write_out(shown, told.texts, circumstances, now_ms)
        return told

    def is_unknown(self, sku: str) -> bool:
        """Whether this SKU was unknown just now."""
        return self._kept.may_tell and self._kept.is_unknown(sku, self._clock_ms())

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
        self._hits += len(items)
        return items

    def _item(self, answer: Answer, context: StockContext, ticket: int | None) -> Item:
        """An answer as it is shown; kept, if it was read with a ticket."""
        if isinstance(answer, StockAnswer):
            item = stock_fragments.shown(answer, judged=context.quantity is not None)
            if ticket is not None:
                self._kept.keep(answer, item, context.circumstances, ticket)
            return item
        if ticket is not None and isinstance(answer, UnknownSku):
            self._kept.keep_unknown(answer.sku, ticket)
        return answer
