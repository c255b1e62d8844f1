"""Listening to a channel, for as long as the link holds, and again when it broke."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from gateway.deadlines import within
from gateway.store.client import OURS, StoreClient

_PATIENCE: Final = 1.0
"""Seconds between two tries, and the silence after which the link is pinged."""

_NONE: Final[Mapping[bytes, Callable[[bytes], None]]] = {}

_SILENCES: Final = 2
"""So many silent spells in a row, each with a ping, and the link is dead."""


class ChannelListener:
    """Tells of every message; `on_message(None)`: it listens now, and may have missed some."""

    def __init__(
        self,
        client: StoreClient,
        channel: bytes,
        on_message: Callable[[bytes | None], None],
        beside: Mapping[bytes, Callable[[bytes], None]] = _NONE,
    ) -> None:
        """`beside`: other channels that are heard over the same link, in the order of what is said
        on all of them.
        """
        self._client = client
        self._channel = channel
        self._on_message = on_message
        self._beside = beside
        self.connected = False

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except OURS:
                self.connected = False
                await asyncio.sleep(_PATIENCE)

    async def _listen(self) -> None:
        subscription = await self._client.subscription()
        try:
            async with within(self._client.deadline):
                await subscription.subscribe(self._channel, *self._beside)
            self.connected = True
            self._on_message(None)
            silent = 0
            while silent < _SILENCES:
                message = await subscription.get_message(timeout=_PATIENCE)
                if message is None:
                    silent += 1
                    async with within(self._client.deadline):
                        await subscription.ping()
                    continue
                silent = 0
                if message["type"] == "message":
                    hear = self._beside.get(message["channel"], self._on_message)
                    hear(message["data"])
        finally:
            self.connected = False
            await subscription.aclose()
