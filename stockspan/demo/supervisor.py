"""Keeps the demo's processes running, and ends them all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from stockspan.embedded.errors import EmbeddedServerError, ServerNotStarted

_LOOK_SECONDS: Final = 0.2
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 10.0
_SETTLED_SECONDS: Final = 30.0
_PASSING_SECONDS: Final = 15.0


class Supervised(Protocol):
    """A process that can be launched again after it ended."""

    @property
    def name(self) -> str: ...
    def launch(self) -> None: ...
    def wait_ready(self) -> None: ...
    def alive(self) -> bool: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class Supervisor:
    """Launches in order, relaunches what dies, stops in the opposite order. `say` takes a line."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._stages: list[Sequence[Supervised]] = []

    async def start(self, *stage: Supervised) -> None:
        """Launch these side by side and wait until all are ready. Raises EmbeddedServerError."""
        self._stages.append(stage)
        launches = (_launch(process) for process in stage)
        for outcome in await asyncio.gather(*launches, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def watch(self, shutdown: asyncio.Event) -> None:
        """Relaunch what ends by itself, with growing pauses, until `shutdown` is set."""
        async with asyncio.TaskGroup() as group:
            for process in self._all():
                group.create_task(self._keep(process, shutdown))

    async def stop(self) -> None:
        """End everything: the latest stage first, the processes of a stage side by side."""
        for stage in reversed(self._stages):
            await asyncio.gather(*(asyncio.to_thread(process.stop) for process in stage))

    def kill(self) -> None:
        """End everything at once."""
        for process in self._all():
            process.kill()

    async def _keep(self, process: Supervised, shutdown: asyncio.Event) -> None:
        pause, since = _FIRST_PAUSE, time.monotonic()
        while not shutdown.is_set():
            if process.alive():
                await _wait(shutdown, _LOOK_SECONDS)
                continue
            if time.monotonic() - since > _SETTLED_SECONDS:
                pause = _FIRST_PAUSE
            self._say(f"{process.name} ended; it is started again in {pause:g} s")
            await _wait(shutdown, pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            if not shutdown.is_set():
                since = time.monotonic()
                await self._relaunch(process)

    async def _relaunch(self, process: Supervised) -> None:
        try:
            process.kill()  # whatever the dead one left in its process group
            process.launch()
            await asyncio.to_thread(process.wait_ready)
        except (EmbeddedServerError, OSError) as error:
            self._say(f"{process.name}: {error}")
        else:
            self._say(f"{process.name} runs again")

    def _all(self) -> list[Supervised]:
        return [process for stage in self._stages for process in stage]


async def _launch(process: Supervised) -> None:
    until = time.monotonic() + _PASSING_SECONDS
    while True:
        # Launched here, in the main thread (see Child.launch); only the waiting is elsewhere.
        process.launch()
        try:
            await asyncio.to_thread(process.wait_ready)
        except ServerNotStarted as error:
            if not error.passing or time.monotonic() > until:
                raise
        else:
            return


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
