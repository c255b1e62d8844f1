"""What keeping answers costs: how late a change is seen, and what an answer kept takes of memory.

*A change.* A reader asks a gateway that keeps answers for the same SKU, again and again, while a
figure is written to the store as loaders write it. It counts from the moment at which the write is
sent to that at which the whole answer is another. In turns with each: how long a message takes from
a PUBLISH to whoever has subscribed. Both are sent and heard by one program over the same client.
The p99 is held against the *median* of a bare message, which is harder than against its p99.

*Memory* is in `kept_memory`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import uvloop

from benchmarks import badge_shop, badge_stock, cores, kept_memory
from benchmarks.badge_stock import sku
from benchmarks.figures import percentile, shown, summary
from benchmarks.watching import Shopper, seconds_until, until_kept
from gateway.store.bulk import Block, BulkWriter
from gateway.store.channels import ChannelListener
from gateway.store.client import StoreClient

BOUND: Final = 10.0
"""Times the median of a bare message, at the p99 of changes."""

_SKUS: Final = 1_000
_BARE: Final = b"bare"
_UNCOUNTED: Final = 200


class _Round(msgspec.Struct, frozen=True):
    """Seconds: of bare messages, and of changes that were seen."""

    bare: Sequence[float]
    seen: Sequence[float]

    @property
    def ratio(self) -> float:
        return percentile(self.seen, 0.99) / median(self.bare)

    @property
    def gentle(self) -> float:
        """p99 to p99."""
        return percentile(self.seen, 0.99) / percentile(self.bare, 0.99)


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    rounds, changes, skus = (3, 200, 50_000) if quick else (7, 1_000, 200_000)
    two = cores.two_cores()
    core = two.server
    changing, growing = folder / "changing", folder / "growing"
    changing.mkdir()
    growing.mkdir()
    with (
        badge_shop.loaded(changing / "valkey", _SKUS, core) as store,
        badge_shop.gateway(changing, store, [core], room="64MiB") as (url, _),
        cores.confined(two.load),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        found = runner.run(_changed(store, _port(url), rounds, changes))
    with (
        badge_shop.loaded(growing / "valkey", skus, core) as store,
        # So much that nothing is pushed out, though what is new has but a tenth of it.
        badge_shop.gateway(growing, store, [core], room="4GiB") as (url, child),
        cores.confined(two.load),
    ):
        memory = asyncio.run(kept_memory.measured(store, _port(url), child.pid, skus))
    return {"rounds": rounds, "changes": changes, **_told(found), **kept_memory.told(memory, skus)}


def _port(url: str) -> int:
    return urlsplit(url).port or 0


async def _changed(store: str, port: int, rounds: int, changes: int) -> list[_Round]:
    heard = asyncio.Event()
    client = StoreClient.connect(store, deadline=10.0)
    listener = ChannelListener(client, _BARE, lambda _: heard.set())
    listening = asyncio.create_task(listener.run())
    await heard.wait()
    shopper = Shopper(port)
    await shopper.until_ready(sku(0))
    await until_kept(client, shopper, sku(1))
    # The feed's number is what the loaders would be given: the same to whoever asks again.
    feed = await badge_stock.feed_number(client)
    chance, version, found = random.Random(1), 1, []
    for turn in range(rounds + 1):
        bare, seen = [], []
        for _ in range(changes if turn else _UNCOUNTED):
            bare.append(await seconds_until(heard, lambda: client.redis.publish(_BARE, b"1")))
            version += 1
            seen.append(await _seen(client, shopper, chance.randrange(_SKUS), feed, version))
        if turn:
            found.append(_Round(bare, seen))
            print(f"  round {turn}: {found[-1].ratio:.1f}", flush=True)
    shopper.close()
    listening.cancel()
    await client.close()
    return found


async def _seen(
    client: StoreClient, shopper: Shopper, number: int, feed: int, version: int
) -> float:
    """Seconds from a figure's writing to the first answer that tells it."""
    name = [sku(number)]
    # Told twice, it is kept.
    (before,), _ = await shopper.items(name), await shopper.items(name)
    units = 0 if before["status"] == "in_stock" else 60
    wire = badge_stock.levels(number, feed, (units, units), version)
    began = time.perf_counter()
    writing = asyncio.ensure_future(BulkWriter(client).write(_one(wire)))
    while (await shopper.items(name))[0]["status"] == before["status"]:
        pass
    took = time.perf_counter() - began
    await writing
    return took


async def _one(wire: bytes) -> AsyncIterator[Block]:
    yield Block(1, wire)


def _told(found: Sequence[_Round]) -> dict[str, Any]:
    ratios, gentle = [one.ratio for one in found], [one.gentle for one in found]
    bare = [median(one.bare) * 1e3 for one in found]
    seen = {share: [percentile(one.seen, share) * 1e3 for one in found] for share in (0.5, 0.99)}
    print(f"{len(found)} rounds, median (least to greatest)")
    print(f"a PUBLISH received, median:     {shown(bare, 3)} ms")
    print(f"a change seen, median:          {shown(seen[0.5], 3)} ms")
    print(f"a change seen, p99:             {shown(seen[0.99], 3)} ms")
    print(f"p99 ÷ median of a PUBLISH:      {shown(ratios)} (bound {BOUND:g})")
    print(f"p99 ÷ p99 of a PUBLISH:         {shown(gentle)}")
    return {
        "publish_ms": summary(bare),
        "change_p50_ms": summary(seen[0.5]),
        "change_p99_ms": summary(seen[0.99]),
        "change_to_publish": {"bound": BOUND, **summary(ratios)},
        "change_to_publish_p99": summary(gentle),
    }
