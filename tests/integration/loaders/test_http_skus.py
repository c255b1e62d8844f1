"""Some SKUs from a REST API: in the path or many in a parameter, each as itself and no other."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.config.feed_sections import Feed
from gateway.config.http_sections import HttpSource
from gateway.config.refresh_sections import SkuQuery
from gateway.config.settings import Settings
from loaders.errors import SourceError
from loaders.sources.http_erp import HttpLimits
from loaders.sources.http_skus import HttpSkus
from tests.examples import examples
from tests.rest_erp import Handler, RestErp, data, rest_erp

MAPPING = {"sku": "no", "location": "'W1'", "quantity": "stock"}
BY_PATH = {"path": "items/{sku}", "rows": "[@]"}
ODATA = {"param": "$filter", "each": "no eq '{sku}'", "join": " or "}


@asynccontextmanager
async def asked(answer: Handler, **query: Any) -> AsyncIterator[tuple[RestErp, HttpSkus]]:
    async with rest_erp(answer) as erp:
        source = HttpSource.model_validate({"type": "http", "url": erp.url, "burst": 100})
        feed = Feed.model_validate(
            {
                "kind": "stock",
                "source": "erp",
                "path": "items",
                "rows": "value",
                "mapping": MAPPING,
                "sku_query": query,
            }
        )
        assert feed.sku_query is not None
        limits = HttpLimits(source, time.monotonic)
        reader = HttpSkus("stock", feed, feed.sku_query, source, limits, time.monotonic)
        try:
            yield erp, reader
        finally:
            await reader.close()


async def found(reader: HttpSkus, skus: Sequence[str]) -> dict[str, float]:
    reading = await reader.some(skus)
    rows = [json.loads(line) async for chunk in reading.lines for line in chunk.split(b"\n")]
    return {row["sku"]: row["quantity"] for row in rows if row}


async def one_item(request: web.Request) -> web.Response:
    sku = unquote(request.raw_path.removeprefix("/items/"))
    if sku == "none":
        return web.Response(status=404)
    return web.json_response({"no": sku, "stock": len(sku)})


async def those_in_the_filter(request: web.Request) -> web.Response:
    """As an OData service reads its filter."""
    asked = re.fullmatch(r"(no eq '((?:[^']|'')*)'( or |$))+", request.query["$filter"])
    assert asked is not None
    found = [found.replace("''", "'") for found in re.findall(r"'((?:[^']|'')*)'", asked[0])]
    return data({"value": [{"no": sku, "stock": 1} for sku in found if sku != "none"]})


async def test_each_by_its_own_address() -> None:
    async with asked(one_item, **BY_PATH) as (erp, reader):
        assert await found(reader, ["A", "none", "BB"]) == {"A": 1, "BB": 2}
        assert sorted(erp.addresses) == ["/items/A", "/items/BB", "/items/none"]


@settings(max_examples=examples(200), suppress_health_check=list(HealthCheck))
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=12))
async def test_every_sku_is_itself_in_a_path(sku: str) -> None:
    async with asked(one_item, **BY_PATH) as (_, reader):
        expected = {} if sku in {".", "..", "none"} else {sku: len(sku)}
        assert await found(reader, [sku]) == expected


async def test_many_in_a_parameter_and_no_more_than_it_takes() -> None:
    skus = [f"S{number}" for number in range(7)]
    async with asked(those_in_the_filter, **ODATA, most=3) as (erp, reader):
        assert await found(reader, [*skus, "none"]) == dict.fromkeys(skus, 1)
        assert len(erp.asked) == 3


@pytest.mark.parametrize("sku", ["O'Neill", "' or no ne '", "a}{b", "ä & b?c=d#e", "100%25"])
async def test_a_sku_is_no_part_of_the_question(sku: str) -> None:
    async with asked(those_in_the_filter, **ODATA) as (_, reader):
        assert await found(reader, [sku]) == {sku: 1}


async def test_what_could_be_taken_for_two_is_not_asked_for() -> None:
    async def by_commas(request: web.Request) -> web.Response:
        return data(
            {"value": [{"no": sku, "stock": 1} for sku in request.query["skus"].split(",")]}
        )

    async with asked(by_commas, param="skus") as (erp, reader):
        assert await found(reader, ["A", "B,C"]) == {"A": 1}
        assert await found(reader, ["B,C"]) == {}
        assert erp.addresses == ["/items?skus=A"]


async def test_an_answer_that_goes_on_is_not_the_whole_of_it() -> None:
    async def first_page(request: web.Request) -> web.Response:
        rows = {"value": [{"no": "A", "stock": 1}]}
        return data(rows, Link=f'<{request.path}?2>; rel="next"')

    async with asked(first_page, param="skus") as (_, reader):
        with pytest.raises(SourceError, match="lower most of sku_query"):
            await reader.some(["A"])


async def test_one_that_fails_ends_them_all() -> None:
    async def broken(request: web.Request) -> web.Response:
        if request.path.endswith("B"):
            return web.Response(status=500)
        return await one_item(request)

    async with asked(broken, **BY_PATH) as (_, reader):
        with pytest.raises(SourceError, match="the ERP answers 500"):
            await reader.some(["A", "B", "C"])


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({}, "needs either {sku} in its path or a param"),
        ({"path": "items"}, "needs either {sku} in its path or a param"),
        ({"path": "items/{sku}", "param": "sku"}, "needs either {sku} in its path or a param"),
        ({"path": "items/{number}"}, "must hold no braces"),
        ({"path": "https://elsewhere.example/{sku}"}, "must be relative"),
        ({"param": "sku", "each": "no"}, "must be one line that holds {sku}"),
        ({"param": "sku", "most": 0}, "greater than or equal to 1"),
        ({"param": "sku", "join": ""}, "at least 1 character"),
    ],
)
def test_a_wrong_question_is_said(query: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told.replace("{", r"\{").replace("}", r"\}")):
        SkuQuery.model_validate(query)


@pytest.mark.parametrize(
    ("feed", "told"),
    [
        ({"kind": "products", "mapping": {"sku": "no"}}, "sku_query: is for feeds of stock"),
        ({"kind": "stock", "source": "base", "query": "SELECT"}, "is for feeds from http"),
    ],
)
def test_where_single_skus_cannot_be_asked_for(feed: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Settings.model_validate(
            {
                "sources": {
                    "erp": {"type": "http", "url": "http://erp.example"},
                    "base": {"type": "postgres", "dsn": "postgresql://erp.example/erp"},
                },
                "feeds": {"x": {"source": "erp", "sku_query": {"param": "sku"}, **feed}},
            }
        )
