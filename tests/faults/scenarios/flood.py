"""Flood: many times what a gateway can do is asked of it, and who buys is served first.

Badges by the hundred are asked for with a key, so that none is at hand, by schedule and from a
process of its own. Meanwhile checkouts go on.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Final

import msgspec

from benchmarks.figures import percentile
from benchmarks.open_loop import Outcome, Plan, write_requests
from stockspan.embedded.ports import HOST
from tests.faults.storefront import CUSTOMER
from tests.faults.strangers import get, memory, post, strangers
from tests.faults.supply import Supply

GOODPUT: Final = 0.8
"""Answers meanwhile to those of one client after another, before."""

_SKUS: Final = 100
_TIMES: Final = 10
_MEASURED: Final = 50
_PAUSE_SECONDS: Final = 0.02
_MEMORY: Final = 2.0


async def flood(ours: Supply, *, seconds: float = 1.0, bound: float | None = None) -> str:
    """Ten times the load, for so long; `bound` is for the goodput."""
    (gateway,) = ours.world.gateways[:1]
    known = await ours.known()
    skus = sorted(known.stock)[:_SKUS]
    wanted = get("/v1/stock?" + "&".join(f"sku={sku}" for sku in skus), key="buyer")
    lines = [{"sku": sku, "quantity": 1} for sku in skus[:3]]
    body = json.dumps({"customer": CUSTOMER, "lines": lines}).encode()
    checkout = post("/v1/checkout", body, key="shop")
    file = write_requests(ours.stage.folder / "flood", [wanted])
    async with strangers(gateway.port, 1, limit=1 << 20) as (client,):
        ours.require("before", await client.asked(checkout) == 200)
        began = time.perf_counter()
        for _ in range(_MEASURED):
            ours.require("before", await client.asked(wanted) == 200)
        alone = _MEASURED / (time.perf_counter() - began)
        before = memory([gateway.pid])
        plan = Plan(HOST, gateway.port, str(file), _TIMES * alone, seconds)
        flooding = asyncio.create_task(_sent(plan))
        times: list[float] = []
        while not flooding.done():
            began = time.perf_counter()
            status = await client.asked(checkout)
            times.append(time.perf_counter() - began)
            ours.require("checkout", status == 200, status)
            await asyncio.sleep(_PAUSE_SECONDS)
        outcome = await flooding
        ours.require("after", await client.asked(wanted) == 200)
    grown = memory([gateway.pid]) / before
    ours.require("badges were answered", outcome.good.count, outcome)
    ours.require("badges were shed", outcome.refused.count, outcome)
    ours.require("all were answered", not outcome.unanswered and not outcome.others.count, outcome)
    ours.require("memory", grown <= _MEMORY, f"{grown:.2f} ×")
    share = outcome.goodput / alone
    if bound is not None:
        ours.require("goodput", share >= bound, f"{share:.2f}")
    ours.report.requests += outcome.offered + len(times)
    return (
        f"goodput {share:.2f} of what one client gets, p99 {outcome.good.p99_ms:.0f} ms; "
        f"{outcome.refused.count:,} of {outcome.offered:,} shed, in {outcome.refused.p50_ms:.1f} "
        f"(p99 {outcome.refused.p99_ms:.1f}) ms; {len(times)} checkouts, none refused, p99 "
        f"{percentile(times, 0.99) * 1000:.0f} ms; memory {grown:.2f} ×"
    )


async def _sent(plan: Plan) -> Outcome:
    text = msgspec.json.encode(plan).decode()
    sender = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.open_loop", text), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await sender.communicate()
    return msgspec.json.decode(said, type=Outcome)
