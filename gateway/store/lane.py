"""The lane: commands of many requests on one connection, those of a turn in one journey.

For commands that are short and many, as the steps of reservations are. One journey at a time: what
comes meanwhile goes with the next, so the more there is to do, the less a command costs. Each
journey first asks for the epoch, and for which epoch holds are restored: what a command says of
holds is worth something only while the two are one.

A journey with commands that are to be durable ends with one WAITAOF, on the connection that wrote:
however many they are, they wait for the disk together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import hiredis
import msgspec
from redis import exceptions
from redis.asyncio.cluster import RedisCluster

from gateway.deadlines import within
from gateway.gathering import Gathering
from gateway.observability.tracing import span
from gateway.store.client import OURS, Connected, StoreClient, translated
from gateway.store.hold_scripts import Script
from gateway.store.keys import Keyspace

Command = tuple[bytes | str | int, ...]

# Its stubs say that a command is one word.
_pack: Final[Callable[[Command], bytes]] = hiredis.pack_command  # type: ignore[assignment]

_MOST: Final = 256
_PATIENCE: Final = 0.8
"""How much of the deadline the disk may take."""


class Arrived(msgspec.Struct, frozen=True):
    """A command's reply, an error of its own included, and the epoch in which it was given.

    `restored`: all promised holds were in the store then. `on_disk`: whether a durable command
    outlives a crash; None where it was not asked for, or there is no append-only file to wait for.
    """

    reply: Any
    epoch: bytes | None
    restored: bool
    on_disk: bool | None = None


class _Asked(msgspec.Struct, frozen=True):
    command: Command
    durable: bool


class Lane:
    """Takes commands along; to be ended before its client is closed."""

    def __init__(self, client: StoreClient, keys: Keyspace) -> None:
        self._client = client
        self._asked_first: Final[Sequence[Command]] = (
            (b"GET", keys.epoch),
            (b"GET", keys.restored),
        )
        self._gathering = Gathering[_Asked, Arrived](self._travel, most=_MOST)
        self._connection: Any = None

    async def run(self, command: Command, *, durable: bool = False) -> Arrived:
        """The reply to one command; commands of one turn are run in the order in which they came.

        A durable one is waited for until it is on disk, for as long as the deadline allows.

        Raises:
            StoreUnavailableError: no answer within the deadline; it may have been run all the same.
        """
        with span("store"), translated():
            async with within(self._client.deadline):
                return await self._gathering.ask(_Asked(command, durable))

    def post(self, command: Command) -> None:
        """Let a command go along; nobody hears whether it was run."""
        self._gathering.send(_Asked(command, durable=False)).add_done_callback(_unheard)

    async def run_all(
        self, commands: Sequence[Command], script: Script | None = None, *, durable: bool = False
    ) -> list[Arrived]:
        """The replies to these, run together; a server that does not know `script` is told it.

        Durable ones as in `run`.

        Raises:
            StoreUnavailableError: as in `run`, of any of them.
        """
        with span("store"), translated():
            async with within(self._client.deadline):
                arrived = await self._gathering.ask_all(
                    [_Asked(command, durable) for command in commands]
                )
                if script is None or not any(map(_is_unknown, arrived)):
                    return arrived
                again = [
                    _Asked((b"EVAL", script.text, *command[2:]), durable)
                    for command, one in zip(commands, arrived, strict=True)
                    if _is_unknown(one)
                ]
                told = iter(await self._gathering.ask_all(again))
        return [next(told) if _is_unknown(one) else one for one in arrived]

    async def get_many(
        self, keys: Sequence[bytes], *, together: int
    ) -> tuple[Arrived, list[bytes | None]]:
        """The string values at `keys`, in order, and in which epoch they were.

        None where there is none or it is no string. `together`: so many keys, from the first on,
        lie in one slot and are read in one step.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        size = together if isinstance(self._client.redis, RedisCluster) else max(1, len(keys))
        reads = [(b"MGET", *keys[at : at + size]) for at in range(0, len(keys), size)]
        arrived = await self.run_all(reads or [(b"PING",)])
        values: list[bytes | None] = []
        for one in arrived if reads else ():
            if isinstance(one.reply, Exception):
                with translated():
                    raise one.reply
            values += one.reply
        # Where the store was emptied on the way, what was read after it decides.
        return arrived[-1], values

    async def end(self) -> None:
        """Give up what is under way, and the connection."""
        await self._gathering.end()
        with suppress(*OURS):
            await self._leave()

    async def _travel(self, asked: Sequence[_Asked]) -> Sequence[Arrived]:
        commands = [*self._asked_first, *(one.command for one in asked)]
        durable = [one.command for one in asked if one.durable]
        deadline = self._client.deadline
        wait: Command = (b"WAITAOF", 1, 0, max(1, int(deadline * _PATIENCE * 1000)))
        async with within(deadline):
            redis = self._client.redis
            if isinstance(redis, RedisCluster):
                replies = await _through_cluster(redis, commands, durable, wait)
            else:
                waits = [wait] if durable else []
                replies = await self._through_connection(redis, [*commands, *waits])
        epoch, restored, *rest = replies
        for reply in (epoch, restored):
            if isinstance(reply, Exception):
                raise reply
        is_restored = epoch is not None and epoch == restored
        on_disk = _are_on_disk(rest[len(asked) :])
        return [
            Arrived(reply, epoch, is_restored, on_disk if one.durable else None)
            for one, reply in zip(asked, rest, strict=False)
        ]

    async def _through_connection(
        self, redis: Connected, commands: Sequence[Command]
    ) -> Sequence[Any]:
        if self._connection is None:
            self._connection = await redis.connection_pool.get_connection()
        connection = self._connection
        replies: list[Any] = []
        try:
            await connection.send_packed_command(b"".join(map(_pack, commands)))
            for _ in commands:
                try:
                    replies.append(await connection.read_response())
                except exceptions.ResponseError as error:
                    replies.append(error)
        finally:
            # With replies under way it would give them to the next journey.
            if len(replies) < len(commands):
                await self._leave()
        return replies

    async def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.disconnect()
            finally:
                await self._client.redis.connection_pool.release(connection)


