"""Outage: the ERP is dead, hangs, is slow, half-open or lies, and the shop notices nothing.

Each time customers look for a while before and for as long meanwhile, so that what the machine does
to both is the same. Who comes over the line to the ERP is counted from first to last.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from statistics import median
from typing import Final

from benchmarks.figures import shown
from tests.faults.callers import UNKNOWN
from tests.faults.supply import FEEDS, STOCK, Supply
from tests.running_demo import descendants

BOUND: Final = 1.2
"""p99 with a broken ERP to p99 with a whole one."""

_BEFORE_OPEN: Final = 3
"""A breaker opens after so many failures."""
_SLOW_SECONDS: Final = 0.5
_POLL_SECONDS: Final = 0.05
_SECONDS: Final = 60.0


@asynccontextmanager
async def _dead(ours: Supply) -> AsyncIterator[None]:
    await asyncio.to_thread(ours.stage.postgres.stop)
    try:
        yield
    finally:
        ours.stage.postgres.launch()  # from this thread: it is tied to it
        await asyncio.to_thread(ours.stage.postgres.wait_ready)


@asynccontextmanager
async def _hanging(ours: Supply) -> AsyncIterator[None]:
    postmaster = ours.stage.postgres.pid
    frozen = [postmaster, *descendants(postmaster)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def _slow(ours: Supply) -> AsyncIterator[None]:
    ours.line.to_client.latency = _SLOW_SECONDS
    yield
    ours.line.heal()


@asynccontextmanager
async def _half_open(ours: Supply) -> AsyncIterator[None]:
    ours.line.half_open()
    ours.line.black_hole()
    yield
    ours.line.heal()
    ours.line.reset()


@asynccontextmanager
async def _lying(ours: Supply) -> AsyncIterator[None]:
    await ours.do("CREATE TABLE truth AS SELECT sku, quantity FROM bins")
    # Some of it no row may say, of the rest the guard holds back the whole.
    await ours.do(
        "UPDATE bins SET quantity = CASE WHEN sku LIKE '%7' THEN -5 ELSE 0 END, "
        "version = version + 1"
    )
    await ours.feeds.failed(STOCK)
    yield
    await ours.do(
        "UPDATE bins SET quantity = truth.quantity, version = version + 1, "
        "changed_at = clock_timestamp() FROM truth WHERE truth.sku = bins.sku"
    )
    await ours.do("DROP TABLE truth")
    await ours.feeds.synced(STOCK)


FAULTS: Final[Mapping[str, Callable[[Supply], AbstractAsyncContextManager[None]]]] = {
    "dead": _dead,
    "hanging": _hanging,
    "slow": _slow,
    "half-open": _half_open,
    "lying": _lying,
}


async def outage(
    ours: Supply,
    *,
    rounds: int = 1,
    seconds: float = 0.5,
    faults: Sequence[str] = ("hanging", "half-open", "lying"),
    bound: float | None = None,
) -> str:
    """Each fault so often, for so long; `bound` is for the median of all rounds."""
    front, known = ours.front(), await ours.known()
    ratios: dict[str, list[float]] = defaultdict(list)
    most = len(FEEDS) * (_BEFORE_OPEN + 1 + seconds)
    greatest = 0
    await front.visited(seconds, known)  # what is asked for the first time takes longer
    for _ in range(rounds):
        for name in faults:
            healthy = await front.visited(seconds, known)
            ours.require("before", not healthy.odd, healthy.odd)
            async with FAULTS[name](ours):
                before = ours.line.connections
                hurt = await front.visited(seconds, known)
                tries = ours.line.connections - before
            ours.report.faults[name] += 1
            ours.report.requests += len(healthy.times) + len(hurt.times)
            ours.require(name, not hurt.odd, hurt.odd)
            ours.require(f"{name}: the ERP was tried too often", tries <= most, tries)
            greatest = max(greatest, tries)
            ratios[name].append(hurt.p99 / healthy.p99)
            await recovered(ours)
    every = [ratio for some in ratios.values() for ratio in some]
    if bound is not None:
        ours.require("p99 when the ERP is away", median(every) <= bound, shown(every))
    ours.report.ratios = dict(ratios)
    came = ours.callers.counts
    gateways = sum(came[gateway.name] for gateway in ours.world.gateways)
    ours.require("the loaders came over no line", came["loaders"], dict(came))
    return (
        f"p99 {shown(every)} × healthy; calls of the ERP: gateways {gateways}, loaders "
        f"{came['loaders']}, unknown {came[UNKNOWN]}; {greatest} tries in {seconds:g} s at most"
    )


async def recovered(ours: Supply) -> None:
    """Wait until the store has what the ERP has, and no feed fails."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(_SECONDS):
        while True:
            states = [await ours.feeds.state(feed) for feed in FEEDS]
            if all(state.error is None and state.held_back is None for state in states) and (
                (await ours.stocked()).items() <= (await ours.feeds.levels()).items()
            ):
                break
            await asyncio.sleep(_POLL_SECONDS)
    ours.report.recoveries.append(loop.time() - began)
