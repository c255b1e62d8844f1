"""The customers of the sample ERP: those that are written out in trade.toml, the others drawn."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from stockspan.demo.sample_erp.history import earlier
from stockspan.demo.sample_erp.rows import Customer

CUSTOMERS: Final = 300
_FIRST_NUMBER: Final = 10_001

_CLASSES: Final = ("A", "B", "C", None)
_CLASS_SHARES: Final = (15, 30, 35, 20)
_STATES: Final = ("good", "hold", "closed")
_STATE_SHARES: Final = (94, 4, 2)
_WITH_RANGE: Final = 0.7  # of those in a group that a closed range is for


def customers(trade: dict[str, Any], chance: random.Random, today: date) -> Iterator[Customer]:
    """All of them, numbered from 10001."""
    drawing = _Drawing(trade, chance, today)
    written = trade["customers"]
    for place in range(CUSTOMERS):
        number = _FIRST_NUMBER + place
        if place < len(written):
            yield drawing.written(number, written[place])
        else:
            yield drawing.drawn(number)


class _Drawing:
    def __init__(self, trade: dict[str, Any], chance: random.Random, today: date) -> None:
        self._trade = trade
        self._chance = chance
        self._today = today
        self._names = {customer["name"] for customer in trade["customers"]}

    def written(self, number: int, data: dict[str, Any]) -> Customer:
        country = next(c for c in self._trade["countries"] if c["code"] == data["country"])
        return Customer(
            customer_no=number,
            company_name=data["name"],
            city=data["city"],
            country_code=data["country"],
            group_code=data["group"],
            discount_class=data.get("class"),
            currency=country["currency"],
            sales_channel=country["channel"],
            sales_ranges=tuple(data.get("ranges", ())),
            credit_status=data.get("status", "good"),
            changed_at=earlier(self._chance, self._today),
        )

    def drawn(self, number: int) -> Customer:
        countries = self._trade["countries"]
        shares = [country["share"] for country in countries]
        country = self._chance.choices(countries, shares)[0]
        group = self._chance.choice(self._trade["groups"])
        return Customer(
            customer_no=number,
            company_name=self._name(country, group["trade"][country["code"]]),
            city=self._chance.choice(country["cities"]),
            country_code=country["code"],
            group_code=group["code"],
            discount_class=self._chance.choices(_CLASSES, _CLASS_SHARES)[0],
            currency=country["currency"],
            sales_channel=country["channel"],
            sales_ranges=tuple(self._ranges(group["code"])),
            credit_status=self._chance.choices(_STATES, _STATE_SHARES)[0],
            changed_at=earlier(self._chance, self._today),
        )

    def _name(self, country: dict[str, Any], trade: str) -> str:
        names: Iterator[str] = (
            form.format(name=name, trade=trade)
            for form in country["forms"]
            for name in country["names"]
        )
        name = self._chance.choice([name for name in names if name not in self._names])
        self._names.add(name)
        return name

    def _ranges(self, group: str) -> Iterator[str]:
        for entry in self._trade["ranges"]:
            if group in entry["groups"] and self._chance.random() < _WITH_RANGE:
                yield entry["code"]
