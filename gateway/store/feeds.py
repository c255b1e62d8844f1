"""What is known of each feed: when it was last verified, and how its last sync went.

Loaders write it, gateways read it. A feed's *verified-through* time is the moment at which its
last good sync began to read: everything the ERP had committed by then is in the store.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from gateway.domain.accuracy import Accuracy
from gateway.store.client import StoreClient
from gateway.store.fence import Fence, FencedWrites
from gateway.store.keys import Change, ChangeKind, Keyspace, encode_change

STOCK_KINDS: Final = frozenset({"products", "locations", "stock"})
"""Kinds without which no stock answer can be right."""

PRICE_KINDS: Final = frozenset({"price_lists", "prices", "customers", "discounts"})
"""Kinds without which no price can be right."""

MOST_FEEDS: Final = 255


class HeldBack(msgspec.Struct, frozen=True, omit_defaults=True):
    """A snapshot that waits for an operator.

    `since_ms` is when the first in a row was held back, `arrival_ms` when this one was taken. It
    would write `rows` less those that were `rejected`, and remove what lies at `removals` places.
    `kept`: the loader that read it has it still.
    """

    since_ms: int
    arrival_ms: int
    rows: int
    rejected: int = 0
    removals: int = 0
    kept: bool = False


class Drift(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a reconcile found, which was begun at `at_ms`: records, by how the store was wrong.

    `missing` were not there, `extra` were no longer the ERP's, `differing` were held otherwise;
    what the next delta would have brought is none of these.
    """

    at_ms: int
    missing: int = 0
    extra: int = 0
    differing: int = 0

    def counts(self) -> Mapping[str, int]:
        """The records by how the store was wrong."""
        return {"missing": self.missing, "extra": self.extra, "differing": self.differing}

    @property
    def records(self) -> int:
        """How many in all."""
        return sum(self.counts().values())


class FeedState(msgspec.Struct, frozen=True, omit_defaults=True):
    """One feed. Times are milliseconds since the epoch; None means never.

    `held_back` is why the latest snapshot was, `held` what is known of it. `breaker` is `open` or
    `half_open` while its source is asked no more, or only now and then. `drift` is what the last
    reconcile found, `accuracy` what audits have. `incomplete`: the store
    lost what was pushed; only a snapshot can make it whole again. `late`: it joined a store with
    warm stock, so no answer about stock waits for its first sync, nor does readiness.
    `late_for_prices`: the same of prices. `waits_since_ms`: since when the source has changes that
    an older transaction of its own keeps from being read, where that is long.
    """

    kind: str
    number: int
    round: int = 0
    verified_through_ms: int | None = None
    failing_since_ms: int | None = None
    error: str | None = None
    watermark: str | None = None
    held_back: str | None = None
    held: HeldBack | None = None
    breaker: str | None = None
    drift: Drift | None = None
    accuracy: Accuracy | None = None
    waits_since_ms: int | None = None
    incomplete: bool = False
    late: bool = False
    late_for_prices: bool = False
    accepted: int = 0
    ignored: int = 0
    quarantined: int = 0

    def age_ms(self, now_ms: int) -> int | None:
        """For how long nothing of it was verified; None: nothing ever was."""
        verified_ms = self.verified_through_ms
        return None if verified_ms is None else max(0, now_ms - verified_ms)


