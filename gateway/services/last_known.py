"""What a worker knew last of stock, for the time in which the store does not answer.

Copies are kept of what ordinary lookups read, and told only while the store is away, and only for
so long. Until the link broke the change channel evicted what changed: what is still here was right
as of the state of the feeds that it told of last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from gateway.domain.stock import SkuStock
from gateway.near_cache import NearCache
from gateway.services.directory import Directory
from gateway.store.keys import Change, ChangeKind
from gateway.store.stock import HeldReading, HeldSku, Reading
from gateway.turns import Turns

_BYTES: Final = 32 << 20
"""So much is kept: some hundred thousand SKUs."""

_BESIDE: Final = 170
_TUPLE: Final = 90
"""What a copy weighs beside what is held of the SKU (keys, places in tables), and what it weighs
that there is more than its value."""

_OF_SKU: Final = frozenset({ChangeKind.SKU, ChangeKind.PRODUCT})


class Outage:
    """Whether the store is away, and whether what was known last may still be told.

    `bridged_ms`: for so long since it last answered; 0 for not at all.
    """

    def __init__(self, directory: Directory, bridged_ms: int, clock_ms: Callable[[], int]) -> None:
        self._directory = directory
        self._bridged_ms = bridged_ms
        self._clock_ms = clock_ms

    @property
    def is_noticed(self) -> bool:
        """Whether the worker knows that the store is away: nobody needs to try."""
        return not self._directory.reachable and self.is_bridged

    @property
    def is_bridged(self) -> bool:
        """Whether what was known last may be told now."""
        answered_ms = self._directory.answered_ms
        return (
            self._bridged_ms > 0
            and answered_ms is not None
            and self._clock_ms() - answered_ms <= self._bridged_ms
        )


class HeldSource(Protocol):
    """Where stock is read as it is held."""

    async def read_held(self, skus: Sequence[str]) -> HeldReading:
        """What is held of each SKU, in order, and in which epoch."""

    def decoded(self, held: HeldSku) -> SkuStock | None:
        """What that says of the SKU."""


class LastKnown:
    """Reads stock, and remembers it as it is held: bytes, which weigh little and nobody walks."""

    def __init__(self, source: HeldSource, turns: Turns, capacity: int = _BYTES) -> None:
        self._source = source
        self._turns = turns
        # The value alone where nothing lies beside it, as of most: a tuple weighs half as much.
        self._copies: NearCache[str, bytes | HeldSku] = NearCache(capacity, _weight)
        self._epoch: bytes | None = None

    async def read(self, skus: Sequence[str]) -> Reading:
        """What is held of each SKU, in order, and in which epoch.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        ticket = self._copies.ticket()
        reading = await self._source.read_held(skus)
        if reading.epoch is not None:
            self._keep(skus, reading, ticket)
        stock: list[SkuStock | None] = []
        async for some in self._turns.portions(reading.held):
            stock += [self._source.decoded(held) for held in some]
        return Reading(reading.epoch, stock)

    def recall(self, skus: Sequence[str], epoch: bytes | None) -> Mapping[str, SkuStock]:
        """Those of these SKUs of which something was known last, in this epoch."""
        if epoch is None or epoch != self._epoch:
            return {}
        found: dict[str, SkuStock] = {}
        for sku in skus:
            copy = self._copies.get(sku)
            held = (copy, None) if isinstance(copy, bytes) else copy
            stock = None if held is None else self._source.decoded(held)
            if stock is not None:
                found[sku] = stock
        return found

    def touch(self, skus: Iterable[str]) -> None:
        """These were told again, without being read: they are not to be forgotten first."""
        for sku in skus:
            self._copies.get(sku)

    def on_change(self, change: Change | None) -> None:
        """Forget what is out of date; None means that anything may be."""
        if change is None:
            self._copies.clear()
        elif change.kind in _OF_SKU:
            self._copies.evict(change.name)

    def _keep(self, skus: Sequence[str], reading: HeldReading, ticket: int) -> None:
        if self._epoch not in {None, reading.epoch}:
            # Another content: of the one before, this reading included, nothing is right any more.
            self._copies.clear()
        self._epoch = reading.epoch
        for sku, held in zip(skus, reading.held, strict=True):
            value, taken = held
            if value is None:
                self._copies.evict(sku)
                continue
            copy = value if taken is None else held
            if self._copies.get(sku) != copy:
                self._copies.keep(sku, copy, ticket)


def _weight(sku: str, copy: bytes | HeldSku) -> int:
    if isinstance(copy, bytes):
        return _BESIDE + len(sku) + len(copy)
    value, taken = copy
    return _BESIDE + _TUPLE + len(sku) + len(value or b"") + len(taken or b"")
