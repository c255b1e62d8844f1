"""A wholesaler's prices, made up from a fixed seed: what the price benchmarks ask about.

10,000 SKUs and rows in five layers: a base price for each SKU, a third of them with breaks; a list
of the web channel; 12 lists of customer groups; two campaigns, one of them over; and a contract of
some 100 rows for each of 2,000 customers. The prices of most SKUs lie in one or two of these, as
they do: a list says what differs.

Queries are 50 lines for one customer, quantities 1 to 50; no SKU comes twice in one. Customers are
drawn by Zipf (exponent 1), so a few ask much and most now and then. There are two `Mix`es of SKUs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any, Final

import msgspec

CHANNEL: Final = "web"
CURRENCY: Final = "SEK"
LINES: Final = 50

BASE, CHANNEL_LAYER, GROUP, CAMPAIGN, CONTRACT = range(5)
ALL, PRODUCT_GROUP, SKU = range(3)

_GROUPS: Final = 12
_PRODUCT_GROUPS: Final = 100
_CLASSES: Final = 20
_BREAKS: Final = ((10, "0.95"), (100, "0.88"))
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_AGO: Final = datetime(2025, 1, 1, tzinfo=UTC)

Row = tuple[Any, ...]


class Mix(msgspec.Struct, frozen=True):
    """What is asked for: of 50 lines so many are of the customer's own contract, the rest any SKU.

    With the `matrix`, 20 classes of customers × 20 of products, 3 of 5 cells filled, there are some
    ten times as many different prices of each SKU.
    """

    name: str
    own_lines: int
    matrix: bool


CATALOGUE: Final = Mix("catalogue", 0, matrix=False)
BASKET: Final = Mix("basket, with a discount matrix", LINES // 2, matrix=True)


class Query(msgspec.Struct, frozen=True):
    """What one buyer's basket asks for."""

    customer: str
    skus: tuple[str, ...]
    quantities: tuple[int, ...]

    def body(self) -> bytes:
        """As both services take it."""
        lines = [
            {"sku": sku, "quantity": quantity}
            for sku, quantity in zip(self.skus, self.quantities, strict=True)
        ]
        asked = {"customer": self.customer, "channel": CHANNEL, "currency": CURRENCY}
        return msgspec.json.encode({**asked, "lines": lines})


