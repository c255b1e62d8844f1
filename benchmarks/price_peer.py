"""The peer of the price query: FastAPI and asyncpg, one SQL query for all lines of a basket.

What a good team would write in a day and tune in another: a pool, a statement that stays prepared,
an index made for the question, `orjson` for the answer, uvicorn on uvloop and httptools. It checks
no key, and tells neither how old a price is nor when it ends. There are two of it: one answers the
same prices, amounts and breaks as the gateway, the other leaves the breaks out.

Run by uvicorn; the database is named by the environment, `BENCHMARK_DSN`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import asyncpg
import orjson
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

_FOLDER: Final = Path(__file__).parent
QUERY: Final = (_FOLDER / "price_peer.sql").read_text(encoding="utf-8")
LEAN: Final = (_FOLDER / "price_peer_lean.sql").read_text(encoding="utf-8")
LAYERS: Final = ("base", "channel", "group", "campaign", "contract")
_CONNECTIONS: Final = 8


class Line(BaseModel):
    sku: str
    quantity: Decimal


class Basket(BaseModel):
    customer: str
    channel: str
    currency: str
    at: datetime | None = None
    lines: list[Line]


@asynccontextmanager
async def _pool(app: FastAPI) -> AsyncIterator[None]:
    dsn = os.environ["BENCHMARK_DSN"]
    async with asyncpg.create_pool(dsn, min_size=_CONNECTIONS, max_size=_CONNECTIONS) as pool:
        app.state.pool = pool
        yield


app: Final = FastAPI(lifespan=_pool)


@app.post("/v1/prices/query")
async def query(basket: Basket, request: Request) -> Response:
    """The price of each line with its breaks, in the order asked."""
    return await _answer(QUERY, basket, request)


@app.post("/lean")
async def lean(basket: Basket, request: Request) -> Response:
    """The price of each line, in the order asked."""
    return await _answer(LEAN, basket, request)


async def _answer(sql: str, basket: Basket, request: Request) -> Response:
    rows = await request.app.state.pool.fetch(
        sql,
        basket.customer,
        basket.channel,
        basket.currency,
        basket.at or datetime.now(UTC),
        [line.sku for line in basket.lines],
        [line.quantity for line in basket.lines],
    )
    items = [_item(row, basket.currency) for row in rows]
    return Response(orjson.dumps({"items": items}), media_type="application/json")


def _item(row: asyncpg.Record, currency: str) -> dict[str, Any]:
    sku, quantity, unit, base, price_list, layer, min_quantity, net, tax, *breaks = row
    if unit is None:
        return {"sku": sku, "error": {"type": "/problems/no-price", "title": "No price"}}
    item = {
        "sku": sku,
        "quantity": float(quantity),
        "unit_price": {"amount": str(unit), "currency": currency},
        "base_price": None if base is None else {"amount": str(base), "currency": currency},
        "line_net": {"amount": str(net), "currency": currency},
        "line_tax": {"amount": str(tax), "currency": currency},
        "line_gross": {"amount": str(net + tax), "currency": currency},
        "price_list": price_list,
        "layer": LAYERS[layer],
        "min_quantity": float(min_quantity),
    }
    if breaks:
        item["breaks"] = [
            {"min_quantity": float(start), "unit_price": str(price)}
            for start, price in zip(*breaks, strict=True)
        ]
    return item
