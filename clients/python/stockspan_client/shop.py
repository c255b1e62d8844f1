"""`Stockspan`: a gateway as a shop's back end calls it, one method for each of its calls."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from yarl import URL

from stockspan_client.checkout import Checkout
from stockspan_client.lines import Line, Quantity, quantity_text
from stockspan_client.link import Call, Link
from stockspan_client.prices import PriceItem, Unpriced, price_items
from stockspan_client.reservations import Acknowledged, Reservation
from stockspan_client.stock import StockItem, Unanswered, stock_items

T = TypeVar("T")

_ERP_DEADLINE_MS: Final = 300
"""How long a checkout that has its figures confirmed waits for the ERP where nothing is said."""

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class Stockspan:
    """A gateway, by its address; `key` is an API key, or a customer's token.

    Used within `async with`, once for as long as the shop runs: connections are kept. A call that
    fails is made again, where asking twice does what asking once does, for `deadline` seconds in
    all; `patience` is for one try. Whatever goes wrong there is a `StockspanError`.

    Raises:
        ValueError: the address or the key cannot be one. The key is not shown.
    """

    def __init__(
        self, url: str, *, key: str | None = None, deadline: float = 10.0, patience: float = 3.0
    ) -> None:
        self._base = _base(url)
        if key is not None and not _sendable(key):
            raise ValueError("key must be printable ASCII, without spaces")
        self._link = Link(self._base, key, deadline=deadline, patience=patience)

    def __repr__(self) -> str:
        return f"Stockspan({self._base!r})"

    async def __aenter__(self) -> Self:
        self._link.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._link.close()

    async def stock(
        self,
        sku: str,
        *,
        quantity: Quantity | None = None,
        channel: str | None = None,
        location: str | None = None,
        locale: str | None = None,
        pickup: bool = False,
    ) -> StockItem:
        """Whether it is there; with `quantity`, whether so much is (`sufficient`)."""
        named = _given(channel=channel, location=location, locale=locale)
        if quantity is not None:
            named["quantity"] = quantity_text(quantity)
        if pickup:
            named["pickup"] = "true"
        if sku not in {".", ".."}:
            path = f"/v1/stock/{_segment(sku)}{_query(named)}"
            return await self._get(path, _reader(StockItem))
        # Proxies would tidy it away in a path.
        path = f"/v1/stock{_query({'sku': sku, **named})}"
        item = await self._get(path, lambda body: stock_items(body)[0])
        if isinstance(item, Unanswered):
            raise item.problem()
        return item

    async def stock_many(
        self,
        skus: Sequence[str],
        *,
        quantity: Quantity | None = None,
        channel: str | None = None,
        location: str | None = None,
        locale: str | None = None,
        pickup: bool = False,
    ) -> list[StockItem | Unanswered]:
        """The same of up to 1,000 SKUs, one item for each in that order."""
        body = _given(
            skus=skus,
            quantity=quantity,
            channel=channel,
            location=location,
            locale=locale,
            pickup=pickup or None,
        )
        return await self._post("/v1/stock/query", body, stock_items)

    async def prices(
        self,
        lines: Sequence[Line],
        *,
        customer: str | None = None,
        channel: str | None = None,
        currency: str | None = None,
        at: datetime | None = None,
        explain: bool = False,
    ) -> list[PriceItem | Unpriced]:
        """What up to 1,000 lines cost this customer, wherever they are taken from.

        One item for each, in that order.
        """
        wanted = [{"sku": line.sku, "quantity": line.quantity} for line in lines]
        body = _given(
            lines=wanted,
            customer=customer,
            channel=channel,
            currency=currency,
            at=at,
            explain=explain or None,
        )
        return await self._post("/v1/prices/query", body, price_items)

    async def checkout(
        self,
        lines: Sequence[Line],
        *,
        customer: str | None = None,
        channel: str | None = None,
        currency: str | None = None,
        locale: str | None = None,
        confirm: str | None = None,
        deadline_ms: int | None = None,
    ) -> Checkout:
        """A whole cart: stock, prices, rules and totals. Nothing is held.

        `confirm` `low` or `always` has the ERP asked, for `deadline_ms` at most (300); the call may
        take that much longer.
        """
        body = _given(
            lines=lines,
            customer=customer,
            channel=channel,
            currency=currency,
            locale=locale,
            confirm=confirm,
            deadline_ms=deadline_ms,
        )
        thinking = max(0, deadline_ms or _ERP_DEADLINE_MS) / 1000
        return await self._post("/v1/checkout", body, _reader(Checkout), thinking=thinking)

    async def reserve(
        self,
        lines: Sequence[Line],
        *,
        customer: str | None = None,
        channel: str | None = None,
        ttl_seconds: int | None = None,
        price_token: str | None = None,
        idempotency_key: str | None = None,
    ) -> Reservation:
        """Hold all lines or none.

        Without `idempotency_key` one is made, so that trying again holds nothing twice. Give one
        that is kept with the cart, and that is so even if your own process ends in between.
        """
        key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
        if not _sendable(key):
            raise ValueError("idempotency_key must be printable ASCII, without spaces")
        body = _given(
            lines=lines,
            customer=customer,
            channel=channel,
            ttl_seconds=ttl_seconds,
            price_token=price_token,
        )
        read = _reader(Reservation)
        return await self._post("/v1/reservations", body, read, idempotency_key=key)

    async def reservation(self, reservation: str) -> Reservation:
        """As it is now."""
        path = f"/v1/reservations/{_segment(reservation)}"
        return await self._get(path, _reader(Reservation))

    async def confirm(self, reservation: str, order_ref: str) -> Reservation:
        """It has become this order."""
        return await self._step(reservation, "confirm", {"order_ref": order_ref})

    async def release(self, reservation: str) -> Reservation:
        """Give its units back."""
        return await self._step(reservation, "release", {})

    async def extend(self, reservation: str, ttl_seconds: int | None = None) -> Reservation:
        """Hold it for so long from now; never shorter than before."""
        return await self._step(reservation, "extend", _given(ttl_seconds=ttl_seconds))

    async def cancel(self, reservation: str) -> Reservation:
        """Cancel the order it has become, before the ERP has it."""
        return await self._step(reservation, "cancel", {})

    async def acknowledge(
        self,
        order_ref: str,
        *,
        acknowledged_at: datetime | None = None,
        status: str | None = None,
    ) -> Acknowledged:
        """Say what the ERP says of the order, `accepted` or `cancelled`.

        Left out, `acknowledged_at` is the moment at which the gateway hears of it. Said twice that
        is two moments: such a call, and no other, is not made again by itself.
        """
        path = f"/v1/orders/{_segment(order_ref)}/acknowledge"
        body = _given(acknowledged_at=acknowledged_at, status=status)
        again = acknowledged_at is not None
        return await self._post(path, body, _reader(Acknowledged), repeatable=again)

    async def _step(self, reservation: str, act: str, body: Mapping[str, Any]) -> Reservation:
        path = f"/v1/reservations/{_segment(reservation)}/{act}"
        return await self._post(path, body, _reader(Reservation))

    async def _get(self, path: str, read: Callable[[bytes], T]) -> T:
        return await self._link.ask(Call(method="GET", path=path), read)

    async def _post(
        self, path: str, body: Mapping[str, Any], read: Callable[[bytes], T], **more: Any
    ) -> T:
        call = Call(method="POST", path=path, body=_encode(body), **more)
        return await self._link.ask(call, read)


def _base(url: str) -> str:
    try:
        address = URL(url)
    except ValueError:
        address = URL()
    if address.scheme not in {"http", "https"} or not address.host:
        raise ValueError("url must be the gateway's, like https://stock.example")
    if address.raw_user is not None or address.raw_password is not None:
        raise ValueError("url must be without user and password: what opens the gateway is its key")
    if address.raw_query_string or address.raw_fragment:
        raise ValueError("url must be without a query")
    return str(address).rstrip("/")


def _sendable(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _given(**named: Any) -> dict[str, Any]:
    return {name: value for name, value in named.items() if value is not None}


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")


def _query(named: Mapping[str, str]) -> str:
    return f"?{urlencode(named)}" if named else ""


def _reader(type_: type[T]) -> Callable[[bytes], T]:
    return partial(msgspec.json.decode, type=type_)
