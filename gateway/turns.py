"""Turns of the event loop: how much of what adds up is done in one of them.

A worker is one loop, and whoever has it keeps all others waiting, those who are to be refused
included. One SKU is soon judged; a thousand of one request, or of several whose figures came
together, are done in portions, and in between whoever has come has his turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """Of one loop: `most` things a turn, whoever wants them done."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._done = 0

    async def portions(self, things: Sequence[T]) -> AsyncIterator[Sequence[T]]:
        """These things in their order, so many at a time as there is room for in this turn."""
        start = 0
        while start < len(things):
            room = self._most - self._done
            if room <= 0:
                await asyncio.sleep(0)
                continue
            if not self._done:
                # Before whoever waits for the next turn: they were woken later.
                asyncio.get_running_loop().call_soon(self._begin)
            portion = things[start : start + room]
            self._done += len(portion)
            start += len(portion)
            yield portion

    def _begin(self) -> None:
        """Another turn has begun."""
        self._done = 0
