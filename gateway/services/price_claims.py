"""What a price token says: the claims that are signed of a checkout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.domain.money import LineAmounts, amount_text, price_text
from gateway.domain.quantities import to_number
from gateway.services.price_lines import PriceAnswer, PricedLine


def claims_of(
    priced: PriceAnswer, lines: Iterable[PricedLine], totals: LineAmounts
) -> dict[str, Any]:
    """Who was told which prices, and when they end. Amounts are decimal text, as in answers."""
    digits = priced.digits

    def amounts(of: LineAmounts, prefix: str) -> dict[str, str]:
        return {
            prefix + "net": amount_text(of.net, digits),
            prefix + "tax": amount_text(of.tax, digits),
            prefix + "gross": amount_text(of.gross, digits),
        }

    return {
        "customer": None if priced.customer is None else priced.customer.customer,
        "channel": priced.channel.name,
        "currency": priced.currency,
        "lines": [
            {
                "sku": line.sku,
                "quantity": to_number(line.quantity),
                "unit_price": price_text(line.price.unit_price, digits),
                "tax_included": line.price.tax_included,
                "price_list": line.price.price_list,
                "valid_until": _second(line.price.valid_until_ms),
                **amounts(line.amounts, "line_"),
            }
            for line in lines
        ],
        "totals": amounts(totals, ""),
    }


def _second(moment_ms: int | None) -> int | None:
    """A moment as tokens have it: whole seconds since the epoch."""
    return None if moment_ms is None else moment_ms // 1000
