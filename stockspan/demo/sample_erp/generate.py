"""All rows of the sample ERP, from what is in the .toml files and a seed: the same seed, the
same rows. Here are the articles, their stock and what is on order; `trade` adds the rest.

Only the dates move: what is expected or announced lies ahead of the `today` that is given.
"""

from __future__ import annotations

import itertools
import random
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from stockspan.demo.sample_erp.history import earlier
from stockspan.demo.sample_erp.list_prices import family_price, list_price
from stockspan.demo.sample_erp.past_orders import add_past_orders
from stockspan.demo.sample_erp.rows import (
    Balance,
    Group,
    Item,
    Order,
    OrderLine,
    Rows,
    Warehouse,
)
from stockspan.demo.sample_erp.trade import add_trade

SEED: Final = 20_261_121
_FIRST_NUMBER: Final = 100
_LINES_AN_ORDER: Final = 12

# Shares of all articles, between 0 and 1.
_TO_ORDER: Final = 0.07
_NEVER_STOCKED: Final = 0.01
_SOLD_OUT: Final = 0.08
_SOLD_OUT_LAST: Final = 0.5  # of those that are phased out
_WITH_RESERVED: Final = 0.3
_SUPPLIED: Final = 0.15
_SUPPLIED_LOW: Final = 0.7  # of those with less than half of their usual stock

# A location's part of the usual stock, and how many of all articles it keeps.
_WAREHOUSES: Final = {"W1": (1.0, 1.0), "W2": (0.4, 0.85)}
_STORES: Final = (0.06, 0.45)
_SPREAD: Final = 0.7

_SUPPLIERS: Final = (
    "Rhein Tools",
    "Baltic Fixings",
    "Delta Cable",
    "Alpine Works",
    "Oresund Trade",
)


def generate(today: date, seed: int = SEED) -> Rows:
    """The whole ERP as it stands on `today`."""
    catalogue, trade = _data("catalogue.toml"), _data("trade.toml")
    generator = _Generator(random.Random(seed), today, trade["ranges"])
    for warehouse in catalogue["warehouses"]:
        generator.add_warehouse(warehouse)
    for group in catalogue["groups"]:
        generator.add_group(group)
    for place, article in enumerate(catalogue["front_page"], start=1):
        generator.add_front_page(article, place)
    for group in catalogue["groups"]:
        for family in group["families"]:
            generator.add_family(group, family)
    # Sources of chance of their own: other prices leave the stock as it is.
    add_trade(generator.rows, generator.prices, trade, random.Random(seed + 1), today)
    add_past_orders(generator.rows, random.Random(seed + 2), today)
    return generator.rows


def _data(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(name).read_text("utf-8"))


