"""Customers and prices of the sample ERP, from trade.toml and chance.

Every article has a price in each base list. All else is sparse, as it is in life: what the web
charges, what a group of customers gets, what is on offer, what was agreed with one customer.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from stockspan.demo.sample_erp.agreements import add_agreements, add_frameworks
from stockspan.demo.sample_erp.customers import customers
from stockspan.demo.sample_erp.history import earlier
from stockspan.demo.sample_erp.price_books import Bookkeeper, first_quantity
from stockspan.demo.sample_erp.rows import ClassDiscount, CustomerGroup, Item, Rows

_GROUP_ARTICLES: Final = (18, 40)  # of each item group that a customer group buys
_GROUP_BREAK: Final = 0.2
_FROM_STEPS: Final = 10
_BREAK_MORE: Final = Decimal(3)


def add_trade(
    rows: Rows,
    prices: Mapping[str, Decimal],
    trade: dict[str, Any],
    chance: random.Random,
    today: date,
) -> None:
    """Add customers, price books, their lines and the class discounts to `rows`.

    `prices`: what each article costs in EUR.
    """
    for group in trade["groups"]:
        rows.customer_groups.append(CustomerGroup(group["code"], group["name"]))
    rows.customers.extend(customers(trade, chance, today))
    _add_class_discounts(rows, trade, chance, today)
    books = Bookkeeper(rows, prices, trade["rates"], chance, today)
    _add_base_lists(books, trade)
    _add_channel_books(books, trade)
    _add_group_books(books, trade)
    _add_campaigns(books, trade)
    add_frameworks(books, trade)
    add_agreements(books, trade)


def _add_class_discounts(
    rows: Rows, trade: dict[str, Any], chance: random.Random, today: date
) -> None:
    since = date(today.year - 1, 1, 1)
    for customer_class, cells in trade["discounts"].items():
        for group, percent in cells.items():
            off, changed_at = Decimal(str(percent)), earlier(chance, today)
            cell = ClassDiscount(customer_class, group, off, since, None, changed_at)
            rows.discounts.append(cell)


def _add_base_lists(books: Bookkeeper, trade: dict[str, Any]) -> None:
    """Every article, with the breaks of its kind; for some the next price stands there too."""
    rise = trade["price_rise"]
    rises = {sku for sku in books.prices if books.chance.random() < rise["share"]}
    for currency in books.rates:
        code = books.open(f"LIST-{currency}", f"Price list {currency}", "list", currency)
        for item in books.rows.items:
            breaks = trade["breaks"].get(item.handling_class or "", []) if _sells(item) else []
            for start, off in [(first_quantity(item), 0), *breaks]:
                books.add_item(code, item, off, start)
        books.raise_prices(code, rises, Decimal(str(rise["percent"])), rise["in_days"])


def _add_channel_books(books: Bookkeeper, trade: dict[str, Any]) -> None:
    for data in trade["channel_books"]:
        code = books.open(
            data["code"], data["name"], "channel", data["currency"], sales_channel=data["channel"]
        )
        for item in books.rows.items:
            if item.abc_class == "A" and books.chance.random() < data["share"]:
                books.add_item(code, item, data["off"])


def _add_group_books(books: Bookkeeper, trade: dict[str, Any]) -> None:
    """A book for each customer group in each currency that its customers pay in."""
    for group in trade["groups"]:
        members = [c for c in books.rows.customers if c.group_code == group["code"]]
        for currency in sorted({customer.currency for customer in members}):
            code = books.open(
                f"GRP-{group['code']}-{currency}",
                f"{group['name']}, {currency}",
                "group",
                currency,
                group_code=group["code"],
            )
            for goods in group["goods"]:
                for item in books.sellers(goods, books.chance.randint(*_GROUP_ARTICLES)):
                    off = books.percent(group["off"])
                    books.add_item(code, item, off)
                    if books.chance.random() < _GROUP_BREAK:
                        start = (item.quantity_multiple or 1) * _FROM_STEPS
                        books.add_item(code, item, off + _BREAK_MORE, start)
            if whole := group.get("whole_group"):
                books.add_percent(code, whole, item_group=group["goods"][0])


def _add_campaigns(books: Bookkeeper, trade: dict[str, Any]) -> None:
    for data in trade["campaigns"]:
        first, last = (books.today + timedelta(days=days) for days in data["days"])
        chosen = books.named(data.get("items", []))
        for group, count in data.get("articles", {}).items():
            chosen += [item for item in books.some(group, count) if item not in chosen]
        offs = [books.percent(data["off"]) for _ in chosen]
        for currency in books.rates:
            code = books.open(
                f"{data['code']}-{currency}",
                data["name"],
                "promotion",
                currency,
                first_day=first,
                last_day=last,
            )
            for item, off in zip(chosen, offs, strict=True):
                books.add_item(code, item, off)
            if whole := data.get("percent_off"):
                start = Decimal(whole["from"])
                books.add_percent(code, whole["percent"], item_group=whole["group"], start=start)


def _sells(item: Item) -> bool:
    return item.abc_class in {"A", "B"}
