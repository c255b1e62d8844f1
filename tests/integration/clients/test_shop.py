"""The client against a gateway as it runs: every call, and every answer as a type."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from stockspan_client import (
    InsufficientStockError,
    InvalidRequestError,
    InvalidTransitionError,
    Line,
    Money,
    NoAnswerError,
    ProblemError,
    ReservationExpiredError,
    Span,
    StockItem,
    Stockspan,
    Unanswered,
    UnauthorizedError,
    UnknownReservationError,
    UnknownSkuError,
    Unpriced,
)
from tests.gateway_server import ALL, CHECKOUT, Gateway
from tests.integration.api.reserving import priced_shop

NOON = datetime(2026, 11, 21, 10, tzinfo=UTC)
ODD = 'A/12 %s "q" Ärm'


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with priced_shop(redis_url, ledger_dsn) as gateway:
        await gateway.store.stock("..", {"W1": 2.5})
        yield gateway


@pytest.fixture
async def shop(gateway: Gateway) -> AsyncIterator[Stockspan]:
    async with Stockspan(gateway.url + "/", key=ALL) as shop:
        yield shop


async def test_stock_of_one(shop: Stockspan, gateway: Gateway) -> None:
    item = await shop.stock("A-100", quantity=Decimal("2.5"), locale="sv", pickup=True)
    assert (item.sku, item.status, item.label) == ("A-100", "in_stock", "20+ i lager")
    assert item.span == Span(Decimal(20), None)
    assert (item.sufficient, item.salable) == (True, Decimal(30))
    assert item.as_of == NOON
    assert item.as_of.tzinfo is not None
    assert item.delivery is not None
    assert isinstance(item.delivery.earliest, date)
    async with Stockspan(gateway.url) as stranger:
        seen = await stranger.stock("B-200", quantity=3, location="W1", channel="web")
    assert (seen.sufficient, seen.salable, seen.pickup) == (None, None, ())


@pytest.mark.parametrize("sku", [ODD, "..", "odd"])
async def test_any_id_is_asked_for_as_it_is(shop: Stockspan, gateway: Gateway, sku: str) -> None:
    await gateway.store.stock(sku, {"W1": 2.5})
    item = await shop.stock(sku)
    assert (item.sku, item.salable) == (sku, Decimal("2.5"))


async def test_stock_of_many_with_what_is_not_known(shop: Stockspan) -> None:
    known, unknown, again = await shop.stock_many(["A-100", "?", "A-100"], quantity=2.5)
    assert isinstance(known, StockItem)
    assert known == again
    assert isinstance(unknown, Unanswered)
    assert unknown.error.type == "/problems/unknown-sku"
    problem = unknown.problem()
    assert (type(problem), problem.status) == (UnknownSkuError, 404)


async def test_prices(shop: Stockspan) -> None:
    lines = [Line("A-100", 10), Line("unpriced", 1), Line("B-200", Decimal("2.5"))]
    mine, none, metres = await shop.prices(lines, customer="C-1", explain=True)
    assert not isinstance(mine, Unpriced)
    assert mine.unit_price == Money(Decimal("79.00"), "SEK")
    assert [(step.min_quantity, step.unit_price) for step in mine.breaks] == [
        (Decimal(1), Decimal(85)),
        (Decimal(10), Decimal(79)),
    ]
    assert mine.valid_until == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert mine.explanation[0].outcome == "won"
    assert isinstance(none, Unpriced)
    assert none.error.type == "/problems/no-price"
    assert not isinstance(metres, Unpriced)
    assert (metres.quantity, metres.line_net.amount) == (Decimal("2.5"), Decimal("100.00"))
    spring = datetime(2027, 4, 1, tzinfo=UTC)
    (then,) = await shop.prices([Line("A-100", 1)], at=spring, currency="SEK", channel="web")
    assert not isinstance(then, Unpriced)
    assert then.price_list == "spring"


async def test_a_cart_becomes_an_order(shop: Stockspan) -> None:
    lines = [Line("A-100", 3), Line("B-200", Decimal("1.5"), "W1")]
    cart = await shop.checkout(lines, customer="C-1", confirm="low", deadline_ms=1)
    assert (cart.customer_status, cart.currency) == ("active", "SEK")
    assert cart.totals.net == Money(Decimal("315.00"), "SEK")
    stock, price, rules = cart.lines[1].stock, cart.lines[1].price, cart.lines[1].rules
    assert stock is not None
    assert stock.sufficient
    assert price is not None
    assert price.line_net.amount == Decimal("60.00")
    assert rules is not None
    assert rules.kept
    assert cart.lines[1].location == "W1"
    held = await shop.reserve(
        lines, customer="C-1", ttl_seconds=60, price_token=cart.price_token, idempotency_key="c-1"
    )
    assert (held.state, held.customer, held.price_token) == ("held", "C-1", cart.price_token)
    assert held.lines[1].allocations[0].quantity == Decimal("1.5")
    longer = await shop.extend(held.reservation, 120)
    assert longer.expires_at - held.expires_at > timedelta(seconds=30)
    sold = await shop.confirm(held.reservation, "1042/b ..")
    assert (sold.state, sold.order_ref) == ("confirmed", "1042/b ..")
    assert await shop.confirm(held.reservation, "1042/b ..") == sold
    said = await shop.acknowledge("1042/b ..", acknowledged_at=NOON)
    assert (said.status, said.acknowledged_at) == ("accepted", NOON)
    assert said.reservations[0].state == "acknowledged"
    assert await shop.reservation(held.reservation) == said.reservations[0]


async def test_what_may_become_of_a_hold_otherwise(shop: Stockspan) -> None:
    released = await shop.release((await shop.reserve([Line("A-100", 1)])).reservation)
    assert released.state == "released"
    with pytest.raises(ReservationExpiredError):
        await shop.confirm(released.reservation, "1")
    held = await shop.reserve([Line("A-100", 1)])
    await shop.confirm(held.reservation, "2")
    with pytest.raises(InvalidTransitionError, match="confirmed as the order “2”"):
        await shop.confirm(held.reservation, "3")
    assert (await shop.cancel(held.reservation)).state == "cancelled"
    remembered = await shop.acknowledge("..", status="cancelled")
    assert (remembered.status, remembered.reservations) == ("cancelled", ())


async def test_too_little_names_the_lines(shop: Stockspan, gateway: Gateway) -> None:
    with pytest.raises(InsufficientStockError) as caught:
        await shop.reserve([Line("B-200", 4), Line("A-100", 1)], idempotency_key="too-much")
    error = caught.value
    assert (error.type, error.status) == ("/problems/insufficient-stock", 409)
    assert (error.lines[0].sku, error.lines[0].requested) == ("B-200", Decimal(4))
    assert (error.lines[0].span, error.lines[0].salable) == (
        Span(Decimal(1), Decimal(4)),
        Decimal(3),
    )
    assert error.idempotency_key == "too-much"
    assert "4 of B-200" in str(error)
    async with Stockspan(gateway.url, key=CHECKOUT) as other:
        with pytest.raises(InsufficientStockError) as seen:
            await other.reserve([Line("B-200", 4)])
    assert seen.value.lines[0].salable is None


async def test_a_mistake_names_its_fields(shop: Stockspan) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await shop.reserve([Line("A-100", -1)], ttl_seconds=0)
    assert {error.field for error in caught.value.errors} == {"lines[0].quantity", "ttl_seconds"}
    assert "ttl_seconds must be a whole number from 1 to 3600" in str(caught.value)
    for nonsense in (float("nan"), Decimal("NaN"), Decimal("1E+30"), float("inf")):
        with pytest.raises(InvalidRequestError):
            await shop.reserve([Line("A-100", nonsense)])
        with pytest.raises(InvalidRequestError):
            await shop.stock("A-100", quantity=nonsense)


async def test_a_mistake_about_time_is_the_gateway_s_to_name(shop: Stockspan) -> None:
    with pytest.raises(InvalidRequestError, match="deadline_ms"):
        await shop.checkout([Line("A-100", 1)], confirm="always", deadline_ms=-60_000)
    with pytest.raises(InvalidRequestError, match="at"):
        await shop.prices([Line("A-100", 1)], at=NOON.replace(tzinfo=None))


async def test_what_is_unknown_is_told_by_its_class(shop: Stockspan) -> None:
    with pytest.raises(UnknownSkuError, match="Nothing is known of “nothing”"):
        await shop.stock("nothing")
    with pytest.raises(UnknownSkuError):
        await shop.stock(".")
    with pytest.raises(UnknownReservationError):
        await shop.reservation("r_nothing")


async def test_an_error_survives_another_process(shop: Stockspan) -> None:
    with pytest.raises(ProblemError) as caught:
        await shop.stock("nothing")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert (type(again), again.type, str(again)) == (
        UnknownSkuError,
        "/problems/unknown-sku",
        str(caught.value),
    )


async def test_a_wrong_key_is_refused_and_never_shown(gateway: Gateway) -> None:
    async with Stockspan(gateway.url, key="very-secret") as shop:
        assert "very-secret" not in repr(shop)
        with pytest.raises(UnauthorizedError) as caught:
            await shop.stock("A-100")
    assert "very-secret" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "ärm", ""])
def test_what_cannot_be_a_key_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError, match=r"^key must be printable ASCII, without spaces$"):
        Stockspan("https://stock.example", key=key)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "stock.example",
        "ftp://stock.example",
        "https://u:secret@stock.example",
        "https://x/?a=1",
        "https://u:secret@[",
    ],
)
def test_what_cannot_be_an_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^url must be") as caught:
        Stockspan(url)
    assert "secret" not in str(caught.value)


async def test_it_is_used_within_its_block_alone(gateway: Gateway) -> None:
    shop = Stockspan(gateway.url)
    with pytest.raises(RuntimeError, match="async with"):
        await shop.stock("A-100")
    async with shop:
        await shop.stock("A-100")
        with pytest.raises(RuntimeError, match="in use already"):
            await shop.__aenter__()
    with pytest.raises(RuntimeError, match="async with"):
        await shop.stock("A-100")


async def test_an_idempotency_key_that_cannot_be_sent_is_refused(shop: Stockspan) -> None:
    with pytest.raises(ValueError, match="idempotency_key"):
        await shop.reserve([Line("A-100", 1)], idempotency_key="a\r\nX: y")


async def test_nobody_there_is_its_own_error(unused_tcp_port: int) -> None:
    async with Stockspan(f"http://127.0.0.1:{unused_tcp_port}", key=ALL, deadline=0.05) as shop:
        with pytest.raises(NoAnswerError, match="Cannot connect") as caught:
            await shop.stock("A-100")
    assert caught.value.passing