def _unheard(answer: asyncio.Future[Arrived]) -> None:
    if not answer.cancelled():
        answer.exception()


def _is_unknown(arrived: Arrived) -> bool:
    return isinstance(arrived.reply, exceptions.NoScriptError)


async def _through_cluster(
    redis: RedisCluster, commands: Sequence[Command], durable: Sequence[Command], wait: Command
) -> Sequence[Any]:
    """The replies to the commands, and then those of each server that had a durable one."""
    if durable:
        _ = await redis.initialize()
    nodes = [redis.get_node_from_key(_key(command)) for command in durable]
    pipeline = redis.pipeline()
    for name, *arguments in commands:
        # Of SET redis-py tells whether it was done, unless it knows that the old value is wanted.
        options = {"get": True} if b"GET" in arguments else {}
        _ = pipeline.execute_command(_text(name), *arguments, **options)
    for node in {node.name: node for node in nodes if node is not None}.values():
        # A server's commands go over one connection, in their order.
        _ = pipeline.execute_command(_text(wait[0]), *wait[1:], target_nodes=node)
    replies: list[Any] = await pipeline.execute(raise_on_error=False)
    return replies


def _text(name: Any) -> str:
    # By its text redis-py knows where a command goes.
    return bytes(name).decode()


def _key(command: Command) -> Any:
    """What decides which server a command goes to."""
    return command[3] if command[0] in {b"EVAL", b"EVALSHA"} else command[1]


def _are_on_disk(waited: Sequence[Any]) -> bool | None:
    """What the replies to WAITAOF come to; an error says that there is no file to wait for."""
    if not waited or any(isinstance(reply, Exception) for reply in waited):
        return None
    return all(reply[0] >= 1 for reply in waited)
