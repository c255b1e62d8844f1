"""What a worker remembers of stock: so many bytes, and nothing that changed on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.domain.stock import SkuStock
from gateway.services.last_known import LastKnown
from gateway.store.keys import Change, ChangeKind
from gateway.store.stock import HeldReading, HeldSku
from gateway.turns import Turns

EPOCH = b"one"


class Shelf:
    """A store in memory, in which everything is known."""

    def __init__(self, size: int = 100) -> None:
        self.epoch: bytes | None = EPOCH
        self.size = size
        self.going = asyncio.Event()
        self.going.set()

    async def read_held(self, skus: Sequence[str]) -> HeldReading:
        held: list[HeldSku] = [(None if sku == "none" else bytes(self.size), None) for sku in skus]
        reading = HeldReading(self.epoch, held)
        await self.going.wait()
        return reading

    def decoded(self, held: HeldSku) -> SkuStock | None:
        return None if held[0] is None else SkuStock(None, {})


async def test_what_was_read_is_recalled_in_its_epoch_alone() -> None:
    shelf = Shelf()
    known = LastKnown(shelf, Turns(64))
    await known.read(["A", "none"])
    assert set(known.recall(["A", "B", "none"], EPOCH)) == {"A"}
    assert known.recall(["A"], b"two") == {}
    assert known.recall(["A"], None) == {}


async def test_what_the_store_may_not_tell_is_not_remembered() -> None:
    shelf = Shelf()
    shelf.epoch = None
    known = LastKnown(shelf, Turns(64))
    await known.read(["A"])
    assert known.recall(["A"], EPOCH) == {}


async def test_another_epoch_forgets_the_one_before() -> None:
    shelf = Shelf()
    known = LastKnown(shelf, Turns(64))
    await known.read(["A", "B"])
    shelf.epoch = b"two"
    await known.read(["A"])
    assert set(known.recall(["A", "B"], b"two")) <= {"A"}
    await known.read(["A"])
    assert set(known.recall(["A", "B"], b"two")) == {"A"}


async def test_what_changed_is_forgotten() -> None:
    known = LastKnown(Shelf(), Turns(64))
    await known.read(["A", "B", "C"])
    known.on_change(Change(ChangeKind.SKU, "A"))
    known.on_change(Change(ChangeKind.PRODUCT, "B"))
    known.on_change(Change(ChangeKind.SKU_PRICES, "C"))
    assert set(known.recall(["A", "B", "C"], EPOCH)) == {"C"}
    known.on_change(None)
    assert known.recall(["C"], EPOCH) == {}


async def test_a_reply_that_was_on_its_way_when_it_changed_is_not_kept() -> None:
    shelf = Shelf()
    known = LastKnown(shelf, Turns(64))
    shelf.going.clear()
    reading = asyncio.create_task(known.read(["A", "B"]))
    await asyncio.sleep(0)
    known.on_change(Change(ChangeKind.SKU, "A"))
    shelf.going.set()
    await reading
    assert set(known.recall(["A", "B"], EPOCH)) == {"B"}


async def test_so_many_bytes_are_kept_and_no_more() -> None:
    known = LastKnown(Shelf(size=10_000), Turns(64), capacity=1_000_000)
    skus = [f"S{number}" for number in range(1000)]
    for sku in skus:
        await known.read([sku])
    kept = known.recall(skus, EPOCH)
    assert 40 <= len(kept) <= 110
    assert "S999" in kept
