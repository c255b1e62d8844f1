"""Having the ERP confirm a cart: of which SKUs it is asked, and what that came to for each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from gateway.domain.confirmations import UNASKED, Confirm, Confirmation, Unconfirmed, could_turn
from gateway.domain.quantities import Milli
from gateway.services.cart_lines import CartLine
from gateway.services.lookups import StockReading
from gateway.services.selling import Channel, SellingRules
from gateway.services.stock_answers import StockAnswer

DEFAULT_MS: Final = 300
LONGEST_MS: Final = 5_000
"""How long a caller may have the ERP waited for."""


class Erp(Protocol):
    """Who can have the ERP asked."""

    async def ask(self, skus: Iterable[str], seconds: float) -> Mapping[str, Confirmation]:
        """What it says of each SKU from now on; waits so long and no longer, fails never."""


class Confirming:
    """Decides what is worth a question; what it came to is counted, line by line, in `outcomes`."""

    def __init__(self, erp: Erp, rules: SellingRules) -> None:
        self._erp = erp
        self._rules = rules
        self.outcomes = Counter[str]()

    async def confirm(self, skus: Sequence[str], seconds: float) -> Mapping[str, Confirmation]:
        """What the ERP says of these within so long; without any nobody is asked."""
        if not skus:
            return {}
        if seconds <= 0:
            return dict.fromkeys(skus, Confirmation(refused=Unconfirmed.DEADLINE))
        return await self._erp.ask(skus, seconds)

    def worth_asking(
        self,
        confirm: Confirm,
        channel: Channel,
        reading: StockReading,
        judged: Sequence[tuple[CartLine, StockAnswer | None]],
    ) -> list[str]:
        """The SKUs to ask for: of those that are known here all, or those that are low."""
        if confirm is Confirm.NEVER:
            return []
        wanted = Counter[str]()
        for line, _ in judged:
            wanted[line.sku] += line.quantity
        found: dict[str, None] = {}
        for line, stock in judged:
            if stock is None:
                continue
            few_below = self._few_below(channel, reading, line.sku)
            low = could_turn(stock.salable or 0, few_below, wanted[line.sku])
            if low or confirm is Confirm.ALWAYS:
                found[line.sku] = None
        return list(found)

    def came_to(self, stock: StockAnswer | None, said: Confirmation | None) -> Unconfirmed | None:
        """Why a line's figure is not confirmed; None where it is."""
        reason = _why_not(stock, said)
        self.outcomes["confirmed" if reason is None else reason] += 1
        return reason

    def _few_below(self, channel: Channel, reading: StockReading, sku: str) -> Milli:
        product = reading.product(sku)
        stock_class = None if product is None else product.stock_class
        return self._rules.span_policy(channel.name, stock_class).few_below


def _why_not(stock: StockAnswer | None, said: Confirmation | None) -> Unconfirmed | None:
    if stock is not None and stock.confirmed:
        return None
    if stock is None or said is None:
        return UNASKED.refused
    return said.refused or Unconfirmed.PARTLY