class _Generator:
    """Adds to `rows` and `prices` (in EUR), drawing every chance in a fixed order."""

    def __init__(
        self, chance: random.Random, today: date, ranges: Sequence[dict[str, Any]]
    ) -> None:
        self.rows = Rows()
        self.prices: dict[str, Decimal] = {}
        self._ranges = ranges
        self._discount_groups: dict[str, str] = {}
        self._chance = chance
        self._today = today
        self._numbers: Counter[str] = Counter()

    def add_warehouse(self, data: dict[str, Any]) -> None:
        store = data.get("store", False)
        self.rows.warehouses.append(
            Warehouse(
                warehouse_code=data["code"],
                description=data["name"],
                is_store=store,
                pick_days=data.get("pick_days", 0),
                ships=not store,
                collect=store,
                pick_sequence=data["sequence"],
            )
        )

    def add_group(self, data: dict[str, Any]) -> None:
        self.rows.groups.append(Group(data["code"], data["name"]))
        self._discount_groups[data["code"]] = data["discount_group"]

    def add_front_page(self, data: dict[str, Any], place: int) -> None:
        """An article with its figures as written; the purchase order arrives at the first place."""
        life_cycle, days = "active", data.get("announced_in")
        if days is not None:
            life_cycle = "announced"
        elif data.get("ends"):
            life_cycle = "phase_out"
        item = self._item(
            data["group"], data["name"], data, life_cycle=life_cycle, announced_in=days
        )
        item = item._replace(
            procure_to_order=data.get("backorder", False),
            abc_class=data.get("abc", "C"),
            front_page=place,
        )
        self.rows.items.append(item)
        self.prices[item.item_no] = Decimal(str(data["price"]))
        zero = Decimal(0)
        for warehouse, on_hand in zip(self.rows.warehouses, data["stock"], strict=True):
            code, figure = warehouse.warehouse_code, _decimal(on_hand)
            balance = Balance(item.item_no, code, figure, zero, zero, self._earlier())
            self.rows.balances.append(balance)
        if "due" in data:
            due_in, amount = data["due"]
            self._order(item, _decimal(amount), due_in)

    def add_family(self, group: dict[str, Any], family: dict[str, Any]) -> None:
        """One article for each combination of the family's options."""
        for words in _combinations(family["options"]):
            name = family["name"].format_map(words)
            item = self._family_item(group["code"], name, family)
            self.rows.items.append(item)
            self.prices[item.item_no] = list_price(family_price(family, words))
            self._stock_and_supply(item, family["stock"])

    def _family_item(self, group: str, name: str, family: dict[str, Any]) -> Item:
        life_cycle = self._chance.choices(["active", "phase_out", "announced"], [96, 3, 1])[0]
        announced_in = self._chance.randint(10, 60) if life_cycle == "announced" else None
        item = self._item(group, name, family, life_cycle=life_cycle, announced_in=announced_in)
        return item._replace(
            procure_to_order=life_cycle == "active" and self._chance.random() < _TO_ORDER,
            abc_class=self._chance.choices(["A", "B", "C"], [10, 30, 60])[0],
        )

    def _item(
        self,
        group: str,
        name: str,
        data: dict[str, Any],
        *,
        life_cycle: str,
        announced_in: int | None,
    ) -> Item:
        number = _FIRST_NUMBER + self._numbers[group]
        self._numbers[group] += 1
        multiple = _decimal(data.get("multiple", 0))
        maximum = data.get("maximum")
        return Item(
            item_no=f"{group}-{number}",
            description=name,
            group_code=group,
            unit=data.get("unit", "EA"),
            life_cycle=life_cycle,
            launch_date=None if announced_in is None else self._day(announced_in),
            purchase_lead_days=data.get("lead", 7),
            procure_to_order=False,
            min_order_quantity=max(_decimal(data.get("minimum", 0)), multiple),
            quantity_multiple=multiple,
            max_order_quantity=None if maximum is None else _decimal(maximum),
            discount_group=None if data.get("net") else self._discount_groups[group],
            sales_range=self._range(name),
            vat_percent=Decimal(21),
            handling_class=data.get("class"),
            abc_class="C",
            front_page=None,
            changed_at=self._earlier(),
        )

    def _range(self, name: str) -> str | None:
        for entry in self._ranges:
            if any(all(word in name for word in words) for words in entry["words"]):
                return str(entry["code"])
        return None

    def _stock_and_supply(self, item: Item, usual: float) -> None:
        if self._chance.random() < _NEVER_STOCKED:
            return
        sold_out = _SOLD_OUT_LAST if item.life_cycle == "phase_out" else _SOLD_OUT
        empty = item.life_cycle == "announced" or self._chance.random() < sold_out
        total = Decimal(0)
        for warehouse in self.rows.warehouses:
            balance = self._balance(item, warehouse, 0 if empty else usual)
            if balance is not None:
                total += balance.on_hand
                self.rows.balances.append(balance)
        low = total < _decimal(usual) / 2
        if item.life_cycle != "phase_out" and self._chance.random() < (
            _SUPPLIED_LOW if low else _SUPPLIED
        ):
            self._supply(item, usual)

    def _balance(self, item: Item, warehouse: Warehouse, usual: float) -> Balance | None:
        share, kept = _WAREHOUSES.get(warehouse.warehouse_code, _STORES)
        if self._chance.random() > kept:
            return None
        on_hand = self._rounded(item, usual * share * self._chance.lognormvariate(0, _SPREAD))
        reserved = safety = Decimal(0)
        if self._chance.random() < _WITH_RESERVED:
            reserved = self._rounded(item, float(on_hand) * 0.1)
        if item.abc_class == "A" and not warehouse.is_store:
            safety = self._rounded(item, usual * share * 0.05)
        code, changed_at = warehouse.warehouse_code, self._earlier()
        return Balance(item.item_no, code, on_hand, reserved, safety, changed_at)

    def _supply(self, item: Item, usual: float) -> None:
        first = self._chance.randint(1, 21)
        if item.launch_date is not None:
            first = (item.launch_date - self._today).days + 1
        for later in range(self._chance.choice([1, 1, 2])):
            amount = self._rounded(item, usual * self._chance.uniform(0.5, 2)) or _step(item)
            self._order(item, amount, first + 14 * later)

    def _order(self, item: Item, quantity: Decimal, days: int) -> None:
        count = len(self.rows.order_lines)
        if count % _LINES_AN_ORDER == 0:
            supplier = _SUPPLIERS[len(self.rows.orders) % len(_SUPPLIERS)]
            number = f"PO-{4000 + len(self.rows.orders)}"
            self.rows.orders.append(Order(number, supplier, self._day(-7)))
        self.rows.order_lines.append(
            OrderLine(
                po_no=self.rows.orders[-1].po_no,
                line_no=count % _LINES_AN_ORDER + 1,
                item_no=item.item_no,
                warehouse_code=self.rows.warehouses[0].warehouse_code,
                open_quantity=quantity,
                expected_on=self._day(days),
            )
        )

    def _rounded(self, item: Item, quantity: float) -> Decimal:
        step = _step(item)
        return _decimal(quantity) // step * step

    def _earlier(self) -> datetime:
        return earlier(self._chance, self._today)

    def _day(self, days: int) -> date:
        return self._today + timedelta(days=days)


def _combinations(options: dict[str, list[str]]) -> Iterator[dict[str, str]]:
    for words in itertools.product(*options.values()):
        yield dict(zip(options, words, strict=True))


def _step(item: Item) -> Decimal:
    return item.quantity_multiple or Decimal(1)


def _decimal(value: float) -> Decimal:
    return Decimal(str(round(value, 3)))
