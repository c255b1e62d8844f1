"""What a worker and its supervisor say to each other: two ends of a pair of sockets.

The worker's end is its standard input. Over it the worker tells, again and again, that it listens
and that its loop turns, and at last that it leaves. The supervisor says nothing: its end closes
when it ends, in whatever way, and the worker ends too, so that nothing is left behind.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

from stockspan.failure import Failure

_TURNS: Final = b"."
_LEAVES: Final = b"!"
_AT_ONCE: Final = 4096


class WorkerEnd:
    """The worker's end."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end

    @classmethod
    def at_standard_input(cls) -> WorkerEnd:
        """The one that the supervisor has made.

        Raises:
            Failure: there is none.
        """
        try:
            return cls(socket.socket(fileno=os.dup(0)))
        except OSError:
            raise Failure("a worker is started by `stockspan serve --workers N`") from None

    async def beat(self, every: float) -> NoReturn:
        """Say every so many seconds that the loop turns, until cancelled."""
        while True:
            self._say(_TURNS)
            await asyncio.sleep(every)

    def leave(self) -> None:
        """Say that nothing more is accepted here."""
        self._say(_LEAVES)

    def when_cut(self, then: Callable[[], None]) -> None:
        """Do this when the supervisor has ended."""
        loop = asyncio.get_running_loop()

        def look() -> None:
            if _heard(self._end) == b"":
                loop.remove_reader(self._end)
                then()

        loop.add_reader(self._end, look)

    def _say(self, word: bytes) -> None:
        # A supervisor that stands still, or has ended, hears nothing of it.
        with suppress(OSError):
            self._end.send(word)


class SupervisorEnd:
    """The supervisor's end; `heard` is told whenever the worker says something."""

    def __init__(self, end: socket.socket, heard: Callable[[], None]) -> None:
        end.setblocking(False)
        self._end = end
        self._heard = heard
        self.leaving = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(end, self._read)

    def close(self) -> None:
        """Let go."""
        if self._end.fileno() >= 0:
            self._loop.remove_reader(self._end)
            self._end.close()

    def _read(self) -> None:
        words = _heard(self._end)
        if words is None:
            return
        if not words:
            self._loop.remove_reader(self._end)
            return
        self._heard()
        if _LEAVES in words:
            self.leaving.set()


def _heard(end: socket.socket) -> bytes | None:
    """What has come over an end: nothing when the other has closed, None when it is silent."""
    try:
        return end.recv(_AT_ONCE)
    except BlockingIOError:
        return None
    except OSError:
        # It closed with words unread: that is told as an error, once.
        return b""
