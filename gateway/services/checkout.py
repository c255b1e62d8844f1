"""The checkout lookup: can this buyer have these lines now, at what price (CONTRACT 5).

Nothing is held or promised here. Lines of one SKU are summed before they are judged; the prices
given are signed, so that the order can carry them and the ERP accept them unseen.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from gateway.domain.confirmations import Confirm, Unconfirmed
from gateway.domain.customers import Customer
from gateway.domain.errors import FigureExpiredError, UnknownLocationError
from gateway.domain.money import Amount, LineAmounts
from gateway.domain.order_rules import QuantityRules, judge_quantity
from gateway.domain.quantities import Milli
from gateway.services.cart_lines import CartLine
from gateway.services.confirming import DEFAULT_MS, Confirming
from gateway.services.directory import Directory
from gateway.services.lookups import StockLookups, StockReading
from gateway.services.price_claims import claims_of
from gateway.services.price_lines import (
    PriceAnswer,
    PricedLine,
    PriceRequest,
    UnpricedLine,
    WantedLine,
)
from gateway.services.prices import PriceLookups
from gateway.services.selling import Channel
from gateway.services.stock_answers import StockAnswer, StockContext, WithheldSku
from gateway.store.feeds import has_prices

LineProblem = Literal[
    "unknown-sku", "unknown-location", "no-price", "not-ready", "store-unavailable"
]


class PriceSigner(Protocol):
    """Signs what a checkout was told."""

    def sign(self, claims: Mapping[str, Any], now_ms: int) -> str:
        """A JWS over these claims and the times of issue and expiry."""


class CheckoutRequest(msgspec.Struct, frozen=True):
    """What is to be bought, by whom and where."""

    lines: Sequence[CartLine]
    locale: str | None = None
    customer: str | None = None
    channel: str | None = None
    currency: str | None = None
    confirm: Confirm = Confirm.NEVER
    deadline_ms: int = DEFAULT_MS


class CheckedLine(msgspec.Struct, frozen=True):
    """What can be said of one line; `problems` say what cannot, and why.

    The stock is exact, `salable` included: who may see that is the caller's to mind. `unconfirmed`:
    why the ERP has not confirmed it; None where it has, and where nobody wanted it to.
    """

    line: CartLine
    stock: StockAnswer | None
    price: PricedLine | None
    rules: QuantityRules | None
    problems: Sequence[LineProblem]
    unconfirmed: Unconfirmed | None = None


class CheckoutAnswer(msgspec.Struct, frozen=True):
    """Every line in the order given, totals over those that have a price, and their signature."""

    customer: Customer | None
    channel: Channel
    currency: str
    digits: int
    lines: Sequence[CheckedLine]
    totals: LineAmounts
    price_token: str | None


class Checkout:
    """Looks a cart up: stock read now, prices from the price book."""

    def __init__(
        self,
        stock: StockLookups,
        prices: PriceLookups,
        directory: Directory,
        confirming: Confirming,
        signer: PriceSigner | None,
        clock_ms: Callable[[], int],
    ) -> None:
        self._stock = stock
        self._prices = prices
        self._directory = directory
        self._confirming = confirming
        self._signer = signer
        self._clock_ms = clock_ms

    async def look(self, request: CheckoutRequest) -> CheckoutAnswer:
        """What can be said of these lines; the ERP is waited for until the deadline at most.

        Raises:
            UnknownCustomerError, UnknownChannelError: there is none of that name.
            NotReadyError: stock, or prices, have not been loaded yet.
            StoreUnavailableError: the store did not answer.
        """
        until = asyncio.get_running_loop().time() + request.deadline_ms / 1000
        asked = _prices_of(request)
        reading, priced = await asyncio.gather(
            self._stock.look([line.sku for line in request.lines]), self._priced(asked)
        )
        if priced is None:
            # The stock reading has proved the store warm: only now is it known that this shop
            # loads no prices, or has begun to.
            priced = await self._priced(asked) or self._prices.without_prices(asked)
        lines = _judged(request, priced, reading)
        if request.confirm is not Confirm.NEVER:
            lines = await self._confirmed(request, priced, reading, lines, until)
        prices = [line.price for line in lines if line.price is not None]
        totals = _totals(prices)
        token = None
        if self._signer is not None and prices:
            token = self._signer.sign(claims_of(priced, prices, totals), self._clock_ms())
        return CheckoutAnswer(
            priced.customer, priced.channel, priced.currency, priced.digits, lines, totals, token
        )

    async def _confirmed(
        self,
        request: CheckoutRequest,
        priced: PriceAnswer,
        reading: StockReading,
        lines: Sequence[CheckedLine],
        until: float,
    ) -> Sequence[CheckedLine]:
        """The lines after the ERP was asked where that was wanted."""
        judged = [(line.line, line.stock) for line in lines]
        skus = self._confirming.worth_asking(request.confirm, priced.channel, reading, judged)
        seconds = until - asyncio.get_running_loop().time()
        said = await self._confirming.confirm(skus, seconds)
        if any(one.read for one in said.values()):
            # What it said is in the store by now, and whatever else has come meanwhile.
            now = await self._stock.read([line.sku for line in request.lines], said)
            lines = _judged(request, priced, now)
        return [
            msgspec.structs.replace(
                line, unconfirmed=self._confirming.came_to(line.stock, said.get(line.line.sku))
            )
            for line in lines
        ]

    async def _priced(self, asked: PriceRequest) -> PriceAnswer | None:
        """The prices; None where nobody is known to load any."""
        if not has_prices(self._directory.current.feeds):
            return None
        return await self._prices.answer(asked)


class _Judging:
    """Lines held against what is there; of one SKU all together."""

    def __init__(self, request: CheckoutRequest, channel: Channel, reading: StockReading) -> None:
        self._request = request
        self._channel = channel
        self._reading = reading
        self._wanted = Counter[tuple[str, str | None]]()
        self._all = Counter[str]()
        self._named: dict[str, list[str]] = {}
        self._taken: dict[str, Milli] = {}
        for line in request.lines:
            if line.location is not None and (line.sku, line.location) not in self._wanted:
                self._named.setdefault(line.sku, []).append(line.location)
            self._wanted[line.sku, line.location] += line.quantity
            self._all[line.sku] += line.quantity

    def line(self, line: CartLine, price: PricedLine | UnpricedLine) -> CheckedLine:
        """What can be said of this line."""
        problems: list[LineProblem] = []
        priced = price if isinstance(price, PricedLine) else None
        if not self._reading.is_known(line.sku):
            return CheckedLine(line, None, priced, None, ["store-unavailable"])
        product = self._reading.product(line.sku)
        if product is None or (isinstance(price, UnpricedLine) and price.problem == "unknown-sku"):
            return CheckedLine(line, None, None, None, ["unknown-sku"])
        if isinstance(price, UnpricedLine):
            problems.append(price.problem)
        stock: StockAnswer | None = None
        try:
            stock = self._stock(line)
        except UnknownLocationError:
            problems.append("unknown-location")
        except FigureExpiredError:
            problems.append("not-ready")
        return CheckedLine(
            line, stock, priced, judge_quantity(product, self._all[line.sku]), problems
        )

    def _stock(self, line: CartLine) -> StockAnswer:
        """The stock for all that is wanted there; what is wanted elsewhere is gone from it.

        Raises:
            UnknownLocationError: the line names a location that does not serve the channel.
            FigureExpiredError: the figure is too old to be told.
        """
        if line.location is not None:
            self._reading.require_location(line.location, self._channel)
            return self._answer(line.sku, line.location, self._wanted[line.sku, line.location])
        taken = self._taken.get(line.sku)
        if taken is None:
            taken = self._taken[line.sku] = self._taken_of(line.sku)
        return self._answer(line.sku, None, self._wanted[line.sku, None] + taken)

    def _taken_of(self, sku: str) -> Milli:
        """What lines that name a location take of what the channel ships."""
        taken = 0
        for location in self._named.get(sku, ()):
            try:
                place = self._reading.require_location(location, self._channel)
            except UnknownLocationError:
                continue
            if place.ships:
                quantity = self._wanted[sku, location]
                taken += min(quantity, self._answer(sku, location, quantity).salable or 0)
        return taken

    def _answer(self, sku: str, location: str | None, quantity: Milli) -> StockAnswer:
        context = StockContext(
            self._channel,
            self._request.locale or self._channel.locale,
            location,
            quantity,
            exact=True,
        )
        answer = self._reading.answer(sku, context)
        if isinstance(answer, WithheldSku):
            raise answer.error()
        if not isinstance(answer, StockAnswer):
            raise TypeError(sku)
        return answer


def _judged(
    request: CheckoutRequest, priced: PriceAnswer, reading: StockReading
) -> Sequence[CheckedLine]:
    judging = _Judging(request, priced.channel, reading)
    return [
        judging.line(line, price) for line, price in zip(request.lines, priced.lines, strict=True)
    ]


def _prices_of(request: CheckoutRequest) -> PriceRequest:
    wanted = [WantedLine(line.sku, line.quantity) for line in request.lines]
    return PriceRequest(wanted, request.customer, request.channel, request.currency)


def _totals(lines: Iterable[PricedLine]) -> LineAmounts:
    net: Amount = 0
    tax: Amount = 0
    for line in lines:
        net += line.amounts.net
        tax += line.amounts.tax
    return LineAmounts(net, tax, net + tax)
