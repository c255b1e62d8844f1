"""Links: what lies between gateway and store, and between loaders and store, is slow, dead or mute.

A gateway's every answer comes in time: the last that it knew, or 503 where it knew nothing. Nothing
is promised meanwhile, and all is well again without a restart.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import cycle
from typing import Final

import aiohttp

from tests.faults.proxy import FaultProxy
from tests.faults.scenarios.outage import recovered
from tests.faults.storefront import Known, Visit
from tests.faults.supply import Supply
from tests.faults.world import SECRETS, Shape

MADE_OF: Final = Shape(gateways=1, deadline="100ms", loading_way=True)
"""The world that it needs: a gateway waits as long for the store as one that is shipped."""

BOUND_SECONDS: Final = 0.15

_SLOW_SECONDS: Final = 0.5
_PAUSE_SECONDS: Final = 0.02
_SECONDS: Final = 60.0
_ASKED: Final = 50
"""So many SKUs are asked for all the time; the others once, while something is wrong."""
_PASSES: Final = "reset"
"""What is over as soon as it has begun: promises are made again at once."""
_LOOK_SECONDS: Final = 0.2
_CHANGING: Final = "A-1"
"""It is sold and comes in meanwhile: nobody knows what is told of it."""


def _down(way: FaultProxy) -> None:
    way.refuse()


def _slow(way: FaultProxy) -> None:
    way.to_client.latency = _SLOW_SECONDS


def _half_open(way: FaultProxy) -> None:
    way.half_open()
    way.black_hole()


FAULTS: Final[Mapping[str, Callable[[FaultProxy], None]]] = {
    "down": _down,
    "+500 ms": _slow,
    "black hole": FaultProxy.black_hole,
    "half-open": _half_open,
    "reset": FaultProxy.reset,
}


async def links(
    ours: Supply,
    *,
    rounds: int = 1,
    seconds: float = 0.3,
    faults: Sequence[str] = ("down", "half-open"),
    bound: float | None = None,
) -> str:
    """Each of these faults of each link so often; `bound`: seconds that an answer may take."""
    known = await _known(ours)
    skus = sorted(known.stock)
    new = cycle(skus[_ASKED:])
    slowest: dict[str, float] = {"whole": (await ours.front().visited(seconds, known)).slowest}
    for _ in range(rounds):
        for name in faults:
            visit = await _gateway_cut_off(ours, name, known, new, seconds)
            ours.require(f"gateway, {name}", not visit.odd, visit.odd)
            slowest[name] = max(visit.slowest, slowest.get(name, 0.0))
            ours.report.faults[name] += 1
            ours.report.requests += len(visit.times)
            await _loaders_cut_off(ours, name, seconds)
    worst = max(slowest.values())
    shown = ", ".join(f"{name} {took * 1000:.0f}" for name, took in slowest.items())
    if bound is not None:
        ours.require("an answer took too long", worst <= bound, f"{shown} ms")
    return (
        f"slowest answers in ms: {shown}; 0 holds; well within {max(ours.report.recoveries):.1f} s"
    )


async def _gateway_cut_off(
    ours: Supply, name: str, known: Known, new: Iterator[str], seconds: float
) -> Visit:
    (gateway,) = ours.world.gateways[:1]
    often = Known({sku: known.stock[sku] for sku in sorted(known.stock)[:_ASKED]}, known.prices)
    front = ours.front()
    FAULTS[name](gateway.store)
    allowed = frozenset({200, 503})
    began = time.perf_counter()
    visit, others = await asyncio.gather(
        front.visited(seconds, often, clients=2, allowed=allowed),
        _new_ones(ours, new, began + seconds, {201, 409, 503} if name == _PASSES else {503}),
    )
    visit.times += others.times
    visit.wrong += others.wrong
    await gateway.store.up()
    gateway.store.heal()
    gateway.store.reset()
    healed = time.perf_counter()
    async with asyncio.timeout(_SECONDS):
        # Every connection that it kept is found dead once, those too that only a crowd needs.
        while (await front.visited(_LOOK_SECONDS, known)).odd:
            pass
    ours.report.recoveries.append(time.perf_counter() - healed)
    return visit


async def _new_ones(
    ours: Supply, new: Iterator[str], end: float, answers: AbstractSet[int]
) -> Visit:
    """Ask for what nobody asked for lately, and try to reserve something."""
    visit = Visit()
    front = ours.front()
    while time.perf_counter() < end:
        sku = next(new)
        for asks in (front.stock, front.prices):
            began = time.perf_counter()
            status, _ = await asks(sku)
            visit.times.append(time.perf_counter() - began)
            if status not in {200, 503}:
                visit.wrong.append(f"{sku}: {status}")
        began = time.perf_counter()
        status = await _reserve(ours)
        visit.times.append(time.perf_counter() - began)
        if status not in answers:
            visit.wrong.append(f"reserved: {status}")
        await asyncio.sleep(_PAUSE_SECONDS)
    return visit


async def _reserve(ours: Supply) -> int:
    headers = {
        "Authorization": f"Bearer {SECRETS['shop']}",
        "Idempotency-Key": secrets.token_hex(8),
    }
    body = {"lines": [{"sku": _CHANGING, "quantity": 1}]}
    url = f"{ours.front().url}/v1/reservations"
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with ours.world.session.post(
        url, json=body, headers=headers, timeout=timeout
    ) as response:
        await response.read()
        return response.status


async def _loaders_cut_off(ours: Supply, name: str, seconds: float) -> None:
    """Customers notice nothing; what changes meanwhile comes in afterwards."""
    way = ours.world.loading_way
    FAULTS[name](way)
    await ours.do(
        "UPDATE bins SET quantity = quantity + 1, version = version + 1, "
        "changed_at = clock_timestamp() WHERE sku = $1",
        _CHANGING,
    )
    visit = await ours.front().visited(seconds / 2, await _known(ours), clients=2)
    ours.require(f"loaders, {name}", not visit.odd, visit.odd)
    await way.up()
    way.heal()
    way.reset()
    await recovered(ours)


async def _known(ours: Supply) -> Known:
    known = await ours.known()
    return Known({sku: known.stock[sku] for sku in known.stock if sku != _CHANGING}, known.prices)
