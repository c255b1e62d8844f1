"""Slow: clients that do not end what they begin to ask, or do not take what they asked for.

They are let go at the deadline, what lies there for them has its bounds, and others notice nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Final

from tests.faults.strangers import Stranger, memory, post, strangers
from tests.faults.supply import Supply
from tests.faults.world import Shape

MADE_OF: Final = Shape(
    gateways=1,
    sections={"gateway": {"head_timeout": "2s", "body_timeout": "2s", "answer_timeout": "2s"}},
)
"""The world that it needs: less patient than one that is shipped, or it would take long."""

BOUND: Final = 2.0
"""p99 of others meanwhile to theirs before."""

_GONE_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 0.5
_PIPELINED: Final = 20
"""So many answers a reader asks for, and takes none."""
_WINDOW: Final = 4096
"""Bytes that the system takes for one of them."""
_UNREAD: Final = 128 << 20
"""Bytes that a worker may grow by, whoever does not read."""


async def slow(
    ours: Supply,
    *,
    senders: int = 60,
    readers: int = 12,
    seconds: float = 0.5,
    bound: float | None = None,
) -> str:
    """So many of each; others look for so long, before and meanwhile.

    No more readers than may wait whatever they ask for: those who are refused have little to read.
    """
    (gateway,) = ours.world.gateways[:1]
    front, known = ours.front(), await ours.known()
    await front.visited(seconds, known)
    healthy = await front.visited(seconds, known)
    ours.require("before", not healthy.odd, healthy.odd)
    before, connections = memory([gateway.pid]), await _connections(ours, gateway.url)
    skus = sorted(known.stock)
    async with strangers(gateway.port, senders) as slow_ones:
        drips = slow_ones[::4]
        dripping = [
            asyncio.create_task(one.drip(_PAUSE_SECONDS, _PAUSE_SECONDS * number / len(drips)))
            for number, one in enumerate(drips)
        ]
        for number, one in enumerate(slow_ones):
            _begin(one, number, skus)
        # That all of them begin at once is what a crowd does (`flood`), and is over by then.
        await front.visited(_PAUSE_SECONDS / 2, known)
        hurt = await front.visited(seconds, known)
        ours.require("beside slow senders", not hurt.odd, hurt.odd)
        await _let_go(ours, slow_ones, "senders")
        for task in dripping:
            task.cancel()
        await asyncio.gather(*dripping, return_exceptions=True)
    async with strangers(gateway.port, readers, limit=1, window=_WINDOW) as mute_ones:
        body = json.dumps({"skus": skus[:1] * 1000}).encode()
        for one in mute_ones:
            one.send(post("/v1/stock/query", body, key="buyer") * _PIPELINED)
        beside = await front.visited(seconds, known)
        ours.require("beside those who never read", not beside.odd, beside.odd)
        grown = memory([gateway.pid]) - before
        # Who reads nothing sees no end: it is looked for at the gateway first.
        await _forgotten(ours, connections)
        await _let_go(ours, mute_ones, "readers")
    after = await front.visited(seconds, known)
    ours.require("after", not after.odd, after.odd)
    ours.require("memory", grown <= _UNREAD, f"grew by {grown >> 20} MiB")
    ratio = hurt.p99 / healthy.p99
    if bound is not None:
        ours.require("p99 of others", ratio <= bound, f"{ratio:.2f}")
    ours.report.requests += sum(len(visit.times) for visit in (healthy, hurt, beside, after))
    return (
        f"{senders} slow senders and {readers} who never read let go; p99 beside senders "
        f"{ratio:.2f} × that before, memory + {max(0, grown) >> 20} MiB"
    )


def _begin(one: Stranger, number: int, skus: list[str]) -> None:
    """Begin to ask, in one of four ways; the fourth is to say nothing."""
    if number % 4 == 0:
        one.send(b"GET /v1/stock/A-1 HTTP/1.1\r\n")
    elif number % 4 == 1:
        one.send(b"GET /v1/st")
    elif number % 4 == 2:
        body = json.dumps({"skus": skus[:10]}).encode()
        one.send(post("/v1/stock/query", body[:20], said=len(body)))


async def _let_go(ours: Supply, those: Sequence[Stranger], name: str) -> None:
    """Wait until they are."""
    ends = [asyncio.create_task(one.closed()) for one in those]
    _, left = await asyncio.wait(ends, timeout=_GONE_SECONDS)
    if left:
        places = [number for number, end in enumerate(ends) if end in left]
        ours.find(f"{len(left)} of {len(those)} {name} were not let go: {places[:5]}")
        for end in left:
            end.cancel()
        await asyncio.wait(left)


async def _forgotten(ours: Supply, most: int) -> None:
    """Wait until the gateway has no more connections."""
    (gateway,) = ours.world.gateways[:1]
    async with asyncio.timeout(_GONE_SECONDS):
        while await _connections(ours, gateway.url) > most:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(_PAUSE_SECONDS)


async def _connections(ours: Supply, url: str) -> int:
    async with ours.world.session.get(f"{url}/metrics") as answer:
        text = await answer.text()
    return int(float(text.partition("\nstockspan_connections ")[2].split()[0]))
