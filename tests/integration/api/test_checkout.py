"""The checkout lookup over HTTP, by example (CONTRACT 5)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from gateway.domain.money import parse_percent
from gateway.domain.price_lists import Discount
from gateway.domain.stock import Location, LocationKind, Product
from tests.bad_tokens import MAIN
from tests.gateway_server import ALL, CHECKOUT, NOON_MS, Answered, Gateway, running
from tests.priced_gateway import CHANNELS, ms, priced, row

PLACES = (
    Location("W1", "Malmö", handling_days=1, priority=2),
    Location("W2", "Gent", handling_days=2, priority=1),
    Location("S1", "Lund", LocationKind.STORE, ships=False, pickup=True),
    Location("S2", "Ystad", LocationKind.STORE, ships=False, channels=("shop",)),
)
BOX = Product(
    tax_rate="0.25", min_order_quantity=6_000, order_multiple=4_000, max_order_quantity=40_000
)


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    async with priced(redis_url) as gateway:
        store = gateway.store
        await store.locate(*PLACES)
        await store.stock("split", {"W1": 4, "W2": 3, "S1": 5}, Product(tax_rate="0.25"))
        await store.stock("box", {"W1": 100}, BOX)
        await store.stock("later", {"W1": 0}, Product(backorder=True, lead_time_days=10))
        await store.prices(row("base", "split", "10"), row("base", "box", "2.5"))
        await gateway.refresh()
        yield gateway


async def _look(gateway: Gateway, *lines: Any, key: str = CHECKOUT, **fields: Any) -> Any:
    answer = await _post(gateway, {"lines": list(lines), **fields}, key)
    assert answer.status == 200, answer.body
    return answer.json


async def _post(gateway: Gateway, body: Any, key: str | None = CHECKOUT) -> Answered:
    return await gateway.ask("/v1/checkout", "POST", key=key, json=body)


def _line(sku: str, quantity: float, location: str | None = None) -> dict[str, Any]:
    line: dict[str, Any] = {"sku": sku, "quantity": quantity}
    return line if location is None else line | {"location": location}


async def test_a_cart_is_answered_field_by_field(gateway: Gateway) -> None:
    asked: dict[str, Any] = {"confirm": "low", "deadline_ms": 300}
    cart = await _look(gateway, _line("A-100", 10), customer="C-1", **asked)
    (line,) = cart.pop("lines")
    token = cart.pop("price_token")
    assert cart == {
        "customer": "C-1",
        "customer_status": "active",
        "channel": "web",
        "currency": "SEK",
        "totals": {
            "net": {"amount": "790.00", "currency": "SEK"},
            "tax": {"amount": "197.50", "currency": "SEK"},
            "gross": {"amount": "987.50", "currency": "SEK"},
        },
    }
    confirmed = ["confirmed", "confirm_reason"]
    assert list(line) == ["sku", "quantity", "stock", "price", "rules", *confirmed, "errors"]
    assert (line["sku"], line["quantity"], line["confirmed"]) == ("A-100", 10, False)
    assert line["confirm_reason"] == "not-asked"
    assert line["errors"] == []
    price = await gateway.ask("/v1/prices?sku=A-100&customer=C-1&quantity=10", key=ALL)
    stock = await gateway.ask("/v1/stock/A-100?quantity=10", key=ALL)
    assert line["price"] == price.json
    # What the scope `stock:exact` sees, less the figure itself.
    assert line["stock"] == {name: v for name, v in stock.json.items() if name != "salable"}
    none = {"limit": None, "kept": True}
    assert line["rules"] == {
        "kept": True,
        "nearest": 10,
        "min_order_quantity": none,
        "order_multiple": none,
        "max_order_quantity": none,
    }
    assert token


async def test_the_figure_is_for_those_who_may_see_it(gateway: Gateway) -> None:
    (public,) = (await _look(gateway, _line("split", 8)))["lines"]
    (exact,) = (await _look(gateway, _line("split", 8), key=ALL))["lines"]
    assert "salable" not in public["stock"]
    assert exact["stock"] == public["stock"] | {"salable": 7}
    assert public["stock"]["sufficient"] is False


async def test_sufficient_is_exact(gateway: Gateway) -> None:
    async def sufficient(*lines: Any) -> list[bool]:
        cart = await _look(gateway, *lines)
        return [line["stock"]["sufficient"] for line in cart["lines"]]

    # Within the span of 5 to 19, where the public answer would be null.
    assert await sufficient(_line("split", 7)) == [True]
    assert await sufficient(_line("split", 7.001)) == [False]
    assert await sufficient(_line("later", 50)) == [True]


async def test_lines_of_one_sku_are_summed_before_they_are_judged(gateway: Gateway) -> None:
    lines = [_line("split", 4), _line("A-100", 1), _line("split", 3)]
    enough = await _look(gateway, *lines)
    assert [line["stock"]["sufficient"] for line in enough["lines"]] == [True, True, True]
    lines[2] = _line("split", 3.5)
    short = await _look(gateway, *lines)
    assert [line["stock"]["sufficient"] for line in short["lines"]] == [False, True, False]
    assert [line["quantity"] for line in short["lines"]] == [4, 1, 3.5]


async def test_a_line_may_name_its_place(gateway: Gateway) -> None:
    cart = await _look(gateway, _line("split", 4, "W1"), _line("split", 5, "S1"), _line("split", 3))
    here, store, rest = cart["lines"]
    assert [line.get("location") for line in cart["lines"]] == ["W1", "S1", None]
    assert list(here)[:3] == ["sku", "quantity", "location"]
    # What W1 gives is gone from what ships; what the store gives is not.
    assert [line["stock"]["sufficient"] for line in (here, store, rest)] == [True, True, True]
    cart = await _look(gateway, _line("split", 4, "W1"), _line("split", 4))
    assert [line["stock"]["sufficient"] for line in cart["lines"]] == [True, False]
    cart = await _look(gateway, _line("split", 3, "W1"), _line("split", 2, "W1"))
    assert [line["stock"]["sufficient"] for line in cart["lines"]] == [False, False]


@pytest.mark.parametrize("place", ["nowhere", "S2"])
async def test_a_place_that_does_not_serve_is_the_lines_error(gateway: Gateway, place: str) -> None:
    cart = await _look(gateway, _line("split", 1, place), _line("split", 1))
    wrong, right = cart["lines"]
    error = {"type": "/problems/unknown-location", "title": "Unknown location"}
    assert (wrong["stock"], wrong["errors"]) == (None, [error])
    assert wrong["price"]["unit_price"]["amount"] == "10.00"
    assert (right["errors"], right["stock"]["sufficient"]) == ([], True)


@pytest.mark.parametrize(
    ("quantities", "nearest", "kept"),
    [
        ([8], 8, (True, True, True)),
        ([4], 8, (False, True, True)),
        ([1], 8, (False, False, True)),
        ([9], 8, (True, False, True)),
        ([10], 12, (True, False, True)),
        ([44], 40, (True, True, False)),
        ([45.5], 40, (True, False, False)),
        # Together they are what is judged.
        ([4, 4], 8, (True, True, True)),
        ([5, 6], 12, (True, False, True)),
    ],
)
async def test_rules_are_held_against_all_that_is_wanted(
    gateway: Gateway, quantities: list[float], nearest: float, kept: tuple[bool, ...]
) -> None:
    cart = await _look(gateway, *[_line("box", quantity) for quantity in quantities])
    for line in cart["lines"]:
        assert line["rules"] == {
            "kept": all(kept),
            "nearest": nearest,
            "min_order_quantity": {"limit": 6, "kept": kept[0]},
            "order_multiple": {"limit": 4, "kept": kept[1]},
            "max_order_quantity": {"limit": 40, "kept": kept[2]},
        }
        assert line["errors"] == []


async def test_where_no_quantity_keeps_the_rules_none_is_near(gateway: Gateway) -> None:
    impossible = Product(order_multiple=10_000, max_order_quantity=9_000)
    await gateway.store.stock("never", {"W1": 100}, impossible)
    (line,) = (await _look(gateway, _line("never", 5)))["lines"]
    assert (line["rules"]["kept"], line["rules"]["nearest"]) == (False, None)


async def test_errors_stand_at_their_lines_and_the_rest_is_answered(gateway: Gateway) -> None:
    cart = await _look(
        gateway, _line("X", 1), _line("unpriced", 2), _line("A-100", 1), _line("secret", 1)
    )
    unknown, unpriced, good, secret = cart["lines"]
    for line in (unknown, secret):
        assert line["stock"] is line["price"] is line["rules"] is None
        assert line["errors"] == [{"type": "/problems/unknown-sku", "title": "Unknown SKU"}]
    assert unpriced["errors"] == [{"type": "/problems/no-price", "title": "No price"}]
    assert (unpriced["price"], unpriced["stock"]["sufficient"]) == (None, True)
    assert unpriced["rules"]["kept"] is True
    assert good["errors"] == []
    # Over what has a price.
    assert cart["totals"]["gross"] == {"amount": "125.00", "currency": "SEK"}


async def test_totals_are_sums_of_lines_that_were_rounded(gateway: Gateway) -> None:
    # 3 × 0.0049 and 25 % of it: 0.01 and 0.00 at each line, whatever the sum would be.
    cart = await _look(gateway, *[_line("odd", 3) for _ in range(4)])
    totals = {name: money["amount"] for name, money in cart["totals"].items()}
    assert totals == {"net": "0.04", "tax": "0.00", "gross": "0.04"}


@pytest.mark.parametrize(
    ("customer", "status", "errors"),
    [("hold", "credit_hold", 0), ("blocked", "blocked", 1), (None, None, 0)],
)
async def test_the_cart_says_how_the_customer_stands(
    gateway: Gateway, customer: str | None, status: str | None, errors: int
) -> None:
    cart = await _look(gateway, _line("A-100", 1), customer=customer)
    assert (cart["customer"], cart["customer_status"]) == (customer, status)
    assert [len(line["errors"]) for line in cart["lines"]] == [errors]
    if errors:
        assert cart["price_token"] is None


async def test_the_token_holds_what_was_told(gateway: Gateway) -> None:
    asked = (_line("A-100", 10), _line("X", 1), _line("B-200", 1.5))
    cart = await _look(gateway, *asked, customer="C-1")
    key_set = (await gateway.ask("/.well-known/jwks.json")).json
    key = jwt.PyJWK(key_set["keys"][0])
    claims = jwt.decode(
        cart["price_token"], key, algorithms=["ES256"], options={"verify_exp": False}
    )
    priced_lines = [line["price"] for line in cart["lines"] if line["price"] is not None]
    assert claims["customer"] == "C-1"
    assert (claims["currency"], claims["channel"]) == ("SEK", "web")
    assert [
        (line["sku"], line["quantity"], line["unit_price"], line["line_gross"])
        for line in claims["lines"]
    ] == [
        (
            price["sku"],
            price["quantity"],
            price["unit_price"]["amount"],
            price["line_gross"]["amount"],
        )
        for price in priced_lines
    ]
    assert claims["totals"]["gross"] == cart["totals"]["gross"]["amount"]
    assert (claims["iat"], claims["exp"]) == (NOON_MS // 1000, NOON_MS // 1000 + 3600)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(cart["price_token"][:-4] + "AAAA", key, algorithms=["ES256"])
    assert MAIN.private_pem.encode() not in (await gateway.ask("/.well-known/jwks.json")).body


async def test_where_no_key_is_configured_nothing_is_signed(redis_url: str) -> None:
    async with priced(redis_url, price_tokens=None) as gateway:
        assert (await _look(gateway, _line("A-100", 1)))["price_token"] is None


async def test_words_are_in_the_language_asked_for(gateway: Gateway) -> None:
    async def label(headers: dict[str, str], **fields: Any) -> str:
        body = {"lines": [_line("A-100", 1)], **fields}
        answer = await gateway.ask("/v1/checkout", "POST", key=CHECKOUT, json=body, headers=headers)
        return str(answer.json["lines"][0]["stock"]["label"])

    assert await label({}) == "20+ available"
    assert await label({"Accept-Language": "sv"}) == "20+ i lager"
    assert await label({"Accept-Language": "de"}, locale="sv-SE") == "20+ i lager"
    assert await label({}, channel="shop") == "20+ i lager"


async def test_a_shop_without_prices_has_a_checkout_of_stock(redis_url: str) -> None:
    async with running(redis_url, channels=CHANNELS) as gateway:
        await gateway.store.verify(NOON_MS)
        await gateway.store.stock("A", {"W1": 3})
        await gateway.refresh()
        cart = await _look(gateway, _line("A", 3))
        (line,) = cart["lines"]
        assert (line["stock"]["sufficient"], line["price"]) == (True, None)
        assert line["errors"] == [{"type": "/problems/no-price", "title": "No price"}]
        assert cart["totals"]["gross"] == {"amount": "0.00", "currency": "SEK"}
        named = await _post(gateway, {"customer": "C", "lines": [_line("A", 1)]})
        assert (named.status, named.json["type"]) == (404, "/problems/unknown-customer")


async def test_a_cold_store_is_not_ready(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        await gateway.refresh()
        answer = await _post(gateway, {"lines": [_line("A", 1)]})
        assert (answer.status, answer.json["type"]) == (503, "/problems/not-ready")


async def test_unknown_customers_and_channels_are_problems(gateway: Gateway) -> None:
    for name in ("customer", "channel"):
        answer = await _post(gateway, {"lines": [_line("A-100", 1)], name: "nobody"})
        assert (answer.status, answer.json["type"]) == (404, f"/problems/unknown-{name}")
        assert answer.headers["Cache-Control"] == "private, no-store"


async def test_a_price_of_another_time_is_not_asked_for_here(gateway: Gateway) -> None:
    cart = await _look(gateway, _line("A-100", 1), at="2027-04-01T00:00:00Z", customer="hold")
    assert cart["lines"][0]["price"]["price_list"] == "base"
    gateway.clock.now_ms = ms("2027-04-01")
    cart = await _look(gateway, _line("A-100", 1), customer="hold")
    assert cart["lines"][0]["price"]["price_list"] == "spring"


async def test_two_hundred_lines_are_answered_and_not_one_more(gateway: Gateway) -> None:
    lines = [_line("A-100", 1)] * 200
    cart = await _look(gateway, *lines, customer="C-1")
    assert len(cart["lines"]) == 200
    # Of one SKU there are not two hundred times one, but two hundred.
    assert {line["stock"]["sufficient"] for line in cart["lines"]} == {False}
    answer = await _post(gateway, {"lines": [*lines, _line("A-100", 1)]})
    assert [error["field"] for error in answer.json["errors"]] == ["lines"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"lines": []}, ["lines"]),
        ({"lines": None}, ["lines"]),
        ({"lines": [{"sku": "A"}]}, ["quantity"]),
        ({"lines": [{"quantity": 1}]}, ["sku"]),
        ({"lines": [{"sku": "A", "quantity": None}]}, ["lines[0].quantity"]),
        ({"lines": [_line("A", 0)]}, ["lines[0].quantity"]),
        ({"lines": [_line("A", 1e308)]}, ["lines[0].quantity"]),
        (
            {"lines": [_line("A", 1), _line("B", 0.0001, "")]},
            ["lines[1].location", "lines[1].quantity"],
        ),
        ({"lines": [_line(" ", 1)]}, ["lines[0].sku"]),
        ({"lines": [{"sku": "A", "quantity": 1, "location": 1}]}, ["lines[0].location"]),
        ({"confirm": "sometimes"}, ["confirm"]),
        ({"confirm": True}, ["confirm"]),
        ({"deadline_ms": -1}, ["deadline_ms"]),
        ({"deadline_ms": 0}, ["deadline_ms"]),
        ({"deadline_ms": 5_001}, ["deadline_ms"]),
        ({"deadline_ms": 1.5}, ["deadline_ms"]),
        ({"deadline_ms": "300"}, ["deadline_ms"]),
        ({"deadline_ms": 1e308}, ["deadline_ms"]),
        ({"locale": "fr"}, ["locale"]),
        ({"currency": "kr", "customer": "", "channel": "\n"}, ["customer", "channel", "currency"]),
    ],
)
async def test_everything_wrong_is_named(
    gateway: Gateway, fields: dict[str, Any], wrong: list[str]
) -> None:
    answer = await _post(gateway, {"lines": [_line("A-100", 1)], **fields})
    assert (answer.status, answer.json["type"]) == (400, "/problems/invalid-request")
    assert [error["field"] for error in answer.json["errors"]] == wrong
    assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("confirm", "reasons"),
    [
        (None, [None, None, None]),
        ("never", [None, None, None]),
        ("low", ["not-asked", "no-loader", "not-asked"]),
        ("always", ["no-loader", "no-loader", "not-asked"]),
    ],
)
async def test_without_a_loader_nothing_is_confirmed(
    gateway: Gateway, confirm: str | None, reasons: list[str | None]
) -> None:
    await gateway.listen()
    # Of "split" there are less than twice as many, though enough; nothing is known of "X".
    lines = [_line("A-100", 1), _line("split", 4), _line("X", 1)]
    cart = await _look(gateway, *lines, confirm=confirm, deadline_ms=5_000)
    assert [line["confirmed"] for line in cart["lines"]] == [False] * 3
    assert [line.get("confirm_reason") for line in cart["lines"]] == reasons


async def test_the_price_is_this_customers_in_all_of_the_cart(gateway: Gateway) -> None:
    await gateway.store.discount(Discount("K", "P", parse_percent("30")))
    for customer, price_list in (
        ("C-1", "contract-42"),
        ("C-2", "contract-77"),
        ("matrix", "discounts"),
    ):
        cart = await _look(gateway, _line("A-100", 1), customer=customer)
        assert cart["lines"][0]["price"]["price_list"] == price_list