class TooManyFeedsError(Exception):
    """There is room for 255 feeds: their number is one byte of every record."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(FeedState).decode


class FeedRegister:
    """The feeds of one store.

    All that writes raises `DeposedError` once the fence's term is over.
    """

    def __init__(self, client: StoreClient, keys: Keyspace, fence: Fence | None = None) -> None:
        self._client = client
        self._keys = keys
        self._writes = FencedWrites(client, fence)

    async def all(self) -> Mapping[str, FeedState]:
        """Every feed that was ever registered; a state that cannot be read is left out.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        async with self._client.asking() as redis:
            held: Mapping[bytes, bytes] = await redis.hgetall(self._keys.feeds)
        states: dict[str, FeedState] = {}
        for name, text in held.items():
            try:
                states[name.decode()] = _decode(text)
            except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
                continue
        return states

    async def epoch(self) -> bytes | None:
        """The random name of the store's content; None in a store that was never loaded.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        (epoch,) = await self._client.get_many([self._keys.epoch])
        return epoch

    async def name_epoch(self) -> None:
        """Give the store's content a name, unless it has one; before its first feed is saved.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        # Whoever comes first names the content; readers compare the name with their copy.
        await self._writes.run(self._keys.epoch, "SET", secrets.token_hex(8), "NX")

    async def register(self, name: str, kind: str) -> FeedState:
        """The feed's state, made when there is none; its number is its own for good.

        Raises:
            StoreUnavailableError: no answer within the deadline.
            TooManyFeedsError: 255 feeds are there already.
        """
        await self.name_epoch()
        states = await self.all()
        held = states.get(name)
        if held is not None and held.kind == kind:
            return held
        state = joining(states, kind, await self.number(name))
        await self.save(name, state)
        return state

    async def save(self, name: str, state: FeedState) -> None:
        """Write the state and tell the gateways.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        told = self._told(name)
        await self._writes.run(self._keys.feeds, "HSET", name, _encode(state), told=told)

    async def retire(self, name: str) -> None:
        """Forget a feed that is no longer configured; what it wrote stays, and ages.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        await self._writes.run(self._keys.feeds, "HDEL", name, told=self._told(name))

    async def numbers(self) -> Mapping[str, int]:
        """The numbers drawn so far, by feed; of feeds that are no longer configured too.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        async with self._client.asking() as redis:
            held: Mapping[bytes, bytes] = await redis.hgetall(self._keys.feed_numbers)
        # The empty name is the counter.
        return {name.decode(): int(number) for name, number in held.items() if name}

    async def number(self, name: str) -> int:
        """The number that marks what this feed writes, drawn at its first use.

        Raises:
            StoreUnavailableError: no answer within the deadline.
            TooManyFeedsError: 255 feeds are there already.
        """
        numbers = self._keys.feed_numbers
        async with self._client.asking() as redis:
            held: bytes | None = await redis.hget(numbers, name)
        if held is not None:
            return int(held)
        # Where nobody leads two may come here at once: HSETNX keeps the first one's number, and a
        # number drawn in vain is only a gap.
        (drawn,) = await self._writes.run(numbers, "HINCRBY", "", 1)
        if drawn > MOST_FEEDS:
            raise TooManyFeedsError
        await self._writes.run(numbers, "HSETNX", name, drawn)
        async with self._client.asking() as redis:
            return int(await redis.hget(numbers, name))

    def _told(self, name: str) -> tuple[bytes, bytes]:
        return self._keys.changes, encode_change(Change(ChangeKind.FEEDS, name))


def joining(states: Mapping[str, FeedState], kind: str, number: int) -> FeedState:
    """A feed that is new among these: what is warm without it is not to wait for it."""
    return FeedState(
        kind,
        number,
        late=unready(states) is None,
        late_for_prices=unready_prices(states) is None,
    )


def unready(states: Mapping[str, FeedState]) -> tuple[str, ...] | None:
    """The feeds that keep stock from being answered; None when the store is warm.

    Without a verified feed of stock it is cold whatever else is there: nothing may be called sold
    out that nobody has counted.
    """
    waiting = _waited_for(states, STOCK_KINDS)
    return None if _is_counted(states.values(), "stock") and not waiting else waiting


def unready_prices(states: Mapping[str, FeedState]) -> tuple[str, ...] | None:
    """The feeds that keep prices from being answered; None when they can be.

    Without a verified feed of prices none can: "no price" is said only when prices are known.
    """
    waiting = _waited_for(states, PRICE_KINDS | {"products"}, for_prices=True)
    return None if _is_counted(states.values(), "prices") and not waiting else waiting


def has_prices(states: Mapping[str, FeedState]) -> bool:
    """Whether anybody loads prices here: a shop may do without."""
    return any(state.kind == "prices" for state in states.values())


def awaited_prices(states: Mapping[str, FeedState]) -> tuple[str, ...]:
    """The feeds of prices for which a store that fills up is not ready yet as a whole."""
    return _waited_for(states, PRICE_KINDS)


def _waited_for(
    states: Mapping[str, FeedState], kinds: frozenset[str], *, for_prices: bool = False
) -> tuple[str, ...]:
    """The feeds of these kinds that must be verified first; what was lost is never late."""
    return tuple(
        sorted(
            name
            for name, state in states.items()
            if state.kind in kinds
            and state.verified_through_ms is None
            and (state.incomplete or not (state.late_for_prices if for_prices else state.late))
        )
    )


def _is_counted(states: Iterable[FeedState], kind: str) -> bool:
    return any(state.kind == kind and state.verified_through_ms is not None for state in states)
