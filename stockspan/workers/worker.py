"""A worker as its supervisor sees it: a process, and one end of a tether to it."""

from __future__ import annotations

import asyncio
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from stockspan.workers.pulse import Pulse
from stockspan.workers.tether import SupervisorEnd

TRACE_SIGNAL: Final = signal.SIGUSR1
"""Has a worker write into its log where each of its threads is."""

_TRACING: Final = 0.5
"""Seconds for that, before a worker that stands still is killed."""


class Turn(Enum):
    """What became of a worker that was watched."""

    DIED = auto()
    STOOD_STILL = auto()
    LEAVES = auto()
    IS_TO_STOP = auto()


class Worker:
    """A process of a place."""

    def __init__(self, process: Process, end: SupervisorEnd, pulse: Pulse) -> None:
        self._process = process
        self._end = end
        self._pulse = pulse
        self._ended = asyncio.create_task(process.wait())
        self._began = asyncio.get_running_loop().time()

    @classmethod
    async def start(
        cls, command: Sequence[str], sockets: Sequence[socket.socket], pulse: Pulse
    ) -> Worker:
        """Start one that accepts from these sockets.

        Raises:
            OSError: there can be no more processes, or no memory for one.
        """
        ours, theirs = socket.socketpair()
        inherited = [one.fileno() for one in sockets]
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    *(f"--socket={number}" for number in inherited),
                    stdin=theirs.fileno(),
                    pass_fds=inherited,
                )
            except BaseException:
                ours.close()
                raise
        return cls(process, SupervisorEnd(ours, pulse.heard), pulse)

    @property
    def lived(self) -> float:
        """Seconds since it was started."""
        return asyncio.get_running_loop().time() - self._began

    async def watched(self, stop: asyncio.Task[bool]) -> Turn:
        """Look at it for a while: what became of it, or None when nothing did."""
        leaves = asyncio.create_task(self._end.leaving.wait())
        still = asyncio.create_task(self._stands_still())
        try:
            await asyncio.wait(
                {self._ended, leaves, still, stop}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            leaves.cancel()
            still.cancel()
        if stop.done():
            return Turn.IS_TO_STOP
        if leaves.done():
            return Turn.LEAVES
        return Turn.DIED if self._ended.done() else Turn.STOOD_STILL

    async def finished(self, patience: float, hurry: asyncio.Task[bool]) -> int:
        """Ask it to end, and kill it when it has not by then; its exit code."""
        if not self._ended.done():
            self._process.terminate()
        await asyncio.wait(
            {self._ended, hurry}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        return await self.killed()

    async def traced(self) -> None:
        """Let it write down where it stands, and kill it."""
        self._process.send_signal(TRACE_SIGNAL)
        await asyncio.wait({self._ended}, timeout=_TRACING)
        await self.killed()

    async def killed(self) -> int:
        """Kill it, unless it has ended; its exit code, negative where a signal ended it."""
        if not self._ended.done():
            self._process.kill()
        code = await self._ended
        self._end.close()
        return code

    async def _stands_still(self) -> None:
        while not self._pulse.look():  # noqa: ASYNC110 - silence is not told of, it is noticed
            await asyncio.sleep(self._pulse.every)
