"""Rules on quantities: the least, the most, and the step in which a product is sold."""

from __future__ import annotations

import msgspec

from gateway.domain.quantities import Milli
from gateway.domain.stock import Product


class Rule(msgspec.Struct, frozen=True):
    """One rule of a product, and whether a quantity keeps it; without a limit it is none."""

    limit: Milli | None
    kept: bool


class QuantityRules(msgspec.Struct, frozen=True):
    """A quantity held against a product's rules.

    `nearest` is the quantity closest to it that keeps them all, the higher of two as close;
    None where no quantity does.
    """

    min_order_quantity: Rule
    order_multiple: Rule
    max_order_quantity: Rule
    nearest: Milli | None

    @property
    def kept(self) -> bool:
        """Whether all of them are kept."""
        return (
            self.min_order_quantity.kept
            and self.order_multiple.kept
            and self.max_order_quantity.kept
        )


def judge_quantity(product: Product, quantity: Milli) -> QuantityRules:
    """Hold a quantity above zero against the product's rules."""
    least, step, most = (
        product.min_order_quantity,
        product.order_multiple,
        product.max_order_quantity,
    )
    return QuantityRules(
        Rule(least or None, quantity >= least),
        Rule(step or None, not step or quantity % step == 0),
        Rule(most, most is None or quantity <= most),
        _nearest(quantity, least, step, most),
    )


def _nearest(quantity: Milli, least: Milli, step: Milli, most: Milli | None) -> Milli | None:
    step = step or 1
    # In steps: the first and the last allowed, and the two around what was asked for.
    first = max(1, -(-least // step))
    last = None if most is None else most // step
    if last is not None and last < first:
        return None
    below, above = quantity // step, -(-quantity // step)
    closer = above if above * step - quantity <= quantity - below * step else below
    closer = max(first, closer)
    return (closer if last is None else min(last, closer)) * step
