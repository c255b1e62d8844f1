"""The peer of the badges: FastAPI and redis-py, one `GET` a badge, one `MGET` for many.

What one would write in an hour, at its best: the answers lie in the store as they are sent, nothing
is looked up, judged or translated, nothing is told of their age, and nobody is authenticated.

Run by uvicorn; the store is named by the environment, `BENCHMARK_REDIS`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

from fastapi import FastAPI, Query, Request, Response
from redis.asyncio import Redis

PREFIX: Final = "peer:"


@asynccontextmanager
async def _redis(app: FastAPI) -> AsyncIterator[None]:
    async with Redis.from_url(os.environ["BENCHMARK_REDIS"]) as redis:
        app.state.redis = redis
        yield


app: Final = FastAPI(lifespan=_redis)


@app.get("/v1/stock/{sku}")
async def one(sku: str, request: Request) -> Response:
    """One badge."""
    found = await request.app.state.redis.get(PREFIX + sku)
    if found is None:
        return Response(status_code=404)
    return Response(found, media_type="application/json")


@app.get("/v1/stock")
async def many(sku: Annotated[list[str], Query()], request: Request) -> Response:
    """Many badges."""
    found = await request.app.state.redis.mget([PREFIX + name for name in sku])
    body = b'{"items":[' + b",".join(one for one in found if one is not None) + b"]}"
    return Response(body, media_type="application/json")
