"""Buyers: for whom a price is looked up, and which lists are for them.

Almost every request is by one of few customers: what was found out of one is kept until a head or
the customer itself changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from gateway.domain.customers import Customer
from gateway.domain.price_lists import Layer, PriceList

BuyerKey = tuple[str | None, str, str, bool]
"""Whose prices, where: customer, channel, currency, and whether base prices alone are told."""


class Buyer(msgspec.Struct, frozen=True, eq=False):
    """Who buys where in which currency; None is nobody in particular.

    `lists` are those that apply, by id: of the currency, valid or not, as of one `version` of the
    heads.
    """

    customer: Customer | None
    channel: str
    currency: str
    lists: Mapping[str, PriceList]
    version: int

    def lists_among(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of these lists that apply."""
        return tuple([name for name in names if name in self.lists])


class Heads:
    """The heads of all price lists, found by whom they name."""

    def __init__(self, version: int = 0) -> None:
        self.version = version
        self._heads: dict[str, PriceList] = {}
        self._open: dict[str, PriceList] = {}
        self._by_customer: dict[str, dict[str, PriceList]] = {}
        self._by_group: dict[str, dict[str, PriceList]] = {}

    def __len__(self) -> int:
        return len(self._heads)

    def get(self, price_list: str) -> PriceList | None:
        """The head of that list, if there is one."""
        return self._heads.get(price_list)

    def add(self, heads: Iterable[PriceList]) -> None:
        """These are there too; for an index that is being made."""
        for head in heads:
            self._add(head)

    def update(self, asked: Iterable[str], heads: Mapping[str, PriceList]) -> None:
        """Those that were asked for are now so; one that is not in `heads` is gone."""
        for price_list in asked:
            self._drop(price_list)
            if price_list in heads:
                self._add(heads[price_list])
        self.version += 1

    def buyer(
        self, customer: Customer | None, channel: str, currency: str, *, base_only: bool
    ) -> Buyer:
        """The buyer with all lists that apply."""
        lists = {
            head.price_list: head
            for head in self._naming(customer)
            if head.currency == currency
            and (head.layer is Layer.BASE or not base_only)
            and head.applies_to(customer, channel)
        }
        return Buyer(customer, channel, currency, lists, self.version)

    def _naming(self, customer: Customer | None) -> Iterator[PriceList]:
        """Every list that might apply; some of them twice."""
        yield from self._open.values()
        if customer is None:
            return
        yield from self._by_customer.get(customer.customer, {}).values()
        for group in customer.groups:
            yield from self._by_group.get(group, {}).values()
        for price_list in customer.price_lists:
            head = self._heads.get(price_list)
            if head is not None:
                yield head

    def _add(self, head: PriceList) -> None:
        name = head.price_list
        self._heads[name] = head
        for index, key in self._places(head):
            index.setdefault(key, {})[name] = head
        if head.may_be_for_anyone:
            self._open[name] = head

    def _drop(self, price_list: str) -> None:
        head = self._heads.pop(price_list, None)
        if head is None:
            return
        self._open.pop(price_list, None)
        for index, key in self._places(head):
            named = index[key]
            del named[price_list]
            if not named:
                del index[key]

    def _places(self, head: PriceList) -> Iterator[tuple[dict[str, dict[str, PriceList]], str]]:
        # A list that names customers applies to none but them: its groups narrow it further.
        for customer in head.customers:
            yield self._by_customer, customer
        if not head.customers:
            for group in head.groups:
                yield self._by_group, group
