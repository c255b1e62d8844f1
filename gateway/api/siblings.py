"""The workers that share an address, as one of them sees the others.

Whoever asks for metrics meets one of several workers. That one asks the others over Unix sockets
in a folder of their supervisor, into which nobody else may look, and tells of all. To connect is to
ask; the answer is a length of eight bytes and the metrics. Who has not answered in time is down.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.observability.worker_metrics import merged
from gateway.services.single_flight import SingleFlight

_LENGTH: Final = 8

_PATIENCE: Final = 1.0
"""Seconds that another worker has to answer: Prometheus waits ten, and a probe often two."""


class Siblings:
    """One of `count` workers, and the others, which meet in `folder`.

    `place` is its own number among them, from 0; `replaced` how many it had before this one.
    """

    def __init__(
        self,
        folder: Path,
        place: int,
        count: int,
        replaced: int = 0,
        patience: float = _PATIENCE,
    ) -> None:
        self.replaced = replaced
        self._folder = folder
        self._place = place
        self._count = count
        self._patience = patience
        self._own: Callable[[], bytes] = bytes
        self._texts: Mapping[int, bytes | None] = {}
        # However many scrape at once, each worker is asked one at a time by each of the others.
        self._asking = SingleFlight(self._ask_all)

    async def run(self, own: Callable[[], bytes]) -> None:
        """Tell these metrics to the others, until cancelled.

        Raises:
            OSError: there can be no socket in the folder.
        """
        self._own = own
        path = self._path(self._place)
        # Left by the one that had this place before.
        path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(path))
        server = await asyncio.start_unix_server(self._tell, sock=listening)
        try:
            await server.serve_forever()
        finally:
            await self._asking.end()

    async def metrics(self) -> bytes:
        """The metrics of all, each sample with its worker's number."""
        return merged(await self.texts())

    async def texts(self) -> Mapping[int, bytes | None]:
        """The metrics of each by its number; None: it did not answer."""
        await self._asking.fresh()
        return self._texts

    async def up(self) -> Mapping[int, bool]:
        """Each worker's number, and whether it answers."""
        await self._asking.fresh()
        return {place: text is not None for place, text in self._texts.items()}

    def abandon(self) -> None:
        """Take the folder away, because the supervisor has ended without doing so."""
        for place in range(self._count):
            self._path(place).unlink(missing_ok=True)
        with suppress(OSError):  # another worker does it, or somebody has put something there
            self._folder.rmdir()

    async def _ask_all(self) -> None:
        others = [place for place in range(self._count) if place != self._place]
        answers = await asyncio.gather(*map(self._ask, others))
        texts = {self._place: self._own(), **dict(zip(others, answers, strict=True))}
        self._texts = dict(sorted(texts.items()))

    async def _ask(self, place: int) -> bytes | None:
        try:
            async with asyncio.timeout(self._patience):
                reader, writer = await asyncio.open_unix_connection(self._path(place))
                try:
                    length = int.from_bytes(await reader.readexactly(_LENGTH), "big")
                    return await reader.readexactly(length)
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return None

    async def _tell(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = self._own()
        writer.write(len(text).to_bytes(_LENGTH, "big") + text)
        writer.close()

    def _path(self, place: int) -> Path:
        return self._folder / f"{place}.sock"
