"""`put.lua` on a real Valkey, against a model that says the rules in plain Python."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.price_lists import Scope, Target
from gateway.store.bulk import Block, BulkEncoder, BulkWriter, Place, Written
from gateway.store.client import StoreClient
from gateway.store.entries import Flag, Op, entries, pack_op
from gateway.store.keys import Change, ChangeKind, Keyspace, decode_change
from stockspan.embedded.valkey import EmbeddedValkey
from tests.examples import examples

KEYS = Keyspace("ss")
SKU = "A-100"
DAY = 86_400_000
NOW = 1_700_000_000_000
ENCODER = BulkEncoder(KEYS)
STOCK = ENCODER.place_of_stock(SKU)
PLACES = {
    "stock": STOCK,
    "product": ENCODER.place_of_product(SKU),
    "customer": ENCODER.place_of_customer("C-1"),
    "head": ENCODER.place_of_price_list("L-1"),
    "acknowledgement": ENCODER.place_of_ack("O-1"),
    "row of a list": ENCODER.place_of_prices("L-1", Target(Scope.SKU, SKU), with_skus=False),
}


class Operation(msgspec.Struct, frozen=True):
    op: int
    flags: int
    feed: int
    round: int
    version: int | None
    name: str
    payload: bytes
    stamp_ms: int = NOW

    def packed(self) -> bytes:
        deletes = self.flags & Flag.TOMB or self.op & (Op.TOUCH | Op.SWEEP)
        return pack_op(
            self.op,
            self.flags,
            self.feed,
            self.round,
            self.version,
            self.stamp_ms,
            self.name.encode(),
            b"" if deletes else self.payload,
        )


class Held(msgspec.Struct):
    flags: int
    feed: int
    round: int
    version: int | None
    payload: bytes
    stamp_ms: int


class Model:
    """The rules of CONTRACT 1, Order and Snapshot, for the entries of one value."""

    def __init__(self, *, of_sku: bool = True) -> None:
        self.entries: dict[str, Held] = {}
        self._of_sku = of_sku
        self._dirty = False

    def write(self, operations: list[Operation]) -> tuple[int, int]:
        accepted = changed = 0
        self._dirty = False
        for operation in operations:
            took, differs = self._apply(operation)
            accepted += took
            changed += differs
        if self._dirty:
            now = max(operation.stamp_ms for operation in operations)
            rounds = {
                operation.feed: operation.round
                for operation in operations
                if not operation.op & Op.RESTORED
            }
            self._drop_old_tombstones(now, rounds)
        return accepted, changed

    def _drop_old_tombstones(self, now: int, rounds: dict[int, int]) -> None:
        for name, held in list(self.entries.items()):
            if not held.flags & Flag.TOMB or self._hides(name):
                continue
            guards = held.flags & Flag.RECENT and held.version is None
            over = guards and rounds.get(held.feed, held.round) != held.round
            if over or held.stamp_ms < now - 30 * DAY:
                del self.entries[name]

    def _hides(self, name: str) -> bool:
        """A deleted product hides its levels for as long as they are there."""
        return self._of_sku and not name

    def _apply(self, new: Operation) -> tuple[bool, bool]:
        held = self.entries.get(new.name)
        alive = held is not None and not held.flags & Flag.TOMB
        mine = held is not None and alive and held.feed == new.feed
        if new.op == Op.SWEEP:
            if held is not None and not alive:
                self._dirty = True
            if held is None or not mine or held.round == new.round:
                return False, False
            self._hold(
                new.name,
                msgspec.structs.replace(
                    held, flags=Flag.TOMB | Flag.ABSENT, payload=b"", stamp_ms=new.stamp_ms
                ),
            )
            return True, True
        if (
            new.op == Op.SNAPSHOT | Op.UNVERSIONED
            and held is not None
            and (held.feed, held.round) == (new.feed, new.round)
            and held.stamp_ms > new.stamp_ms
        ):
            return False, False
        if new.op != Op.TOUCH and (held is None or self._newer(new, held)):
            deletes = bool(new.flags & Flag.TOMB)
            payload = b"" if deletes else new.payload
            version = new.version
            if held is not None and new.op & Op.UNVERSIONED:
                version = held.version
            if held is None:
                changed = not deletes
            else:
                told = (held.payload, held.flags, held.feed)
                changed = alive == deletes or (alive and told != (payload, new.flags, new.feed))
            self._hold(
                new.name, Held(new.flags, new.feed, new.round, version, payload, new.stamp_ms)
            )
            return True, changed
        if held is not None and mine and new.op & (Op.SNAPSHOT | Op.TOUCH):
            held.round = new.round
            doubt = Flag.DOUBTED if new.op == Op.TOUCH else 0
            differs, held.flags = held.flags != doubt, doubt
            self._dirty = True
            return False, differs
        return False, False

    def _hold(self, name: str, entry: Held) -> None:
        leaves_none = entry.version is None and not entry.flags & Flag.RECENT
        if entry.flags & Flag.TOMB and leaves_none and not self._hides(name):
            self._dirty = self._dirty or name in self.entries
            self.entries.pop(name, None)
        else:
            self._dirty = True
            self.entries[name] = entry

    @staticmethod
    def _newer(new: Operation, held: Held) -> bool:
        if new.op & Op.RESTORED:
            if new.version is None or held.version is None:
                return new.stamp_ms > held.stamp_ms
            return new.version > held.version
        if new.op & Op.UNVERSIONED:
            return True
        lowest = -(1 << 63)
        ours = lowest if new.version is None else new.version
        theirs = lowest if held.version is None else held.version
        absent = bool(held.flags & Flag.ABSENT)
        return ours > theirs or (bool(new.op & Op.SNAPSHOT) and absent and ours == theirs)


versions = st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, 2**62, -(2**62)])
stamps = st.sampled_from([NOW, NOW, NOW + 1, NOW + 29 * DAY, NOW + 31 * DAY])
operations = st.builds(
    Operation,
    st.sampled_from(
        [Op.PUT, Op.PUT, Op.PUT, Op.SNAPSHOT, Op.SNAPSHOT, Op.TOUCH, Op.SWEEP, Op.RESTORED]
    ),
    st.sampled_from([0, 0, 0, Flag.TOMB]),
    st.integers(1, 2),
    st.integers(1, 2),
    versions,
    st.sampled_from(["", "W1", "Ä2"]),
    st.binary(min_size=1, max_size=3),
    stamps,
) | st.builds(
    Operation,
    st.sampled_from([Op.UNVERSIONED, Op.UNVERSIONED | Op.SNAPSHOT, Op.UNVERSIONED | Op.RESTORED]),
    st.sampled_from([0, 0, Flag.TOMB, Flag.TOMB | Flag.RECENT]),
    st.integers(1, 2),
    st.integers(1, 2),
    st.none(),
    st.sampled_from(["", "W1", "Ä2"]),
    st.binary(min_size=1, max_size=3),
    stamps,
)


class Bench:
    """A store to write to from a test that is not a coroutine."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.client = StoreClient.connect(url, deadline=5.0)

    def write(self, operations: list[Operation], place: Place = STOCK) -> Written:
        wire = ENCODER.put(place, [operation.packed() for operation in operations])
        return self.runner.run(BulkWriter(self.client).write(one(Block(1, wire))))

    def value(self, place: Place = STOCK) -> bytes | None:
        redis = self.client.redis
        asked = redis.hget(place.key, place.field) if place.field else redis.get(place.key)
        found: bytes | None = self.runner.run(asked)
        return found

    def held(self, place: Place = STOCK) -> dict[str, Held]:
        value = self.value(place)
        if value is None:
            return {}
        return {
            entry.head.name: Held(
                entry.head.flags,
                entry.head.feed,
                entry.head.round,
                entry.head.version,
                entry.payload,
                entry.head.stamp_ms,
            )
            for entry in entries(value)
        }

    def clear(self) -> None:
        self.runner.run(self.client.redis.flushdb())

    def close(self) -> None:
        self.runner.run(self.client.close())
        self.runner.close()


