"""Writing many records: commands encoded once, sent in blocks, replies counted.

A pipeline of redis-py packs some 50,000 commands a second on one core; here a block is bytes
that were joined while the rows were read, and goes out as it is. Blocks may lie on disk between
(a staged snapshot), so they carry no object.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable, Sequence
from pathlib import Path
from typing import Any, Final

import hiredis
import msgspec
from redis import exceptions
from redis.asyncio.cluster import RedisCluster

from gateway.domain.price_lists import Scope, Target
from gateway.store.client import Connected, StoreClient, is_deposed, translated
from gateway.store.fence import Fence
from gateway.store.keys import Change, ChangeKind, Keyspace, encode_change
from gateway.store.price_codec import target_field

_PUT: Final = (Path(__file__).parent / "scripts" / "put.lua").read_bytes()
_SHA: Final = hashlib.sha1(_PUT, usedforsecurity=False).hexdigest().encode()

SCRIPT: Final = _SHA
"""The name of the script that the commands here are for; another version's are for another."""

# Refusals that are not about one command: the store cannot take any now.
_WHOLE_STORE: Final = (
    exceptions.OutOfMemoryError,
    exceptions.NoScriptError,
    exceptions.ClusterError,
    exceptions.ConnectionError,
    exceptions.ReadOnlyError,
)


class Block(msgspec.Struct, frozen=True):
    """Some commands, as the bytes that go over the wire."""

    commands: int
    wire: bytes


class Written(msgspec.Struct, frozen=True):
    """What became of the operations: in effect, changing something, refused by the store."""

    accepted: int = 0
    changed: int = 0
    failed: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(
            self.accepted + other.accepted,
            self.changed + other.changed,
            self.failed + other.failed,
        )


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where records lie, and what is published when they change there.

    `field` is the field of a hash; empty where the key's value is a string.
    """

    key: bytes
    field: bytes
    message: bytes


class BulkEncoder:
    """Makes the commands that write entries; pure, so that rows can be staged first.

    What is written under a `fence` is refused once its term is over.
    """

    def __init__(self, keys: Keyspace, fence: Fence | None = None) -> None:
        self._keys = keys
        self._fence = fence
        # EVALSHA sha keys… channel message field token operation…
        self._script = b"$7\r\nEVALSHA\r\n$40\r\n%b\r\n" % _SHA
        self._channel = _argument(keys.changes)
        self._token = _argument(b"" if fence is None else fence.token)
        self._words = 8 if fence is None else 9
        self.place_of_locations: Final = Place(
            keys.locations, b"", encode_change(Change(ChangeKind.LOCATIONS))
        )

    def put(self, place: Place, operations: Sequence[bytes]) -> bytes:
        """The command that writes these operations (`entries.pack_op`) there."""
        key, field, message = place.key, place.field, place.message
        fence = self._fence
        keys = (
            b"$1\r\n1\r\n$%d\r\n%b\r\n" % (len(key), key)
            if fence is None
            else b"$1\r\n2\r\n$%d\r\n%b\r\n%b" % (len(key), key, _argument(fence.beside(key)))
        )
        return b"*%d\r\n%b%b%b$%d\r\n%b\r\n$%d\r\n%b\r\n%b%b" % (
            self._words + len(operations),
            self._script,
            keys,
            self._channel,
            len(message),
            message,
            len(field),
            field,
            self._token,
            b"".join([b"$%d\r\n%b\r\n" % (len(op), op) for op in operations]),
        )

    def anew(self, block: Block) -> Block:
        """The commands of a block that was encoded under another fence, under this one."""
        commands = [self._anew(command) for command in _commands(block.wire)]
        return Block(len(commands), b"".join(commands))

    def _anew(self, command: list[bytes]) -> bytes:
        _name, _sha, keys, key, *rest = command
        _channel, message, field, _token, *operations = rest[int(keys) - 1 :]
        return self.put(Place(key, field, message), operations)

    def place_of_stock(self, sku: str) -> Place:
        """Where a SKU's levels lie; each entry is named after its location."""
        return self._place(self._keys.sku(sku), ChangeKind.SKU, sku)

    def place_of_product(self, sku: str) -> Place:
        """Where a SKU's product record lies, with its levels; the entry is `PRODUCT_NAME`."""
        return self._place(self._keys.sku(sku), ChangeKind.PRODUCT, sku)

    def place_of_price_list(self, price_list: str) -> Place:
        """Where the head of a list lies; the entry is `ONLY_NAME`."""
        field = price_list.encode()
        return self._place(self._keys.price_lists, ChangeKind.PRICE_LIST, price_list, field)

    def place_of_prices(self, price_list: str, target: Target, *, with_skus: bool) -> Place:
        """Where a list's rows for this target lie; entries are named by `price_codec.row_name`.

        `with_skus` is what `PricePlaces` says of the list; rows for anything but a SKU lie
        with their list whatever it says.
        """
        if with_skus and target.scope is Scope.SKU:
            sku = target.name
            return self._place(self._keys.sku_prices(sku), ChangeKind.SKU_PRICES, sku)
        key = self._keys.list_prices(price_list)
        return self._place(key, ChangeKind.LIST_PRICES, price_list, target_field(target))

    def place_of_customer(self, customer: str) -> Place:
        """Where a customer lies; the entry is `ONLY_NAME`."""
        return self._place(self._keys.customer(customer), ChangeKind.CUSTOMER, customer)

    def place_of_discounts(self, discount_class: str) -> Place:
        """Where a class's cells of the matrix lie; named by `price_codec.discount_name`."""
        key = self._keys.discounts(discount_class)
        return self._place(key, ChangeKind.DISCOUNTS, discount_class)

    def place_of_ack(self, order_ref: str) -> Place:
        """Where words on an order wait to be taken; the entries are `ack_codec.ENTRY_OF`."""
        return self._place(self._keys.acks, ChangeKind.ORDERS, order_ref, order_ref.encode())

    @staticmethod
    def _place(key: bytes, kind: ChangeKind, name: str, field: bytes = b"") -> Place:
        return Place(key, field, encode_change(Change(kind, name)))


