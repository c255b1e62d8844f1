"""One direction of a connection, and what a network does to what is on it."""

from __future__ import annotations

import asyncio


class Way:
    """One direction. What is on it is delivered in order, whatever is set.

    `latency`: seconds from arrival to delivery. `bandwidth`: bytes a second, of each connection.
    `slices`: bytes that are written at once at most. `dropping`: bytes arrive and are thrown away.
    `cut_at`: once so many `bytes` were delivered, the connection is reset in the midst of it all,
    and nothing is delivered any more. `arrived` came in, `bytes` of them were delivered, `dropped`
    were not.
    """

    def __init__(self) -> None:
        self.latency = 0.0
        self.bandwidth: float | None = None
        self.slices: int | None = None
        self.cut_at: int | None = None
        self.dropping = False
        self.arrived = 0
        self.bytes = 0
        self.dropped = 0
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def stalled(self) -> bool:
        """Nothing is delivered, all is kept: as on a line that loses packets, until it heals."""
        return not self._flowing.is_set()

    @stalled.setter
    def stalled(self, stalled: bool) -> None:
        if stalled:
            self._flowing.clear()
        else:
            self._flowing.set()

    async def flowing(self) -> None:
        """Until it is not stalled."""
        await self._flowing.wait()

    def heal(self) -> None:
        """No faults any more."""
        self.latency, self.bandwidth, self.slices, self.cut_at = 0.0, None, None, None
        self.dropping = self.stalled = False
