"""Rows of price lists as operations; what repeats from row to row is made once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from gateway.domain.money import Percent, Price
from gateway.domain.price_lists import EVERYTHING, PriceRow, Scope, Target
from gateway.domain.validity import Validity
from gateway.store.price_codec import name_of_row, row_payload
from loaders import fields, spots
from loaders.guard import price_figure
from loaders.operations import Address, Draft, Mark, packed, refuse_in_snapshot
from loaders.reasons import (
    NO_PRICE,
    NO_TARGET,
    PERCENT_IN_BASE,
    TWO_PRICES,
    TWO_TARGETS,
    WrongFieldError,
)
from loaders.records import Exact, PriceRecord

_REMEMBERED: Final = 50_000


class Lists(Protocol):
    """What must be known of a price list whose rows are written."""

    def is_base(self, price_list: str) -> bool:
        """Whether the list is known to be of the layer `base`."""

    def with_skus(self, price_list: str) -> bool:
        """Whether the list's rows for a SKU lie with the SKU."""

    def expect(self, price_list: str) -> None:
        """A row for a SKU of this list is going to be written."""


class PriceOperations:
    """Makes the operations of price rows; their figure is the price (`guard.price_figure`)."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._prices: dict[Exact, Price] = {}
        self._validities: dict[tuple[str | None, str | None], Validity] = {}

    def draft(self, record: PriceRecord, mark: Mark) -> Draft:
        """The operation that writes or deletes a row.

        Raises:
            WrongFieldError: a value is not allowed.
        """
        price_list = fields.identifier("price_list", record.price_list)
        target = _target(record)
        min_quantity = fields.min_quantity(record.min_quantity)
        version = record.version
        if version is not None:
            fields.version(version)
        with_sku = target.scope is Scope.SKU and self._lists.with_skus(price_list)
        if record.delete:
            refuse_in_snapshot(mark)
            from_ms = fields.moment_ms("valid_from", record.valid_from)
            address = _address(price_list, target, min_quantity, from_ms, with_sku=with_sku)
            return address, packed(mark, address[1].encode(), None, version), 0
        validity = self._validity(record.valid_from, record.valid_until)
        price, percent = self._price(record)
        row = PriceRow(
            price_list,
            target,
            min_quantity,
            price,
            percent,
            fields.whole("rank", record.rank),
            validity,
        )
        address = _address(price_list, target, min_quantity, validity.from_ms, with_sku=with_sku)
        operation = packed(mark, address[1].encode(), row_payload(row), version)
        if target.scope is Scope.SKU:
            # Only here: no row that is wrong, and no deletion, decides where a list lies.
            self._lists.expect(price_list)
        return address, operation, price_figure(price, percent)

    def addresses(self, record: PriceRecord) -> Sequence[Address]:
        """Where the row may lie: nothing is decided about its list for the sake of a wrong row.

        Raises:
            WrongFieldError: the key is not allowed.
        """
        price_list = fields.identifier("price_list", record.price_list)
        target = _target(record)
        min_quantity = fields.min_quantity(record.min_quantity)
        from_ms = fields.moment_ms("valid_from", record.valid_from)
        sides = (False, True) if target.scope is Scope.SKU else (False,)
        return [
            _address(price_list, target, min_quantity, from_ms, with_sku=side) for side in sides
        ]

    def _price(self, record: PriceRecord) -> tuple[Price | None, Percent | None]:
        given = record.unit_price
        if record.discount_percent is not None:
            if given is not None:
                raise WrongFieldError("discount_percent", TWO_PRICES)
            percent = fields.discount_percent(record.discount_percent)
            if self._lists.is_base(record.price_list):
                raise WrongFieldError("discount_percent", PERCENT_IN_BASE)
            return None, percent
        if given is None:
            raise WrongFieldError("unit_price", NO_PRICE)
        price = self._prices.get(given)
        if price is None:
            price = fields.unit_price(given)
            if len(self._prices) >= _REMEMBERED:
                self._prices.clear()
            self._prices[given] = price
        return price, None

    def _validity(self, valid_from: str | None, valid_until: str | None) -> Validity:
        given = valid_from, valid_until
        validity = self._validities.get(given)
        if validity is None:
            validity = fields.validity(valid_from, valid_until)
            if len(self._validities) >= _REMEMBERED:
                self._validities.clear()
            self._validities[given] = validity
        return validity


def _target(record: PriceRecord) -> Target:
    """What the row is for. ERPs write "none" as empty text as well, and "not all" as false."""
    sku, group = record.sku, record.product_group
    if sku and not group and not record.all:
        return Target(Scope.SKU, fields.identifier("sku", sku))
    if not sku and not group and not record.all:
        raise WrongFieldError("sku", NO_TARGET)
    if bool(sku) + bool(group) + bool(record.all) > 1:
        raise WrongFieldError("product_group" if sku and group else "all", TWO_TARGETS)
    if group:
        return Target(Scope.PRODUCT_GROUP, fields.class_name("product_group", group))
    return EVERYTHING


def _address(
    price_list: str, target: Target, min_quantity: int, from_ms: int | None, *, with_sku: bool
) -> Address:
    if with_sku:
        name = name_of_row(price_list, min_quantity, from_ms)
        return spots.rows_with_sku(target.name), name
    name = name_of_row(None, min_quantity, from_ms)
    return spots.rows_with_list(price_list, target), name