class BulkWriter:
    """Sends blocks, one ahead of the replies, so that neither side waits for the other."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client

    async def write(self, blocks: AsyncIterable[Block]) -> Written:
        """Send every block and count the outcome.

        Raises:
            StoreUnavailableError: the link broke; some blocks may have taken effect. Writing
                them again is harmless.
            StoreFullError: the store refused for lack of memory.
            DeposedError: the fence refused a command, and all that came after it.
        """
        with translated():
            redis = self._client.redis
            if not isinstance(redis, RedisCluster):
                return await self._write_wire(redis, blocks)
            written = Written()
            async for block in blocks:
                pipeline = redis.pipeline()
                for command in _commands(block.wire):
                    # The script is sent whole: nodes come and go, and with them what they cached.
                    _ = pipeline.execute_command("EVAL", _PUT, *command[2:])
                written += _count(await pipeline.execute(raise_on_error=False))
            return written

    async def _write_wire(self, redis: Connected, blocks: AsyncIterable[Block]) -> Written:
        pool = redis.connection_pool
        deadline = self._client.deadline
        async with asyncio.timeout(deadline):
            connection = await pool.get_connection()
        written = Written()
        unanswered: Block | None = None
        try:
            async for block in blocks:
                async with asyncio.timeout(deadline):
                    before, unanswered = unanswered, block
                    if before is None:
                        # The first takes the script along: most deltas are one journey.
                        await connection.send_packed_command(_LOADING + block.wire)
                        await connection.read_response()
                    else:
                        await connection.send_packed_command(block.wire)
                        written += await self._replies(connection, before)
            if unanswered is not None:
                async with asyncio.timeout(deadline):
                    written += await self._replies(connection, unanswered)
                unanswered = None
        finally:
            # A connection with replies under way would give them to the next one who borrows it.
            if unanswered is not None:
                await connection.disconnect()
            await pool.release(connection)
        return written

    @staticmethod
    async def _replies(connection: Any, block: Block) -> Written:
        replies: list[Any] = []
        for _ in range(block.commands):
            try:
                replies.append(await connection.read_response())
            except exceptions.ResponseError as error:
                replies.append(error)
        return _count(replies)


def _argument(value: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(value), value)


_LOADING: Final = b"*3\r\n%b%b%b" % (_argument(b"SCRIPT"), _argument(b"LOAD"), _argument(_PUT))


def _count(replies: Sequence[Any]) -> Written:
    accepted = changed = failed = 0
    for reply in replies:
        if isinstance(reply, _WHOLE_STORE) or is_deposed(reply):
            raise reply
        if isinstance(reply, Exception):
            if "OOM" in str(reply):
                raise exceptions.OutOfMemoryError(str(reply))
            failed += 1
        else:
            accepted += reply[0]
            changed += reply[1]
    return Written(accepted, changed, failed)


def _commands(wire: bytes) -> list[list[bytes]]:
    """The commands of a block, taken apart again: a cluster sends each to its own node."""
    reader = hiredis.Reader()
    reader.feed(wire)
    commands: list[list[bytes]] = []
    while (command := reader.gets()) is not False:
        commands.append(command)
    return commands
