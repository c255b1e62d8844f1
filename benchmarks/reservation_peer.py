"""The peer of reservations: FastAPI and asyncpg, `SELECT … FOR UPDATE` of the stock rows.

What a good team would write in a day and tune in another: uvicorn on uvloop and httptools, `orjson`
for the answers, a pool that does not reset the connections it gets back, statements that stay
prepared, what is taken of a SKU kept in its row, rows locked in one order. There are two of it:

- the first holds and confirms in one statement each, which locks, judges and writes: one round
  trip, so a row is locked only while PostgreSQL works and waits for its disk;
- under `/transaction`, the same as it is mostly written: BEGIN, lock, judge in Python, write,
  COMMIT. Four round trips, and a row is locked as long as the event loop has others to serve.

Both keep the answer to an idempotency key with the hold, and lines are all taken or none, each at
one location. What the benchmark never meets is left out, in the peer's favour: holds whose time is
over are given back by nobody, and orders are not acknowledged.

Run by uvicorn. The environment names the database, `BENCHMARK_DSN`, and says how many connections
there are to it, `BENCHMARK_POOL`.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any, Final

import asyncpg
import orjson
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, Field, ValidationError

_FOLDER: Final = Path(__file__).parent


def _sql(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


SCHEMA: Final = _sql("reservation_peer")
_HOLD: Final = _sql("reservation_peer_hold")
_LOCK: Final = _sql("reservation_peer_lock")
_TAKE: Final = _sql("reservation_peer_take")
_CONFIRM: Final = _sql("reservation_peer_confirm")
_FIND: Final = "SELECT state, expires_at, order_ref, answer FROM hold WHERE id = $1 FOR UPDATE"
_CONFIRMED: Final = "UPDATE hold SET state = 'confirmed', order_ref = $2 WHERE id = $1"
_KNOWN: Final = """
SELECT state, answer, body_sha256 FROM hold WHERE caller = $1 AND idempotency_key = $2"""

_CALLERS: Final[Mapping[str | None, str]] = {"Bearer benchmark": "benchmark"}
_TOO_LITTLE: Final = '{"type":"/problems/insufficient-stock","title":"Not enough stock"}'
_STATUS: Final = {"refused": 409}
# Statements are planned once, not each time; and not by how empty the tables were then.
_SESSION: Final = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


class Line(BaseModel):
    sku: str
    quantity: Annotated[Decimal, Field(gt=0, decimal_places=3)]
    location: str | None = None


class Wish(BaseModel):
    lines: Annotated[list[Line], Field(min_length=1, max_length=200)]
    ttl_seconds: Annotated[int, Field(ge=1, le=3600)] = 900
    customer: str | None = None
    channel: str | None = None


class Order(BaseModel):
    order_ref: str


class _Hold:
    """What is wanted, and the words to write it down with."""

    def __init__(self, wish: Wish, caller: str, key: str, body: bytes) -> None:
        self.units: dict[tuple[str, str | None], Decimal] = {}
        for line in wish.lines:
            place = line.sku, line.location
            self.units[place] = self.units.get(place, Decimal()) + line.quantity
        # Times first, so that new rows are neighbours in the index.
        identity = f"r_{time.time_ns():x}{token_hex(8)}"
        self.skus = [sku for sku, _ in self.units]
        expires = datetime.now(UTC) + timedelta(seconds=wish.ttl_seconds)
        self.written = (identity, expires, caller, key, sha256(body).digest())
        self.head = (
            f'{{"reservation":"{identity}","state":"held",'
            f'"expires_at":"{expires:%Y-%m-%dT%H:%M:%SZ}","lines":['
        )


async def _kept(_: Any) -> None:
    """Reset nothing: no session of ours changes a setting, and the reset is a round trip."""


@asynccontextmanager
async def _pool(app: FastAPI) -> AsyncIterator[None]:
    # What was imported stays; looking through it again and again took a fifteenth of the time.
    gc.freeze()
    gc.set_threshold(100_000)
    dsn, size = os.environ["BENCHMARK_DSN"], int(os.environ["BENCHMARK_POOL"])
    async with asyncpg.create_pool(
        dsn, min_size=size, max_size=size, reset=_kept, server_settings=_SESSION
    ) as pool:
        app.state.pool = pool
        yield


app: Final = FastAPI(lifespan=_pool)
_transaction: Final = APIRouter(prefix="/transaction")


@app.exception_handler(ValidationError)
async def unreadable(_: Request, error: Exception) -> Response:
    """What is wrong with a body; handlers read theirs, for that is cheaper."""
    return Response(str(error), 400, media_type="text/plain")


@app.post("/v1/reservations")
async def hold(request: Request) -> Response:
    """Hold all lines or none, in one statement."""
    pool = request.app.state.pool
    asked = await _asked(request)
    locations = [location for _, location in asked.units]
    row = await pool.fetchrow(
        _HOLD,
        *asked.written,
        asked.skus,
        locations,
        list(asked.units.values()),
        asked.head,
        _TOO_LITTLE,
    )
    return _held(*row) if row else await _first_answer(pool, asked)


@app.post("/v1/reservations/{identity}/confirm")
async def confirm(identity: str, request: Request) -> Response:
    """Make an order of a hold, in one statement."""
    order = Order.model_validate_json(await request.body())
    row = await request.app.state.pool.fetchrow(_CONFIRM, identity, order.order_ref)
    if row is None:
        raise HTTPException(404)
    state, over, order_ref, answer = row
    return _order(state, order.order_ref, order_ref, answer, over=over)


@_transaction.post("/v1/reservations")
async def hold_by_steps(request: Request) -> Response:
    """Hold all lines or none, in a transaction of several statements."""
    pool = request.app.state.pool
    asked = await _asked(request)
    async with pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch(_LOCK, asked.skus)
        chosen = _chosen(asked.units, rows)
        state = "held" if chosen else "refused"
        answer = (asked.head + ",".join(map(_told, chosen)) + "]}") if chosen else _TOO_LITTLE
        columns = zip(*chosen, strict=True) if chosen else ((), (), ())
        row = await connection.fetchrow(_TAKE, *asked.written, state, answer.encode(), *columns)
    return _held(*row) if row else await _first_answer(pool, asked)


@_transaction.post("/v1/reservations/{identity}/confirm")
async def confirm_by_steps(identity: str, request: Request) -> Response:
    """Make an order of a hold, in a transaction of several statements."""
    order = Order.model_validate_json(await request.body())
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(_FIND, identity)
        if row is None:
            raise HTTPException(404)
        state, expires_at, order_ref, answer = row
        over = state == "held" and expires_at <= datetime.now(UTC)
        if state == "held" and not over:
            await connection.execute(_CONFIRMED, identity, order.order_ref)
    return _order(state, order.order_ref, order_ref, answer, over=over)


app.include_router(_transaction)


async def _asked(request: Request) -> _Hold:
    """What is wanted, who wants it, and under which key.

    Raises:
        HTTPException: one of these is missing.
        ValidationError: the body is not as it should be.
    """
    caller = _CALLERS.get(request.headers.get("authorization"))
    key = request.headers.get("idempotency-key")
    if caller is None or key is None:
        raise HTTPException(401 if caller is None else 400)
    body = await request.body()
    return _Hold(Wish.model_validate_json(body), caller, key, body)


def _chosen(
    units: Mapping[tuple[str, str | None], Decimal], rows: list[asyncpg.Record]
) -> list[tuple[str, str, Decimal]]:
    """SKU, location and units of each line; nothing when one of them falls short."""
    found = []
    for (sku, wanted), quantity in units.items():
        for row in rows:
            if row["sku"] == sku and wanted in {None, row["location"]} and row["free"] >= quantity:
                found.append((sku, row["location"], quantity))
                break
        else:
            return []
    return found


def _told(line: tuple[str, str, Decimal]) -> str:
    sku, location, quantity = line
    allocations = [{"location": location, "quantity": float(quantity)}]
    told = {"sku": sku, "quantity": float(quantity), "allocations": allocations}
    return orjson.dumps(told).decode()


def _held(state: str, answer: bytes) -> Response:
    status = _STATUS.get(state, 201)
    kind = "application/json" if status == 201 else "application/problem+json"
    return Response(answer, status, media_type=kind)


async def _first_answer(pool: Any, asked: _Hold) -> Response:
    """What was answered when that caller used the key before.

    Raises:
        HTTPException: to another body.
    """
    _, _, caller, key, body = asked.written
    state, answer, first_body = await pool.fetchrow(_KNOWN, caller, key)
    if first_body != body:
        raise HTTPException(422)
    return _held(state, answer)


def _order(
    state: str, order_ref: str, known_ref: str | None, answer: bytes, *, over: bool
) -> Response:
    """The answer to a confirmation of a hold that was in that state.

    Raises:
        HTTPException: it could not be confirmed.
    """
    if over or state in {"released", "expired"}:
        raise HTTPException(410)
    if state != "held" and (state, known_ref) != ("confirmed", order_ref):
        raise HTTPException(409 if state == "confirmed" else 404)
    told = orjson.loads(answer) | {"state": "confirmed", "order_ref": order_ref}
    return Response(orjson.dumps(told), media_type="application/json")
