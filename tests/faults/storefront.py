"""Customers who only look: stock and contract prices of what is sold, each answer judged and timed.

What is right is known: `Known` says what an honest answer is.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from benchmarks.figures import percentile
from tests.faults.world import SECRETS

CUSTOMER: Final = "C-1"
_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.004
_SHOWN: Final = 5


@dataclass(frozen=True)
class Known:
    """What may be told: units of each SKU, and its price for the customer."""

    stock: Mapping[str, Mapping[str, int]]
    prices: Mapping[str, str]


@dataclass
class Visit:
    """What came of some time at the shop; `wrong` are sentences about answers."""

    times: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def p99(self) -> float:
        """In seconds, of all answers."""
        return percentile(self.times, 0.99)

    @property
    def slowest(self) -> float:
        """In seconds."""
        return max(self.times)

    @property
    def odd(self) -> str:
        """What was wrong, in short; empty if nothing was."""
        if not self.wrong:
            return ""
        return f"{len(self.wrong)} of {len(self.times)}: " + "; ".join(self.wrong[:_SHOWN])


class Storefront:
    """Asks one gateway."""

    def __init__(self, session: aiohttp.ClientSession, url: str, chance: random.Random) -> None:
        self.url: Final = url
        self._session = session
        self._chance = chance

    async def visited(
        self,
        seconds: float,
        known: Known,
        *,
        clients: int = 4,
        allowed: frozenset[int] = frozenset({200}),
    ) -> Visit:
        """Look at stock and prices in turns for so long; other statuses than these are wrong."""
        visit = Visit()
        end = time.perf_counter() + seconds
        await asyncio.gather(*(self._look(visit, end, known, allowed) for _ in range(clients)))
        return visit

    async def stock(self, *skus: str) -> tuple[int, dict[str, Any]]:
        """Status, and by SKU what was told of it."""
        return await self._items("/v1/stock", [("sku", sku) for sku in skus])

    async def prices(self, *skus: str) -> tuple[int, dict[str, Any]]:
        """The same of the customer's prices."""
        asked = [("sku", sku) for sku in skus]
        return await self._items("/v1/prices", [("customer", CUSTOMER), *asked])

    async def looked_at(self, skus: Sequence[str], known: Known) -> list[str]:
        """What is wrong with stock and prices of these, asked once."""
        wrong = []
        for asks in (self.stock, self.prices):
            status, items = await asks(*skus)
            wrong += (
                judged(known, items) if status == 200 else [f"{asks.__name__}: {status} {items}"]
            )
        return wrong

    async def _look(self, visit: Visit, end: float, known: Known, allowed: frozenset[int]) -> None:
        skus = list(known.stock)
        number = 0
        while time.perf_counter() < end:
            number += 1
            sku = self._chance.choice(skus)
            asks = self.prices if number % 2 and sku in known.prices else self.stock
            began = time.perf_counter()
            try:
                status, items = await asks(sku)
            except (aiohttp.ClientError, TimeoutError) as error:
                visit.wrong.append(f"{sku}: {error!r}")
                continue
            finally:
                visit.times.append(time.perf_counter() - began)
            visit.answers[f"{asks.__name__} {status}"] += 1
            if status not in allowed:
                visit.wrong.append(f"{sku}: {status}")
            elif status == 200:
                visit.wrong += judged(known, {sku: items.get(sku, {})})
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _items(self, path: str, params: list[tuple[str, str]]) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {SECRETS['buyer']}"}
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        url = f"{self.url}{path}"
        async with self._session.get(
            url, params=params, headers=headers, timeout=timeout
        ) as response:
            body = await response.json(content_type=None)
            if response.status != 200:
                return response.status, body
            items = body.get("items", [body])
            return response.status, {item["sku"]: item for item in items}


def judged(known: Known, items: Mapping[str, Any]) -> list[str]:
    """What is not as it is known to be."""
    wrong = []
    for sku, item in items.items():
        if "salable" in item:
            right = sum(known.stock.get(sku, {}).values())
            if item["salable"] != right:
                wrong.append(f"{sku}: {item['salable']} instead of {right}")
        elif "unit_price" in item:
            price = item["unit_price"]
            if price != {"amount": known.prices.get(sku), "currency": "EUR"}:
                wrong.append(f"{sku}: {price} instead of {known.prices.get(sku)}")
        else:
            wrong.append(f"{sku}: {item}")
    return wrong
