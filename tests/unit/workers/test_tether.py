"""A worker is heard by its supervisor, and learns of its end, whatever was left unread."""

from __future__ import annotations

import asyncio
import socket

import pytest
import uvloop

from stockspan.workers.tether import SupervisorEnd, WorkerEnd


@pytest.mark.parametrize("unread", [False, True])
def test_a_worker_learns_that_its_supervisor_ended(*, unread: bool) -> None:
    async def ended() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            worker, cut = WorkerEnd(theirs), asyncio.Event()
            worker.when_cut(cut.set)
            if unread:
                worker.leave()
            ours.close()
            async with asyncio.timeout(10):
                await cut.wait()
            # To nobody it may speak as well.
            worker.leave()

    # The loop that workers run on: on another the one that fails is told again.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ended())


async def test_a_supervisor_hears_beats_and_that_a_worker_leaves() -> None:
    ours, theirs = socket.socketpair()
    heard: list[bool] = []
    with ours, theirs:
        supervisor = SupervisorEnd(ours, lambda: heard.append(supervisor.leaving.is_set()))
        worker = WorkerEnd(theirs)
        beating = asyncio.create_task(worker.beat(0.001))
        async with asyncio.timeout(10):
            while len(heard) < 3:  # noqa: ASYNC110 - a list, for readers
                await asyncio.sleep(0.001)
            assert not supervisor.leaving.is_set()
            worker.leave()
            await supervisor.leaving.wait()
        beating.cancel()
        supervisor.close()
        supervisor.close()
