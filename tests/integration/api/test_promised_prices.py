"""A reservation may carry the prices that a checkout gave: verified, kept and shown."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.tokens.key_material import read_private_key
from gateway.tokens.price_tokens import PriceTokens
from tests.bad_tokens import ISSUER, MAIN, STRANGER, with_claims
from tests.gateway_server import NOON_MS, Gateway
from tests.integration.api.reserving import (
    look,
    price_token,
    priced_shop,
    problem,
    shop,
    wrong_fields,
)
from tests.promising_gateway import held, line, reserve, salable, step

HOUR_MS = 3_600_000
TEN = line("A-100", 10)


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with priced_shop(redis_url, ledger_dsn) as gateway:
        yield gateway


async def test_the_prices_are_kept_and_shown(gateway: Gateway) -> None:
    token = await price_token(gateway, TEN, line("B-200", 1.5), customer="C-1")
    asked = {"customer": "C-1", "price_token": token}
    made = await reserve(gateway, TEN, line("B-200", 1.5), **asked)
    assert (made.status, made.json["price_token"]) == (201, token)
    name = made.json["reservation"]
    assert (await look(gateway, name)).json == made.json
    confirmed = await step(gateway, name, "confirm", {"order_ref": "O-1"})
    assert confirmed.json["price_token"] == token


async def test_the_same_units_on_other_lines_are_the_same(gateway: Gateway) -> None:
    token = await price_token(gateway, TEN)
    lines = [line("A-100", 4), line("A-100", 6)]
    made = await reserve(gateway, *lines, price_token=token)
    assert made.status == 201
    token = await price_token(gateway, *lines)
    assert (await reserve(gateway, TEN, price_token=token)).status == 201


async def test_a_token_says_for_which_channel(gateway: Gateway) -> None:
    token = await price_token(gateway, TEN, channel="shop")
    made = await reserve(gateway, TEN, price_token=token)
    assert (made.status, made.json["channel"]) == (201, "shop")
    refused = await reserve(gateway, TEN, price_token=token, channel="web")
    assert wrong_fields(refused) == ["price_token"]


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        ([line("A-100", 9)], {"customer": "C-1"}),
        ([line("A-100", 11)], {"customer": "C-1"}),
        ([line("A-100", 10), line("A-100", 1)], {"customer": "C-1"}),
        ([line("A-100", 10), line("B-200", 1)], {"customer": "C-1"}),
        ([line("B-200", 10)], {"customer": "C-1"}),
        ([TEN], {"customer": "C-2"}),
        ([TEN], {"customer": "c-1"}),
        ([TEN], {}),
    ],
)
async def test_prices_for_something_else_are_refused(
    gateway: Gateway, lines: list[Any], more: dict[str, str]
) -> None:
    token = await price_token(gateway, TEN, customer="C-1")
    refused = await reserve(gateway, *lines, price_token=token, **more)
    assert wrong_fields(refused) == ["price_token"]
    assert await salable(gateway, "A-100", "B-200") == [30, 3]


async def test_nobodys_prices_are_not_a_customers(gateway: Gateway) -> None:
    token = await price_token(gateway, TEN)
    refused = await reserve(gateway, TEN, price_token=token, customer="C-1")
    assert wrong_fields(refused) == ["price_token"]


async def test_expired_prices_are_refused(gateway: Gateway) -> None:
    token = await price_token(gateway, TEN)
    gateway.clock.now_ms = NOON_MS + HOUR_MS - 1
    assert (await reserve(gateway, TEN, price_token=token)).status == 201
    gateway.clock.now_ms = NOON_MS + HOUR_MS
    refused = await reserve(gateway, TEN, price_token=token)
    assert wrong_fields(refused) == ["price_token"]
    assert await salable(gateway, "A-100") == [20]


def _part(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def _sealed(what: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(what).encode()).rstrip(b"=").decode()


async def test_forged_prices_are_refused(gateway: Gateway) -> None:
    token = await price_token(gateway, TEN)
    header, claims, signature = token.split(".")
    cheaper = _part(claims) | {"totals": {}}
    unsigned = _part(header) | {"alg": "none"}
    stranger = PriceTokens(
        ISSUER, HOUR_MS, {"main": read_private_key(STRANGER.private_pem, "ES256")}, "main"
    )
    elsewhere = PriceTokens(
        "https://other.example",
        HOUR_MS,
        {"main": read_private_key(MAIN.private_pem, "ES256")},
        "main",
    )
    good = {name: _part(claims)[name] for name in ("customer", "channel", "lines")}
    for forged in (
        f"{header}.{_sealed(cheaper)}.{signature}",
        f"{_sealed(unsigned)}.{claims}.",
        f"{_sealed(unsigned)}.{claims}.{signature}",
        f"{header}.{claims}.",
        f"{header}.{claims}.{'A' * len(signature)}",
        f"{header}.{claims}",
        stranger.sign(good, NOON_MS),
        elsewhere.sign(good, NOON_MS),
        # By the same key as prices here, but it is a customer's.
        with_claims(lines=good["lines"], channel=good["channel"]),
        "",
        "..",
        "ä.ö.ü",
        "a" * 100_000,
    ):
        refused = await reserve(gateway, TEN, price_token=forged)
        assert wrong_fields(refused) == ["price_token"], forged[:80]
    assert await salable(gateway, "A-100") == [30]
    assert (await reserve(gateway, TEN, price_token=token)).status == 201


async def test_where_nothing_is_signed_no_prices_are_good(
    gateway: Gateway, redis_url: str, ledger_dsn: str
) -> None:
    token = await price_token(gateway, TEN)
    async with shop(redis_url, ledger_dsn) as other:
        refused = await reserve(other, TEN, price_token=token)
        assert wrong_fields(refused) == ["price_token"]


async def test_prices_hold_no_units_that_are_not_there(gateway: Gateway) -> None:
    token = await price_token(gateway, line("A-100", 31))
    refused = await reserve(gateway, line("A-100", 31), price_token=token)
    assert problem(refused) == (409, "insufficient-stock")


async def test_the_customers_own_channel_is_taken(gateway: Gateway) -> None:
    name = await held(gateway, line("A-100", 1), customer="walk-in")
    assert (await look(gateway, name)).json["channel"] == "shop"
