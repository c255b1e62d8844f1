"""One place of several: whatever becomes of its worker, another follows."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import structlog

from gateway.observability.events import EventKind
from gateway.observability.recorder import Recorder
from stockspan.failure import Failure
from stockspan.workers.deaths import STEADY, Deaths
from stockspan.workers.port import Port, close
from stockspan.workers.pulse import Pulse
from stockspan.workers.worker import Turn, Worker

_FIRST_BEAT: Final = 60.0
"""Seconds a worker has to listen; a machine that starts many at once is slow."""

_MORE: Final = 3.0
"""Seconds more than for its requests, until a worker that ends is killed."""

log = structlog.get_logger()


class Orders(msgspec.Struct, frozen=True):
    """What holds for every place: how to start a worker, how patient to be, when to stop.

    `stuck_after`: seconds of silence (0: any); `drain`: seconds for requests under way.
    """

    command: tuple[str, ...]
    stuck_after: float
    drain: float
    stop: asyncio.Event
    hurry: asyncio.Event


class Place:
    """Keeps a worker at some of the port's sockets.

    They are open here too. So what has connected when a worker goes waits for the next, and is not
    lost; only while it takes a pause from workers that die are they closed, and others get all.
    """

    def __init__(
        self, number: int, port: Port, orders: Orders, recorder: Recorder, host: str
    ) -> None:
        self._number = number
        self._port = port
        self._orders = orders
        self._recorder = recorder
        self._subject = f"worker {number} of {host}"
        self._deaths = Deaths()
        self._replaced = 0
        self._sockets: Sequence[socket.socket] = ()

    async def keep(self) -> None:
        """Until told to stop; then the worker may finish what is under way."""
        stop = asyncio.create_task(self._orders.stop.wait())
        hurry = asyncio.create_task(self._orders.hurry.wait())
        try:
            # Those that leave finish beside the one that follows.
            async with asyncio.TaskGroup() as leaving:
                while not stop.done():
                    await self._keep_one(stop, hurry, leaving)
        finally:
            for waiting in (stop, hurry):
                waiting.cancel()
            self._close()

    async def _keep_one(
        self, stop: asyncio.Task[bool], hurry: asyncio.Task[bool], leaving: asyncio.TaskGroup
    ) -> None:
        patience = self._orders.drain + _MORE
        try:
            self._sockets = self._sockets or self._port.sockets()
            pulse = Pulse(self._orders.stuck_after, _FIRST_BEAT)
            worker = await Worker.start(self._command(), self._sockets, pulse)
        except (OSError, Failure) as error:
            await self._pause(0.0, f"cannot be started: {error}", stop)
            return
        try:
            turn = await self._watched(worker, stop)
            if turn is Turn.IS_TO_STOP:
                self._close()
                await worker.finished(patience, hurry)
            elif turn is Turn.LEAVES:
                log.info("a worker leaves", action="worker.leaves", place=self._number)
                leaving.create_task(worker.finished(patience, hurry))
            elif turn is Turn.STOOD_STILL:
                self._recorder.record(
                    EventKind.WORKER_STUCK, self._subject, silent=self._orders.stuck_after
                )
                await worker.traced()
                await self._pause(worker.lived, None, stop)
            else:
                await self._pause(worker.lived, _cause(await worker.killed()), stop)
        except BaseException:
            await worker.killed()
            raise
        self._replaced += 1

    async def _watched(self, worker: Worker, stop: asyncio.Task[bool]) -> Turn:
        if self._deaths.failing:
            until_steady = asyncio.create_task(self._steady_at_last(worker))
            try:
                return await worker.watched(stop)
            finally:
                until_steady.cancel()
        return await worker.watched(stop)

    async def _steady_at_last(self, worker: Worker) -> None:
        await asyncio.sleep(STEADY)
        if self._deaths.lives(worker.lived):
            self._recorder.record(EventKind.WORKER_STEADY, self._subject)

    async def _pause(self, lived: float, cause: str | None, stop: asyncio.Task[bool]) -> None:
        """After a death: say it (a cause of None was told), and wait before the next."""
        failed_before = self._deaths.failing
        pause = self._deaths.died(lived)
        told: dict[str, Any] = {
            "cause": cause or "stood still",
            "lived": round(lived, 1),
            "pause": pause,
        }
        if self._deaths.failing and not failed_before:
            self._recorder.record(EventKind.WORKER_FAILING, self._subject, **told)
        elif failed_before:
            # It was said, and goes on.
            log.warning("a worker died again", action="worker.again", place=self._number, **told)
        elif cause is not None:
            self._recorder.record(EventKind.WORKER_DIED, self._subject, **told)
        if pause:
            self._close()
            await asyncio.wait({stop}, timeout=pause)

    def _command(self) -> Sequence[str]:
        return (
            *self._orders.command,
            f"--place={self._number}",
            f"--replaced={self._replaced}",
        )

    def _close(self) -> None:
        close(self._sockets)
        self._sockets = ()


def _cause(code: int) -> str:
    """How a process ended, of its exit code: negative where a signal ended it."""
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
