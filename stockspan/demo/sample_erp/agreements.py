"""What the sample ERP agreed with customers: one by one, or several in a framework."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from stockspan.demo.sample_erp.price_books import Bookkeeper
from stockspan.demo.sample_erp.rows import Customer, FrameworkMember, Item

_IN_FRAMEWORK: Final = 0.6  # of the customers whom it could be for
_OWN_GOODS: Final = 0.85  # of the articles of an agreement: what their group buys most
_OWN_FIRST: Final = 10  # precedence of an agreement of their own over a framework
_WRITTEN_DAYS: Final = (-120, 245)
_ENDED: Final = 0.05
_TO_BEGIN: Final = 0.04
_BREAKS: Final = ((10, 4), (50, 8))  # steps of the article, percent more


def add_frameworks(books: Bookkeeper, trade: dict[str, Any]) -> None:
    """Books that several customers of one group share, and who is in."""
    written = {
        data["name"]: data["framework"] for data in trade["customers"] if "framework" in data
    }
    for data in trade["frameworks"]:
        code = books.open(
            data["code"], data["name"], "framework", data["currency"], **_days(books, (-200, 400))
        )
        chosen = books.named(data["items"])
        for goods in _goods(trade, data["group"]):
            chosen += [item for item in books.some(goods, 10) if item not in chosen]
        for item in chosen[: data["articles"]]:
            books.add_item(code, item, books.percent(data["off"]))
        for customer in books.rows.customers:
            fits = (customer.group_code, customer.currency) == (data["group"], data["currency"])
            drawn = fits and books.chance.random() < _IN_FRAMEWORK
            if written.get(customer.company_name) == code or drawn:
                books.rows.members.append(FrameworkMember(code, customer.customer_no))


def add_agreements(books: Bookkeeper, trade: dict[str, Any]) -> None:
    """Those that are written out, then one in so many of the other customers."""
    written = {data["name"]: data.get("agreement") for data in trade["customers"]}
    share = 1 / trade["agreements"]["one_in"]
    for customer in books.rows.customers:
        if customer.company_name in written:
            if agreement := written[customer.company_name]:
                _add_written(books, customer, agreement)
        elif books.chance.random() < share:
            _add_drawn(books, customer, trade)


def _add_written(books: Bookkeeper, customer: Customer, data: dict[str, Any]) -> None:
    code = _open(books, customer, _WRITTEN_DAYS)
    for item in books.named(data.get("items", {})):
        for start, off in data["items"][item.item_no]:
            books.add_item(code, item, off, start)
    for group, off in data.get("group_off", {}).items():
        books.add_percent(code, off, item_group=group)
    if off := data.get("all_off"):
        books.add_percent(code, off)


def _add_drawn(books: Bookkeeper, customer: Customer, trade: dict[str, Any]) -> None:
    data, chance = trade["agreements"], books.chance
    code = _open(books, customer, _drawn_days(books))
    goods = _goods(trade, customer.group_code)
    for item in _articles(books, goods, chance.randint(*data["articles"])):
        off = books.percent(data["off"])
        books.add_item(code, item, off)
        if chance.random() < data["with_breaks"]:
            for start, more in _breaks(item):
                books.add_item(code, item, off + more, start)
    if chance.random() < data["with_group"]:
        books.add_percent(code, books.percent(data["group_off"]), item_group=goods[0])
    if chance.random() < data["with_all"]:
        books.add_percent(code, books.percent(data["all_off"]))


def _open(books: Bookkeeper, customer: Customer, days: tuple[int, int]) -> str:
    return books.open(
        f"AGR-{customer.customer_no}",
        f"Agreement with {customer.company_name}",
        "agreement",
        customer.currency,
        precedence=_OWN_FIRST,
        customer_no=customer.customer_no,
        **_days(books, days),
    )


def _drawn_days(books: Bookkeeper) -> tuple[int, int]:
    """Most hold today; a few have ended, a few are still to begin."""
    chance = books.chance.random()
    if chance < _ENDED:
        return -395, -books.chance.randint(5, 60)
    if chance < _ENDED + _TO_BEGIN:
        return books.chance.randint(5, 40), 400
    return -books.chance.randint(10, 300), books.chance.randint(30, 300)


def _articles(books: Bookkeeper, goods: list[str], count: int) -> list[Item]:
    """Mostly what the group buys, the rest from anywhere."""
    others = [group.group_code for group in books.rows.groups if group.group_code not in goods]
    chosen: dict[str, Item] = {}
    for _ in range(count):
        groups = goods if books.chance.random() < _OWN_GOODS else others
        for item in books.some(books.chance.choice(groups), 1):
            chosen[item.item_no] = item
    return list(chosen.values())


def _breaks(item: Item) -> Iterator[tuple[Decimal, Decimal]]:
    step = item.quantity_multiple or Decimal(1)
    for steps, more in _BREAKS:
        yield step * steps, Decimal(more)


def _days(books: Bookkeeper, days: tuple[int, int]) -> dict[str, Any]:
    first, last = (books.today + timedelta(days=number) for number in days)
    return {"first_day": first, "last_day": last}


def _goods(trade: dict[str, Any], group: str) -> list[str]:
    return next(list(data["goods"]) for data in trade["groups"] if data["code"] == group)