class PriceWorld:
    """Tables by name, each a list of rows in the order of `price_erp.TABLES`."""

    def __init__(
        self, mix: Mix, skus: int = 10_000, customers: int = 2_000, seed: int = 20_26
    ) -> None:
        self._mix = mix
        self._chance = random.Random(seed)
        self.skus = [f"SKU-{number:05d}" for number in range(skus)]
        self.customers = [f"C-{number:05d}" for number in range(customers)]
        self.agreed: dict[str, list[str]] = {}
        self.product: list[Row] = []
        self.customer: list[Row] = []
        self.price_list: list[Row] = []
        self.price: list[Row] = []
        self.discount: list[Row] = []
        self._base: dict[str, Decimal] = {}
        self._products_and_base()
        self._lists_of_many()
        self._customers_and_contracts()
        # A cell for nobody: an empty feed is refused.
        self.discount.append(("D-none", "P-none", Decimal(1)))
        if mix.matrix:
            self._matrix()

    def queries(self, count: int, seed: int = 1) -> Iterator[Query]:
        """So many queries; the same ones for the same seed."""
        chance = random.Random(seed)
        # The rank of a customer is no part of its number.
        ranked = chance.sample(self.customers, len(self.customers))
        weights = list(accumulate(1 / rank for rank in range(1, len(ranked) + 1)))
        for customer in chance.choices(ranked, cum_weights=weights, k=count):
            skus = chance.sample(self.agreed[customer], self._mix.own_lines)
            while len(skus) < LINES:
                if (sku := chance.choice(self.skus)) not in skus:
                    skus.append(sku)
            chance.shuffle(skus)
            yield Query(customer, tuple(skus), tuple(chance.randint(1, 50) for _ in skus))

    def _products_and_base(self) -> None:
        chance = self._chance
        self._list("base", BASE)
        for sku in self.skus:
            group = f"G-{chance.randrange(_PRODUCT_GROUPS)}"
            rate = chance.choice(("0.25", "0.25", "0.12"))
            self.product.append((sku, group, f"P-{chance.randrange(_CLASSES)}", rate))
            price = self._base[sku] = Decimal(chance.randint(1_000, 500_000)) / 100
            self._row("base", SKU, sku, price=price)
            if chance.random() < 1 / 3:
                for quantity, share in _BREAKS:
                    self._row("base", SKU, sku, quantity, price=_share(price, share))

    def _lists_of_many(self) -> None:
        chance = self._chance
        self._list("web", CHANNEL_LAYER, channel=CHANNEL)
        for sku in chance.sample(self.skus, len(self.skus) * 3 // 10):
            self._row("web", SKU, sku, price=_share(self._base[sku], "0.97"))
        for number in range(_GROUPS):
            name = f"group-{number}"
            self._list(name, GROUP, group=name, priority=number % 3)
            for sku in chance.sample(self.skus, len(self.skus) // 25):
                self._row(name, SKU, sku, price=_share(self._base[sku], "0.9"))
            for group in chance.sample(range(_PRODUCT_GROUPS), 5):
                self._row(name, PRODUCT_GROUP, f"G-{group}", 20, percent="12.5")
        for name, until in (("sale", None), ("sale-of-last-year", _AGO)):
            self._list(name, CAMPAIGN, until=until)
            for sku in chance.sample(self.skus, len(self.skus) // 20):
                self._row(name, SKU, sku, percent=chance.choice(("10", "15", "33.33")))

    def _customers_and_contracts(self) -> None:
        chance = self._chance
        for customer in self.customers:
            groups = [f"group-{number}" for number in chance.sample(range(_GROUPS), 2)]
            discount_class = f"D-{chance.randrange(_CLASSES)}"
            self.customer.append((customer, groups, discount_class))
            name = f"contract-{customer}"
            self._list(name, CONTRACT, customer=customer)
            agreed = self.agreed[customer] = chance.sample(self.skus, chance.randint(60, 90))
            for sku in agreed:
                price = _share(self._base[sku], f"0.{chance.randint(70, 85)}")
                self._row(name, SKU, sku, price=price)
                if chance.random() < 1 / 3:
                    self._row(name, SKU, sku, 10, price=_share(price, "0.97"))
            group = f"G-{chance.randrange(_PRODUCT_GROUPS)}"
            self._row(name, PRODUCT_GROUP, group, percent="17.5")

    def _matrix(self) -> None:
        for buyers in range(_CLASSES):
            for products in range(_CLASSES):
                if self._chance.random() < 3 / 5:
                    percent = Decimal(self._chance.randint(2, 30)) / 2
                    self.discount.append((f"D-{buyers}", f"P-{products}", percent))

    def _list(
        self,
        name: str,
        layer: int,
        *,
        priority: int = 0,
        customer: str | None = None,
        group: str | None = None,
        channel: str | None = None,
        until: datetime | None = None,
    ) -> None:
        since = until and until - timedelta(days=90)
        row = (name, CURRENCY, layer, priority, customer, group, channel, since, until)
        self.price_list.append(row)

    def _row(
        self,
        name: str,
        scope: int,
        target: str,
        quantity: int = 1,
        *,
        price: Decimal | None = None,
        percent: str | None = None,
    ) -> None:
        percentage = None if percent is None else Decimal(percent)
        self.price.append((name, scope, target, quantity, price, percentage, _EPOCH, None))


def _share(price: Decimal, share: str) -> Decimal:
    return (price * Decimal(share)).quantize(Decimal("0.01"))
