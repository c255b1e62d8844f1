"""Price rows of which only the smaller list id says which one counts.

Such a pair costs nobody money, the price is the same, but somebody maintains it twice, and the
next change of one of them decides for both. Listed by `stockspan check`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from gateway.domain.customers import Customer
from gateway.domain.money import minor_digits, percent_text, price_text
from gateway.domain.price_lists import EVERYTHING, PriceList, PriceRow, Scope
from gateway.domain.quantities import to_number
from loaders.seen import KeySet

SHOWN: Final = 100
_COUNTED: Final = 10_000

_SCOPE_NAMES: Final = {Scope.SKU: "sku", Scope.PRODUCT_GROUP: "product_group"}

Key = tuple[object, ...]


class Buyers:
    """For whom each list is, as far as customers and their groups say; None: for everybody."""

    def __init__(self, customers: Iterable[Customer]) -> None:
        self._namers: defaultdict[str, set[str]] = defaultdict(set)
        self._members: defaultdict[str, set[str]] = defaultdict(set)
        for customer in customers:
            for price_list in customer.price_lists:
                self._namers[price_list].add(customer.customer)
            for group in customer.groups:
                self._members[group].add(customer.customer)

    def of(self, head: PriceList) -> frozenset[str] | None:
        """The customers of a list (`PriceList.applies_to`), its channels left aside."""
        named = head.customers | self._namers.get(head.price_list, set())
        if head.groups:
            members = frozenset().union(*(self._members.get(name, ()) for name in head.groups))
            return members & named if head.customers else members
        if head.customers:
            return named
        return None if head.may_be_for_anyone else named


class Ties:
    """Finds the pairs among the rows of these lists, in two passes over the rows.

    The first remembers eight bytes a row, the second only rows that are like another one.
    """

    def __init__(
        self, heads: Mapping[str, PriceList], buyers: Buyers, *, by_rank: bool = False
    ) -> None:
        self._heads = heads
        self._buyers = {name: buyers.of(head) for name, head in heads.items()}
        self._by_rank = by_rank
        self.contested = self._with_rivals()
        """The lists of whose rows another list may have the like for the same customer."""
        self._once = KeySet()
        self._alike: KeySet | None = None
        self._rows: defaultdict[Key, list[PriceRow]] = defaultdict(list)

    def first_pass(self, rows: Iterable[PriceRow]) -> None:
        """Look at each row once."""
        for row in rows:
            if row.price_list in self.contested:
                self._once.add(self._key(row))

    def second_pass(self, rows: Iterable[PriceRow]) -> None:
        """Look at each row again, when the first pass is through."""
        # None is "not yet"; that no row is like another is soon known, and remembered too.
        if self._alike is None:
            self._alike = self._once.repeated()
        alike = self._alike
        for row in rows:
            if row.price_list in self.contested:
                key = self._key(row)
                if key in alike:
                    self._rows[key].append(row)

    def lines(self) -> list[str]:
        """A line for each pair, a hundred at most."""
        shown: list[str] = []
        more = 0
        for pair in self._pairs():
            if len(shown) < SHOWN:
                shown.append(self._line(*pair))
            else:
                more += 1
                if more == _COUNTED:
                    break
        if more:
            shown.append(f"… and {'at least ' if more == _COUNTED else ''}{more} more")
        return shown

    def _with_rivals(self) -> frozenset[str]:
        classes: defaultdict[Key, list[str]] = defaultdict(list)
        for name, head in self._heads.items():
            if self._buyers[name] != frozenset():
                classes[head.currency, head.layer, head.priority].append(name)
        contested: set[str] = set()
        for names in classes.values():
            if any(self._buyers[name] is None for name in names):
                contested.update(names if len(names) > 1 else ())
                continue
            lists = Counter(buyer for name in names for buyer in self._buyers[name] or ())
            contested.update(
                name for name in names if any(lists[b] > 1 for b in self._buyers[name] or ())
            )
        return frozenset(contested)

    def _key(self, row: PriceRow) -> Key:
        """What is compared before the list's id: rows with the same differ by that alone."""
        head = self._heads[row.price_list]
        return (
            head.currency,
            head.layer,
            head.priority,
            row.target.scope,
            row.target.name,
            row.min_quantity,
            row.unit_price,
            row.discount_percent,
            row.rank if self._by_rank else None,
        )

    def _pairs(self) -> Iterator[tuple[PriceRow, PriceRow]]:
        for found in self._rows.values():
            # A scan may have come by a row twice.
            rows = sorted(set(found), key=lambda row: (row.price_list, row.validity.from_ms or 0))
            before: list[PriceRow] = []
            for_all: list[PriceRow] = []
            by_buyer: defaultdict[str, list[PriceRow]] = defaultdict(list)
            for row in rows:
                buyers = self._buyers[row.price_list]
                rivals = [before] if buyers is None else [for_all, *(by_buyer[b] for b in buyers)]
                met = {
                    rival.price_list: rival
                    for some in rivals
                    for rival in some
                    if self._meet(rival, row)
                }
                for rival in met.values():
                    yield rival, row
                before.append(row)
                if buyers is None:
                    for_all.append(row)
                for buyer in buyers or ():
                    by_buyer[buyer].append(row)

    def _meet(self, one: PriceRow, other: PriceRow) -> bool:
        """Whether both may count at one moment in one channel."""
        if one.price_list == other.price_list:
            return False
        first, second = self._heads[one.price_list], self._heads[other.price_list]
        if first.channels and second.channels and first.channels.isdisjoint(second.channels):
            return False
        # Spans of time of which each two meet have a moment in common.
        spans = (one.validity, other.validity, first.validity, second.validity)
        return all(a.meets(b) for at, a in enumerate(spans) for b in spans[at + 1 :])

    def _line(self, one: PriceRow, other: PriceRow) -> str:
        head = self._heads[one.price_list]
        target = one.target
        scope = _SCOPE_NAMES.get(target.scope)
        what = "all products" if target == EVERYTHING else f"{scope} {target.name}"
        if one.unit_price is None:
            price = f"{percent_text(one.discount_percent or 0)} % off"
        else:
            price = f"{price_text(one.unit_price, minor_digits(head.currency) or 0)}"
        return (
            f"price lists {one.price_list} and {other.price_list} ({head.layer}, {head.currency}, "
            f"priority {head.priority}) both say {price} for {what} from "
            f"{to_number(one.min_quantity)}: only the smaller id decides"
        )
