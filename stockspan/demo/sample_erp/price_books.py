"""Opens price books in the sample ERP and writes lines into them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from stockspan.demo.sample_erp.history import earlier
from stockspan.demo.sample_erp.list_prices import agreed_price, list_price
from stockspan.demo.sample_erp.rows import Item, PriceBook, PriceLine, Rows

Figure = Decimal | float


class Bookkeeper:
    """Adds books and lines to `rows`. `prices`: of each article, in EUR; `rates`: one EUR in each
    currency.
    """

    def __init__(
        self,
        rows: Rows,
        prices: Mapping[str, Decimal],
        rates: Mapping[str, float],
        chance: random.Random,
        today: date,
    ) -> None:
        self.rows = rows
        self.prices = prices
        self.rates = rates
        self.chance = chance
        self.today = today
        self._items = {item.item_no: item for item in rows.items}
        self._selling: defaultdict[str, list[Item]] = defaultdict(list)
        for item in rows.items:
            if item.abc_class != "C" and item.life_cycle == "active" and not item.sales_range:
                self._selling[item.group_code].append(item)
        self._currencies: dict[str, str] = {}
        self._listed = {
            currency: {sku: _converted(price, rate) for sku, price in prices.items()}
            for currency, rate in rates.items()
        }

    def open(self, code: str, title: str, book_type: str, currency: str, **more: Any) -> str:
        """A new book; `more` are other columns of it. Gives its code."""
        book = PriceBook(
            book_code=code,
            title=title,
            book_type=book_type,
            currency=currency,
            precedence=0,
            first_day=None,
            last_day=None,
            sales_channel=None,
            group_code=None,
            customer_no=None,
            changed_at=earlier(self.chance, self.today),
        )
        self.rows.books.append(book._replace(**more))
        self._currencies[code] = currency
        return code

    def add_item(self, code: str, item: Item, off: Figure, start: Figure | None = None) -> None:
        """A price of one article, `off` percent below the list, from `start` on."""
        listed = self._listed[self._currencies[code]][item.item_no]
        percent = _decimal(off)
        price = agreed_price(listed, percent) if percent else listed
        first = first_quantity(item) if start is None else _decimal(start)
        self._add(code, first, item_no=item.item_no, price=price)

    def add_percent(
        self, code: str, off: Figure, item_group: str | None = None, start: Figure = 1
    ) -> None:
        """A percentage off an item group, or off everything."""
        self._add(code, _decimal(start), group_code=item_group, percent_off=_decimal(off))

    def raise_prices(self, code: str, skus: Collection[str], percent: Figure, days: int) -> None:
        """End the lines of these articles in so many days; higher ones follow."""
        begins = self.today + timedelta(days=days)
        for place, line in enumerate(list(self.rows.lines)):
            if line.book_code != code or line.item_no not in skus or line.price is None:
                continue
            self.rows.lines[place] = line._replace(last_day=begins - timedelta(days=1))
            higher = agreed_price(line.price, -_decimal(percent))
            self.rows.lines.append(line._replace(price=higher, first_day=begins))

    def some(self, item_group: str, count: int) -> list[Item]:
        """Articles of a group that sell well and that anybody may buy."""
        found = self._selling[item_group]
        return self.chance.sample(found, min(count, len(found)))

    def sellers(self, item_group: str, count: int) -> list[Item]:
        """The same, with all that lie on the shop's first page among them."""
        found = self.some(item_group, count)
        first = [
            item
            for item in self.rows.items
            if item.front_page and item.group_code == item_group and item.sales_range is None
        ]
        return first + [item for item in found if item not in first]

    def named(self, skus: Iterable[str]) -> list[Item]:
        return [self._items[sku] for sku in skus]

    def percent(self, between: Sequence[float]) -> Decimal:
        """A percentage between two, by halves."""
        low, high = between
        return Decimal(self.chance.randint(round(2 * low), round(2 * high))) / 2

    def _add(self, code: str, start: Decimal, **more: Any) -> None:
        line = PriceLine(
            book_code=code,
            item_no=None,
            group_code=None,
            from_quantity=start,
            price=None,
            percent_off=None,
            first_day=None,
            last_day=None,
            changed_at=earlier(self.chance, self.today),
        )
        self.rows.lines.append(line._replace(**more))


def first_quantity(item: Item) -> Decimal:
    """From how many on a price holds: from one, or from the quarter metre that is sold."""
    return min(item.quantity_multiple or Decimal(1), Decimal(1))


def _converted(price: Decimal, rate: float) -> Decimal:
    return price if rate == 1 else list_price(price * _decimal(rate))


def _decimal(value: Figure) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))
