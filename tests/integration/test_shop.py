"""The sample shop's server by itself: what it says while the gateway or the ERP is away."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import ClientSession, web

from stockspan.embedded.ports import HOST, free_port
from tests.running_shop import SEEING_KEY, answered, gateway_of, nowhere, running_shop

_EXPLAINED = {"explanation": [{"price_list": "LIST-EUR"}], "sku": "A-100"}
_LINES = {"lines": [{"sku": "A-100", "quantity": 2.5}]}


def _shop(gateway: str) -> AbstractAsyncContextManager[ClientSession]:
    return running_shop(gateway, nowhere())


async def _get(shop: ClientSession, path: str) -> tuple[int, Any]:
    return await answered(shop, "GET", path)


async def _ask(shop: ClientSession, body: object) -> tuple[int, Any]:
    return await answered(shop, "POST", "/prices.json", json=body)


async def test_without_a_gateway_the_page_is_there_and_prices_are_away() -> None:
    async with _shop(f"http://{HOST}:{free_port()}") as shop:
        assert (await _get(shop, "/"))[0] == 200
        away = (503, {"error": "the gateway is away"})
        assert await _get(shop, "/why.json?sku=A-100") == away
        assert (await _ask(shop, _LINES))[0] == 503


@pytest.mark.parametrize("said", ["<html>no", "[]", ""])
async def test_what_is_no_answer_of_a_gateway_is_none(said: str) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=said)

    async with gateway_of(handler) as gateway, _shop(gateway) as shop:
        assert (await _ask(shop, _LINES))[0] == 503


async def test_without_an_erp_lists_go_by_their_ids() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(_EXPLAINED)

    async with gateway_of(handler) as gateway, _shop(gateway) as shop:
        assert await _get(shop, "/why.json?sku=A-100") == (200, {**_EXPLAINED, "titles": {}})
        assert await _get(shop, "/customers.json") == (503, {"error": "the ERP is away"})


async def test_asks_with_its_key_what_the_page_asked() -> None:
    asked: list[tuple[str, dict[str, str], Any]] = []

    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {SEEING_KEY}"
        body = await request.json() if request.can_read_body else None
        asked.append((request.path, dict(request.query), body))
        return web.json_response({"type": "/problems/not-ready"}, status=503)

    async with gateway_of(handler) as gateway, _shop(gateway) as shop:
        assert (await _ask(shop, {**_LINES, "customer": "10001"}))[0] == 503
        status, problem = await _get(shop, "/why.json?sku=A%2F1%26x&quantity=1000000.5&channel=se")
        assert (status, problem["type"]) == (503, "/problems/not-ready")
        for wrong in ({}, {"lines": 1}, {**_LINES, "at": "now"}, {"lines": [{"quantity": 1}]}):
            assert (await _ask(shop, wrong))[0] == 400
        for query in ("", "?sku=A-1&quantity=many"):
            assert (await _get(shop, f"/why.json{query}"))[0] == 400
    assert asked == [
        ("/v1/prices/query", {}, {**_LINES, "customer": "10001"}),
        (
            "/v1/prices",
            {"sku": "A/1&x", "quantity": "1000000.5", "channel": "se", "explain": "true"},
            None,
        ),
    ]
