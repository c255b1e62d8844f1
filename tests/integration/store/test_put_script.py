"""`put.lua` on a real Valkey, against a model that says the rules in plain Python."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store.bulk import Block, BulkEncoder, BulkWriter, Written
from gateway.store.client import StoreClient
from gateway.store.entries import Flag, Op, entries, pack_op
from gateway.store.keys import Keyspace, decode_change
from stockspan.embedded.valkey import EmbeddedValkey

KEYS = Keyspace("ss")
SKU = "A-100"


class Operation(msgspec.Struct, frozen=True):
    op: int
    flags: int
    feed: int
    round: int
    version: int | None
    name: str
    payload: bytes

    def packed(self) -> bytes:
        deletes = self.flags & Flag.TOMB or self.op & (Op.TOUCH | Op.SWEEP)
        return pack_op(
            self.op,
            self.flags,
            self.feed,
            self.round,
            self.version,
            1_700_000_000_000,
            self.name.encode(),
            b"" if deletes else self.payload,
        )


class Held(msgspec.Struct):
    flags: int
    feed: int
    round: int
    version: int | None
    payload: bytes


class Model:
    """The rules of CONTRACT 1, Order and Snapshot, for the entries of one value."""

    def __init__(self) -> None:
        self.entries: dict[str, Held] = {}

    def write(self, operations: list[Operation]) -> tuple[int, int]:
        accepted = changed = 0
        for operation in operations:
            took, differs = self._apply(operation)
            accepted += took
            changed += differs
        return accepted, changed

    def _apply(self, new: Operation) -> tuple[bool, bool]:
        held = self.entries.get(new.name)
        alive = held is not None and not held.flags & Flag.TOMB
        mine = held is not None and alive and held.feed == new.feed
        if new.op == Op.SWEEP:
            if held is None or not mine or held.round == new.round:
                return False, False
            held.flags, held.payload = Flag.TOMB | Flag.ABSENT, b""
            return True, True
        if new.op != Op.TOUCH and (held is None or self._newer(new, held)):
            deletes = bool(new.flags & Flag.TOMB)
            payload = b"" if deletes else new.payload
            version = new.version
            if held is not None and new.op & Op.UNVERSIONED:
                version = held.version
            if held is None:
                changed = not deletes
            else:
                changed = alive == deletes or (alive and held.payload != payload)
            self.entries[new.name] = Held(new.flags, new.feed, new.round, version, payload)
            return True, changed
        if held is not None and mine and new.op & (Op.SNAPSHOT | Op.TOUCH):
            held.round = new.round
            doubt = Flag.DOUBTED if new.op == Op.TOUCH else 0
            differs, held.flags = held.flags != doubt, doubt
            return False, differs
        return False, False

    @staticmethod
    def _newer(new: Operation, held: Held) -> bool:
        if new.op & Op.UNVERSIONED:
            return True
        lowest = -(1 << 63)
        ours = lowest if new.version is None else new.version
        theirs = lowest if held.version is None else held.version
        absent = bool(held.flags & Flag.ABSENT)
        return ours > theirs or (bool(new.op & Op.SNAPSHOT) and absent and ours == theirs)


versions = st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, 2**62, -(2**62)])
operations = st.builds(
    Operation,
    st.sampled_from([Op.PUT, Op.PUT, Op.PUT, Op.SNAPSHOT, Op.SNAPSHOT, Op.TOUCH, Op.SWEEP]),
    st.sampled_from([0, 0, 0, Flag.TOMB]),
    st.integers(1, 2),
    st.integers(1, 2),
    versions,
    st.sampled_from(["", "W1", "Ä2"]),
    st.binary(min_size=1, max_size=3),
) | st.builds(
    Operation,
    st.sampled_from([Op.UNVERSIONED, Op.UNVERSIONED | Op.SNAPSHOT]),
    st.sampled_from([0, 0, Flag.TOMB]),
    st.integers(1, 2),
    st.integers(1, 2),
    st.none(),
    st.sampled_from(["", "W1", "Ä2"]),
    st.binary(min_size=1, max_size=3),
)


class Bench:
    """A store to write to from a test that is not a coroutine."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.client = StoreClient.connect(url, deadline=5.0)

    def write(self, operations: list[Operation]) -> Written:
        wire = BulkEncoder(KEYS).sku(SKU, [operation.packed() for operation in operations])
        return self.runner.run(BulkWriter(self.client).write(one(Block(1, wire))))

    def held(self) -> dict[str, Held]:
        value = self.runner.run(self.client.redis.get(KEYS.sku(SKU)))
        if value is None:
            return {}
        return {
            entry.head.name: Held(
                entry.head.flags,
                entry.head.feed,
                entry.head.round,
                entry.head.version,
                entry.payload,
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


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(operations, min_size=1, max_size=4), min_size=1, max_size=6))
def test_the_script_does_what_the_rules_say(bench: Bench, commands: list[list[Operation]]) -> None:
    bench.clear()
    model = Model()
    for command in commands:
        accepted, changed = model.write(command)
        assert bench.write(command) == Written(accepted, changed, 0)
        assert bench.held() == model.entries


@settings(max_examples=60, deadline=None)
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


def test_tombstones_alone_do_not_live_for_ever_and_a_record_does(bench: Bench) -> None:
    bench.clear()
    bench.write([msgspec.structs.replace(PLAIN, flags=Flag.TOMB)])
    assert bench.runner.run(bench.client.redis.ttl(KEYS.sku(SKU))) > 86400
    bench.write([msgspec.structs.replace(PLAIN, version=6)])
    assert bench.runner.run(bench.client.redis.ttl(KEYS.sku(SKU))) == -1


def test_a_change_is_published_once_and_no_change_is_not(bench: Bench) -> None:
    bench.clear()

    async def heard() -> list[str]:
        listening = bench.client.redis.pubsub()
        await listening.subscribe(KEYS.changes)
        while (await listening.get_message(timeout=5))["type"] != "subscribe":
            pass
        encoder, writer = BulkEncoder(KEYS), BulkWriter(bench.client)
        newer = msgspec.structs.replace(PLAIN, version=6)
        for written in ([PLAIN, msgspec.structs.replace(PLAIN, name="W2")], [PLAIN], [newer]):
            wire = encoder.sku(SKU, [operation.packed() for operation in written])
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
