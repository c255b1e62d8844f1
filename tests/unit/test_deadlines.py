"""A deadline ends what is silent, and not what was answered while the loop was busy."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

import pytest
import uvloop

from gateway.deadlines import within

_DEADLINE = 0.05
_HELD_UP = 0.2

Loop = Callable[[], asyncio.AbstractEventLoop]
on_both = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])


async def _echo_of(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    async with within(_DEADLINE):
        writer.write(b"?")
        return await reader.readexactly(1)


@on_both
def test_an_answer_that_waits_in_the_socket_is_read(loop: Loop) -> None:
    async def main() -> bytes:
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            asked = asyncio.create_task(_echo_of(reader, writer))
            await asyncio.sleep(0)
            theirs.sendall(theirs.recv(1))
            time.sleep(_HELD_UP)  # noqa: ASYNC251 - a turn of the loop that takes long
            answer = await asked
            writer.close()
            return answer

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(main()) == b"?"


@on_both
def test_silence_ends_whether_or_not_the_loop_is_busy(loop: Loop) -> None:
    async def main(held_up: float) -> None:
        async def nothing() -> None:
            async with within(_DEADLINE):
                await asyncio.get_running_loop().create_future()

        asked = asyncio.create_task(nothing())
        await asyncio.sleep(0)
        time.sleep(held_up)  # noqa: ASYNC251 - as above
        await asked

    with asyncio.Runner(loop_factory=loop) as runner:
        for held_up in (0.0, _HELD_UP):
            with pytest.raises(TimeoutError):
                runner.run(main(held_up))


@on_both
def test_what_was_done_in_time_leaves_nothing_behind(loop: Loop) -> None:
    wrong: list[dict[str, object]] = []

    async def main() -> None:
        running = asyncio.get_running_loop()
        running.set_exception_handler(lambda _, context: wrong.append(context))
        with pytest.raises(LookupError):
            async with within(_DEADLINE):
                raise LookupError
        async with within(_DEADLINE):
            pass
        # By the end of a later deadline theirs would have come, too.
        with pytest.raises(TimeoutError):
            async with within(2 * _DEADLINE):
                await running.create_future()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
    assert wrong == []


@on_both
def test_a_cancellation_goes_through(loop: Loop) -> None:
    async def main() -> None:
        async def nothing() -> None:
            async with within(60):
                await asyncio.get_running_loop().create_future()

        asked = asyncio.create_task(nothing())
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