async def one(block: Block) -> AsyncIterator[Block]:
    yield block


@pytest.fixture(scope="module")
def bench(valkey: EmbeddedValkey) -> Iterator[Bench]:
    bench = Bench(valkey.url)
    yield bench
    bench.close()


@settings(max_examples=examples(250), suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(PLACES)),
    st.lists(st.lists(operations, min_size=1, max_size=4), min_size=1, max_size=6),
)
def test_the_script_does_what_the_rules_say(
    bench: Bench, where: str, commands: list[list[Operation]]
) -> None:
    bench.clear()
    place = PLACES[where]
    model = Model(of_sku=where in {"stock", "product"})
    for command in commands:
        accepted, changed = model.write(command)
        assert bench.write(command, place) == Written(accepted, changed, 0)
        assert bench.held(place) == model.entries
        # A value of no entries would be a key, or a field, that nobody ever takes away.
        assert (bench.value(place) is None) == (not model.entries)


@settings(max_examples=examples(60))
@given(
    st.lists(
        st.builds(
            Operation,
            st.just(Op.PUT),
            st.sampled_from([0, 0, 0, Flag.TOMB]),
            st.just(1),
            st.just(1),
            st.integers(0, 50),
            st.sampled_from(["W1", "W2"]),
            st.binary(min_size=1, max_size=2),
        ),
        min_size=1,
        max_size=12,
        unique_by=lambda operation: (operation.name, operation.version),
    ),
    st.randoms(use_true_random=False),
)
def test_deltas_shuffled_and_repeated_end_where_those_in_order_end(
    bench: Bench, deltas: list[Operation], chance: object
) -> None:
    in_order = sorted(deltas, key=lambda delta: delta.version or 0)
    bench.clear()
    bench.write(in_order)
    expected = bench.held()
    again = deltas + deltas[: len(deltas) // 3]
    chance.shuffle(again)  # type: ignore[attr-defined]  # hypothesis' Random has no public type
    bench.clear()
    for delta in again:
        bench.write([delta])
    assert bench.held() == expected


PLAIN = Operation(Op.PUT, 0, 1, 1, 5, "W1", b"x")


def test_a_value_that_is_not_ours_is_written_over(bench: Bench) -> None:
    bench.clear()
    for prepare in (("LPUSH", "a"), ("SET", "junk")):
        bench.runner.run(bench.client.redis.delete(KEYS.sku(SKU)))
        bench.runner.run(bench.client.redis.execute_command(prepare[0], KEYS.sku(SKU), prepare[1]))
        assert bench.write([PLAIN]) == Written(1, 1, 0)
        assert set(bench.held()) == {"W1"}


def test_a_key_of_another_type_becomes_a_hash(bench: Bench) -> None:
    bench.clear()
    place = PLACES["row of a list"]
    bench.runner.run(bench.client.redis.set(place.key, b"junk"))
    assert bench.write([PLAIN], place) == Written(1, 1, 0)
    assert set(bench.held(place)) == {"W1"}


def test_the_other_fields_of_a_hash_stay(bench: Bench) -> None:
    bench.clear()
    place = PLACES["row of a list"]
    bench.runner.run(bench.client.redis.hset(place.key, "g7", b"another"))
    unversioned = msgspec.structs.replace(PLAIN, op=Op.UNVERSIONED, version=None)
    for flags in (0, Flag.TOMB):
        bench.write([msgspec.structs.replace(unversioned, flags=flags)], place)
    assert bench.runner.run(bench.client.redis.hgetall(place.key)) == {b"g7": b"another"}


@pytest.mark.parametrize("where", sorted(PLACES))
def test_a_change_is_told_by_the_kind_of_its_record(where: str) -> None:
    expected = {
        "stock": Change(ChangeKind.SKU, SKU),
        "product": Change(ChangeKind.PRODUCT, SKU),
        "customer": Change(ChangeKind.CUSTOMER, "C-1"),
        "head": Change(ChangeKind.PRICE_LIST, "L-1"),
        "acknowledgement": Change(ChangeKind.ORDERS, "O-1"),
        "row of a list": Change(ChangeKind.LIST_PRICES, "L-1"),
    }
    assert decode_change(PLACES[where].message) == expected[where]


def test_tombstones_alone_do_not_live_for_ever_and_a_record_does(bench: Bench) -> None:
    bench.clear()
    bench.write([msgspec.structs.replace(PLAIN, flags=Flag.TOMB)])
    assert bench.runner.run(bench.client.redis.ttl(KEYS.sku(SKU))) > 86400
    bench.write([msgspec.structs.replace(PLAIN, version=6)])
    assert bench.runner.run(bench.client.redis.ttl(KEYS.sku(SKU))) == -1


def test_a_deleted_product_hides_its_rows_for_good(bench: Bench) -> None:
    bench.clear()
    place = PLACES["product"]
    product = msgspec.structs.replace(PLAIN, name="", op=Op.UNVERSIONED, version=None)
    deletion = msgspec.structs.replace(product, flags=Flag.TOMB)
    bench.write([msgspec.structs.replace(PLAIN, flags=Flag.TOMB), deletion], place)
    assert set(bench.held()) == {"", "W1"}
    assert bench.runner.run(bench.client.redis.ttl(KEYS.sku(SKU))) == -1
    late = msgspec.structs.replace(PLAIN, flags=Flag.TOMB, version=6, stamp_ms=NOW + 31 * DAY)
    bench.write([msgspec.structs.replace(late, name="W2")], place)
    assert set(bench.held()) == {"", "W2"}
    assert bench.runner.run(bench.client.redis.ttl(KEYS.sku(SKU))) == -1


CUSTOMER = Operation(Op.UNVERSIONED, 0, 1, 2, None, "", b"delta", NOW + 1)


@pytest.mark.parametrize(
    ("held", "kept"),
    [
        (CUSTOMER, True),
        (msgspec.structs.replace(CUSTOMER, flags=Flag.TOMB | Flag.RECENT), True),
        (msgspec.structs.replace(CUSTOMER, flags=Flag.TOMB), False),
        (msgspec.structs.replace(CUSTOMER, stamp_ms=NOW), False),
        (msgspec.structs.replace(CUSTOMER, round=1), False),
        (msgspec.structs.replace(CUSTOMER, feed=2), False),
    ],
)
@pytest.mark.parametrize("where", ["customer", "row of a list"])
def test_what_a_delta_wrote_after_the_snapshot_began_stays(
    bench: Bench, where: str, held: Operation, kept: bool
) -> None:
    bench.clear()
    place = PLACES[where]
    bench.write([msgspec.structs.replace(CUSTOMER, stamp_ms=NOW - DAY, round=1)], place)
    bench.write([held], place)
    before = bench.held(place)
    old = Operation(Op.UNVERSIONED | Op.SNAPSHOT, 0, 1, 2, None, "", b"snapshot", NOW)
    bench.write([old], place)
    assert (bench.held(place) == before) == kept
    # The next round finds nothing in its way, and leaves nothing behind.
    bench.write([msgspec.structs.replace(old, round=3, stamp_ms=NOW + 2)], place)
    assert bench.held(place)[""].payload == b"snapshot"


def test_a_sweep_drops_tombstones_whose_time_is_over(bench: Bench) -> None:
    place = PLACES["row of a list"]
    sweep = Operation(Op.SWEEP, 0, 1, 3, None, "a", b"")
    old = msgspec.structs.replace(PLAIN, name="a", flags=Flag.TOMB, stamp_ms=NOW - 31 * DAY)
    fresh = msgspec.structs.replace(old, stamp_ms=NOW)
    recent = msgspec.structs.replace(
        fresh, op=Op.UNVERSIONED, version=None, flags=Flag.TOMB | Flag.RECENT
    )
    for held, left in (
        ([old], set()),
        ([fresh], {"a"}),
        ([recent], set()),
        ([old, msgspec.structs.replace(PLAIN, name="b")], {"b"}),
        ([msgspec.structs.replace(old, flags=0, feed=2)], {"a"}),
    ):
        bench.clear()
        bench.write(held, place)
        assert bench.write([sweep], place) == Written(0, 0, 0)
        assert set(bench.held(place)) == left
        assert (bench.value(place) is None) == (not left)


@pytest.mark.parametrize(
    ("then", "changes"),
    [
        ({"feed": 2}, True),
        ({"round": 2}, False),
        ({"op": Op.UNVERSIONED, "version": None}, False),
        ({"flags": Flag.DOUBTED}, True),
    ],
)
def test_what_counts_as_changed_beside_the_payload(
    bench: Bench, then: dict[str, int], changes: bool
) -> None:
    for value in (b"x", b"x" * 40):
        bench.clear()
        held = msgspec.structs.replace(PLAIN, payload=value)
        bench.write([held])
        newer = msgspec.structs.replace(held, **{"version": 6, **then})
        assert bench.write([newer]) == Written(1, int(changes), 0)
        # A doubt that a new record ends is news too.
        bench.write([msgspec.structs.replace(held, op=Op.TOUCH, feed=newer.feed)])
        last = msgspec.structs.replace(newer, version=newer.version and 7)
        assert bench.write([last]).changed == int(last.flags != Flag.DOUBTED)


def test_a_change_is_published_once_and_no_change_is_not(bench: Bench) -> None:
    bench.clear()

    async def heard() -> list[str]:
        listening = bench.client.redis.pubsub()
        await listening.subscribe(KEYS.changes)
        while (await listening.get_message(timeout=5))["type"] != "subscribe":
            pass
        writer = BulkWriter(bench.client)
        newer = msgspec.structs.replace(PLAIN, version=6)
        for written in ([PLAIN, msgspec.structs.replace(PLAIN, name="W2")], [PLAIN], [newer]):
            wire = ENCODER.put(STOCK, [operation.packed() for operation in written])
            await writer.write(one(Block(1, wire)))
        await bench.client.redis.publish(KEYS.changes, b"1last")
        names: list[str] = []
        while not names or names[-1] != "last":
            message = await listening.get_message(timeout=5)
            change = decode_change(message["data"])
            assert change is not None
            names.append(change.name)
        await listening.aclose()
        return names

    # The first write changes two entries and says so once; the others change no figure.
    assert bench.runner.run(heard()) == [SKU, "last"]


def test_a_value_cut_short_is_written_over(bench: Bench) -> None:
    bench.clear()
    bench.write([PLAIN])
    whole = bench.runner.run(bench.client.redis.get(KEYS.sku(SKU)))
    for cut in (b"\x01abc", whole[:-1], whole + b"\x00"):
        bench.runner.run(bench.client.redis.set(KEYS.sku(SKU), cut))
        bench.write([msgspec.structs.replace(PLAIN, name="W2")])
        assert set(bench.held()) == {"W2"}
