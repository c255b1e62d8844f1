"""What an answer that is kept takes of a worker's memory.

A worker as it is served is asked for many SKUs twice, lot by lot, and its resident memory is read
before and after: all that it grew by counts, whatever it is. That the answers are kept is not taken
on trust: each lot is asked for a third time, and what the store was read for then is taken off.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.badge_stock import sku
from benchmarks.figures import summary
from benchmarks.watching import Shopper, keys_read, until_kept
from gateway.store.client import StoreClient

BOUND: Final = 600
_WARM: Final = 1_000
_WARM_TURNS: Final = 20
_AT_ONCE: Final = 200
_LOT: Final = 10_000
_KEPT_FOR: Final = 30.0


class Memory(msgspec.Struct, frozen=True):
    """Bytes that the worker grew by, for so many answers kept."""

    grown: int
    kept: int
    seconds: float

    @property
    def each(self) -> float:
        """Bytes an answer."""
        return self.grown / self.kept


async def measured(store: str, port: int, pid: int, skus: int) -> Memory:
    """Of a worker with room enough for all of these, over that store.

    Raises:
        SystemExit: it keeps nothing, or asking for a lot took longer than answers are kept.
    """
    client = StoreClient.connect(store, deadline=10.0)
    shopper = Shopper(port)
    await shopper.until_ready(sku(0))
    await until_kept(client, shopper, sku(1))
    for _ in range(_WARM_TURNS):
        await _ask_all(shopper, range(_WARM))
    before, began, kept = _resident(pid), time.perf_counter(), 0
    for start in range(_WARM, skus, _LOT):
        lot = range(start, min(start + _LOT, skus))
        kept += await _kept(client, shopper, lot)
    grown, took = _resident(pid) - before, time.perf_counter() - began
    shopper.close()
    await client.close()
    return Memory(grown, kept, took)


async def _kept(client: StoreClient, shopper: Shopper, lot: range) -> int:
    """Have these kept; how many of them are."""
    began = time.monotonic()
    for _ in range(2):
        await _ask_all(shopper, lot)
    read = await keys_read(client)
    await _ask_all(shopper, lot)
    read = await keys_read(client) - read
    if time.monotonic() - began > _KEPT_FOR:
        sys.exit(f"too slow: no answer is kept for more than {_KEPT_FOR:g} seconds")
    return max(0, len(lot) - read)


def told(memory: Memory, skus: int) -> dict[str, Any]:
    """Print it, and return the figures."""
    print(
        f"{memory.kept:,} of {skus:,} answers kept, the worker grew by"
        f" {memory.grown / 2**20:.0f} MiB: {memory.each:.0f} bytes an answer (bound {BOUND})"
    )
    return {
        "skus": skus,
        "answers_kept": memory.kept,
        "grown_bytes": memory.grown,
        "asked_seconds": memory.seconds,
        "bytes_per_answer": {"bound": BOUND, **summary([memory.each])},
    }


async def _ask_all(shopper: Shopper, numbers: range) -> None:
    for start in range(0, len(numbers), _AT_ONCE):
        answer = await shopper.asked([sku(n) for n in numbers[start : start + _AT_ONCE]])
        if b'"items"' not in answer:
            sys.exit(f"the gateway answered {answer.decode()}")


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
