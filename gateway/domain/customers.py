"""Customers: who buys, and what was agreed with them (CONTRACT 1, `customers`)."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

import msgspec


class CustomerStatus(StrEnum):
    """Whether a customer may buy."""

    ACTIVE = "active"
    CREDIT_HOLD = "credit_hold"
    """Prices are answered; a checkout says so."""
    BLOCKED = "blocked"
    """Nothing exists for them."""


class Customer(msgspec.Struct, frozen=True):
    """One customer. `price_lists` are lists that name them, as if `customers` of the list did."""

    customer: str
    name: str = ""
    groups: frozenset[str] = frozenset()
    price_lists: frozenset[str] = frozenset()
    discount_class: str | None = None
    currency: str | None = None
    channel: str | None = None
    assortments: frozenset[str] = frozenset()
    status: CustomerStatus = CustomerStatus.ACTIVE


def may_see(customer: Customer | None, assortments: Collection[str]) -> bool:
    """Whether a product of these assortments exists for the customer; None is nobody in particular.

    A product that is in none is everybody's; nothing exists for a customer who is blocked.
    """
    if customer is not None and customer.status is CustomerStatus.BLOCKED:
        return False
    if not assortments:
        return True
    return customer is not None and not customer.assortments.isdisjoint(assortments)
