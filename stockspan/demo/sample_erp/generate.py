"""All rows of the sample ERP, from `catalogue.toml` and a seed: the same seed, the same rows.

Only the dates move: what is expected or announced lies ahead of the `today` that is given.
"""

from __future__ import annotations

import itertools
import random
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from stockspan.demo.sample_erp.rows import (
    Balance,
    Group,
    Item,
    Order,
    OrderLine,
    Rows,
    Warehouse,
)

SEED: Final = 20_261_121
_FIRST_NUMBER: Final = 100
_LINES_AN_ORDER: Final = 12
_HISTORY_SECONDS: Final = 90 * 86_400

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
    catalogue = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text("utf-8"))
    generator = _Generator(random.Random(seed), today)
    for warehouse in catalogue["warehouses"]:
        generator.add_warehouse(warehouse)
    for group in catalogue["groups"]:
        generator.rows.groups.append(Group(group["code"], group["name"]))
    for place, article in enumerate(catalogue["front_page"], start=1):
        generator.add_front_page(article, place)
    for group in catalogue["groups"]:
        for family in group["families"]:
            generator.add_family(group["code"], family)
    return generator.rows


class _Generator:
    """Adds to `rows`, drawing every chance from one source in a fixed order."""

    def __init__(self, chance: random.Random, today: date) -> None:
        self.rows = Rows()
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
        zero = Decimal(0)
        for warehouse, on_hand in zip(self.rows.warehouses, data["stock"], strict=True):
            code, figure = warehouse.warehouse_code, _decimal(on_hand)
            balance = Balance(item.item_no, code, figure, zero, zero, self._earlier())
            self.rows.balances.append(balance)
        if "due" in data:
            due_in, amount = data["due"]
            self._order(item, _decimal(amount), due_in)

    def add_family(self, group: str, family: dict[str, Any]) -> None:
        """One article for each combination of the family's options."""
        for words in _combinations(family["options"]):
            name = family["name"].format_map(words)
            item = self._family_item(group, name, family)
            self.rows.items.append(item)
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
        return Item(
            item_no=f"{group}-{number}",
            description=name,
            group_code=group,
            unit=data.get("unit", "EA"),
            life_cycle=life_cycle,
            launch_date=None if announced_in is None else self._day(announced_in),
            purchase_lead_days=data.get("lead", 7),
            procure_to_order=False,
            min_order_quantity=multiple,
            quantity_multiple=multiple,
            vat_percent=Decimal(21),
            handling_class=data.get("class"),
            abc_class="C",
            front_page=None,
            changed_at=self._earlier(),
        )

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
        midnight = datetime.combine(self._today, time(), UTC)
        return midnight - timedelta(seconds=self._chance.randrange(_HISTORY_SECONDS))

    def _day(self, days: int) -> date:
        return self._today + timedelta(days=days)


def _combinations(options: dict[str, list[str]]) -> Iterator[dict[str, str]]:
    for words in itertools.product(*options.values()):
        yield dict(zip(options, words, strict=True))


def _step(item: Item) -> Decimal:
    return item.quantity_multiple or Decimal(1)


def _decimal(value: float) -> Decimal:
    return Decimal(str(round(value, 3)))
