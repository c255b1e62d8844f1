"""The example's settings against a server that answers in the shape of Business Central's API."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from gateway.config.file import load_settings
from gateway.domain.customers import CustomerStatus
from gateway.domain.stock import ProductStatus
from gateway.store.prices import PriceStore
from loaders.schedule import keepers
from tests.integration.loaders.conftest import warehouse
from tests.rest_erp import data, rest_erp

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

__all__ = ["warehouse"]

EXAMPLE = Path(__file__).parents[2] / "examples/business-central/stockspan.toml"
PAGE = 40


def item(number: int, **more: Any) -> dict[str, Any]:
    return {
        "@odata.etag": f'W/"JzE5O{number}"',
        "id": f"fca5738a-44e3-ea11-bb43-{number:012}",
        "number": f"{1000 + number}-S",
        "displayName": f"ATHENS Desk {number}",
        "type": "Inventory",
        "itemCategoryId": "e21a6a90-44e3-ea11-bb43-000d3a2feca1",
        "itemCategoryCode": "TABLE",
        "blocked": False,
        "gtin": "",
        "inventory": number,
        "unitPrice": 1000.8,
        "priceIncludesTax": False,
        "unitCost": 780.7,
        "taxGroupCode": "FURNITURE",
        "baseUnitOfMeasureCode": "PCS",
        "lastModifiedDateTime": f"2026-03-{1 + number // 4:02}T00:35:30.073Z",
        **more,
    }


def customer(number: str, blocked: str, currency: str = "") -> dict[str, Any]:
    return {
        "id": "id",
        "number": number,
        "displayName": f"Customer {number}",
        "type": "Company",
        "currencyCode": currency,
        "blocked": blocked,
        "lastModifiedDateTime": "2026-03-07T00:35:30.073Z",
    }


class BusinessCentral:
    """What its API says, in pages, to those who have a token."""

    def __init__(self) -> None:
        self.filters: list[str] = []
        self.sets: dict[str, list[dict[str, Any]]] = {
            "items": [
                *(item(number) for number in range(1, 100)),
                item(100, blocked=True, inventory=-2, unitPrice=99.9, priceIncludesTax=True),
                item(101, type="Service"),
            ],
            "customers": [
                customer("10000", "_x0020_"),
                customer("20000", "All"),
                customer("30000", "Invoice", "EUR"),
            ],
            "companyInformation": [{"id": "id", "displayName": "CRONUS", "currencyCode": "SEK"}],
        }

    async def answer(self, request: web.Request) -> web.Response:
        if request.path.endswith("/token"):
            form = await request.post()
            assert form["scope"] == "https://api.businesscentral.dynamics.com/.default"
            return data({"token_type": "Bearer", "expires_in": 3599, "access_token": "eyJ0"})
        if request.headers.get("Authorization") != "Bearer eyJ0":
            return web.Response(status=401)
        asked = request.query.get("$filter", "")
        self.filters.append(asked)
        found = [row for row in self.sets[request.path.rsplit("/", 1)[1]] if _passes(row, asked)]
        at = int(request.query.get("$skiptoken", 0))
        body: dict[str, Any] = {
            "@odata.context": "$metadata",
            "value": found[at:][:PAGE],
        }
        if at + PAGE < len(found):
            following = request.url.update_query({"$skiptoken": str(at + PAGE)})
            body["@odata.nextLink"] = str(following)
        return data(body)


def _passes(row: dict[str, Any], asked: str) -> bool:
    kinds = re.findall(r"type eq '(\w+)'", asked)
    since = re.findall(r"lastModifiedDateTime gt (\S+)", asked)
    return all(row["type"] == kind for kind in kinds) and all(
        row["lastModifiedDateTime"] > moment for moment in since
    )


async def test_the_example_takes_over_what_the_api_says(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    central = BusinessCentral()
    async with rest_erp(central.answer) as erp:
        monkeypatch.setenv("STOCKSPAN_SOURCES__BC__URL", f"{erp.url}/v2.0/companies(f64eba74)")
        monkeypatch.setenv("STOCKSPAN_SOURCES__BC__AUTH__TOKEN_URL", f"{erp.url}/oauth2/token")
        settings = load_settings(EXAMPLE)
        kept = {keeper.feed.name: keeper for keeper in keepers(settings, warehouse.ingest)}
        async with AsyncExitStack() as stack:
            for keeper in kept.values():
                stack.push_async_callback(keeper.close)
            outcomes = {name: await keeper.snapshot() for name, keeper in kept.items()}
            assert {name: o.accepted for name, o in outcomes.items() if o is not None} == {
                "products": 100,
                "stock": 99,
                "price_lists": 1,
                "customers": 3,
                "prices": 99,
            }
            stock = outcomes["stock"]
            assert stock is not None
            rejected = stock.rejections[0]
            assert (rejected.key["sku"], rejected.reason) == ("1100-S", "must not be negative")
            await _assert_held(warehouse)
            # A name is changed: a delta asks for that alone.
            central.sets["items"][0] |= {
                "displayName": "LONDON Desk",
                "lastModifiedDateTime": "2026-04-01T08:00:00Z",
            }
            products = kept["products"]
            outcome = await products.delta(await warehouse.ingest.book.open(products.feed))
    assert outcome is not None
    # With it comes the one that was the latest before: it lies within the overlap.
    assert outcome.accepted == 2
    assert central.filters[-1] == (
        "type eq 'Inventory' and lastModifiedDateTime gt 2026-03-26T00:35:20.073000Z"
    )
    product = await warehouse.product("1001-S")
    assert product is not None
    assert product.name == "LONDON Desk"


async def _assert_held(warehouse: Warehouse) -> None:
    product = await warehouse.product("1100-S")
    assert product is not None
    assert product.status is ProductStatus.DISCONTINUED
    product = await warehouse.product("1099-S")
    assert product is not None
    assert (product.name, product.product_group, product.unit) == ("ATHENS Desk 99", "TABLE", "PCS")
    assert await warehouse.quantity("1099-S", "BC") == 99
    assert (await warehouse.prices())["items", "1099-S", 1] == 1000
    row = next(row for row in await warehouse.rows() if row.target.name == "1099-S")
    assert row.unit_price == 10_008_000
    store = PriceStore(warehouse.client, warehouse.keys)
    found = (await store.read([], ["10000", "20000", "30000"], [])).customers
    assert [(c.status, c.currency) for c in found if c is not None] == [
        (CustomerStatus.ACTIVE, None),
        (CustomerStatus.BLOCKED, None),
        (CustomerStatus.CREDIT_HOLD, "EUR"),
    ]
