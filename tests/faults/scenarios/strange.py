"""Strange: what nobody sells is asked for a million times, in ids as long as may be, and too often.

A worker remembers little of it, and what it is asked besides is answered as ever. Who asks is a
process of its own (`python -m tests.faults.scenarios.strange PORT COUNT`): to write such addresses
down would keep those waiting who measure.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Final
from urllib.parse import quote

from tests.faults.storefront import Visit
from tests.faults.strangers import Stranger, get, memory, post, strangers
from tests.faults.supply import Supply

BOUND: Final = 4.0
"""p99 of others meanwhile to theirs before: they share a loop with thousands of SKUs a request."""

_IN_ADDRESS: Final = 200
_IN_BODY: Final = 900
"""As many as fit into the largest body, with 64 characters of four bytes each."""
_SECONDS: Final = 120.0
_GROWS: Final = 64 << 20
"""Bytes that a worker may grow by: as many as it has for answers that it keeps."""


async def strange(
    ours: Supply, *, unknown: int = 20_000, seconds: float = 0.5, bound: float | None = None
) -> str:
    """So many SKUs that there are not, and all else that is strange; others look meanwhile."""
    (gateway,) = ours.world.gateways[:1]
    front, known = ours.front(), await ours.known()
    async with strangers(gateway.port, 2, limit=1 << 20) as (one, two):
        await _asked(one, _requests(2_000, "W"))
        healthy = await front.visited(seconds, known)
        before = memory([gateway.pid])
        asking = asyncio.gather(_asked_apart(gateway.port, unknown), _asked_wrongly(two))
        hurt = Visit()
        async with asyncio.timeout(_SECONDS * max(1, unknown // 100_000)):
            while not asking.done():
                visit = await front.visited(seconds, known)
                hurt.times += visit.times
                hurt.wrong += visit.wrong
            statuses, wrong = await asking
    grown = memory([gateway.pid]) - before
    ours.require("what there is not was answered", statuses == {200}, statuses)
    ours.require("what is wrong was refused", wrong == {400}, wrong)
    ours.require("others", not hurt.odd, hurt.odd)
    ours.require("memory", grown <= _GROWS, f"grew by {grown >> 20} MiB")
    ratio = hurt.p99 / healthy.p99
    if bound is not None:
        ours.require("p99 of others", ratio <= bound, f"{ratio:.2f}")
    ours.report.requests += len(healthy.times) + len(hurt.times)
    return (
        f"{unknown:,} unknown SKUs, half of them of 64 characters of four bytes: memory "
        f"+ {max(0, grown) >> 20} MiB; p99 of others {ratio:.2f} × that before"
    )


async def _asked_apart(port: int, unknown: int) -> set[int]:
    """The statuses of the answers to as many, asked for by a process of its own."""
    asking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, str(port), str(unknown)), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asking.communicate()
    return set(json.loads(said))


async def _asked_by_two(port: int, unknown: int) -> set[int]:
    """The same from here: half of them by each of two connections, one in another script."""
    async with strangers(port, 2, limit=1 << 20) as (one, two):
        statuses = await asyncio.gather(
            _asked(one, _requests(unknown // 2, "U")),
            _asked(two, _requests(unknown // 2, "𝄞" * 57)),
        )
    return set().union(*statuses)


async def _asked(stranger: Stranger, requests: Iterator[bytes]) -> set[int]:
    """The statuses of the answers."""
    return {await stranger.asked(request) for request in requests}


def _requests(count: int, prefix: str) -> Iterator[bytes]:
    """So many SKUs of which each is another, in addresses and bodies in turn."""
    skus = (f"{prefix}{number:07d}" for number in range(count))
    while batch := list(islice(skus, _IN_ADDRESS)):
        yield get("/v1/stock?" + "&".join(f"sku={quote(sku)}" for sku in batch))
        batch = list(islice(skus, _IN_BODY))
        if batch:
            yield post("/v1/stock/query", json.dumps({"skus": batch}, ensure_ascii=False).encode())


async def _asked_wrongly(stranger: Stranger) -> set[int]:
    """The statuses of what is too much: parameters two hundred times, too many SKUs, too long."""
    targets = [
        "/v1/stock?" + "&".join(["sku=A-1"] * (_IN_ADDRESS + 1)),
        "/v1/stock/A-1?" + "&".join(["channel=default"] * _IN_ADDRESS),
        "/v1/stock/A-1?" + "&".join(["quantity=1"] * _IN_ADDRESS),
        "/v1/prices?sku=A-1&" + "&".join(["currency=EUR"] * _IN_ADDRESS),
        "/v1/stock/" + quote("𝄞" * 65),
        "/v1/stock?sku=" + quote("𝄞" * 65),
    ]
    return {await stranger.asked(get(target, key="buyer")) for target in targets}


if __name__ == "__main__":
    print(json.dumps(sorted(asyncio.run(_asked_by_two(*map(int, sys.argv[1:]))))))  # noqa: T201 - its answer
