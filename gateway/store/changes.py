"""Listening to the change channel, for as long as the link holds, and again when it broke.

Pub/Sub loses what is published while the link is down: after a reconnect the listener is told
that anything may have changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.store.client import OURS, StoreClient
from gateway.store.keys import Change, Keyspace, decode_change

_PATIENCE: Final = 1.0
"""Seconds between two tries, and the silence after which the link is pinged."""

_SILENCES: Final = 2
"""So many silent spells in a row, each with a ping, and the link is dead."""


class ChangeListener:
    """Tells of every change; `on_change(None)` means that messages may have been missed."""

    def __init__(
        self, client: StoreClient, keys: Keyspace, on_change: Callable[[Change | None], None]
    ) -> None:
        self._client = client
        self._channel = keys.changes
        self._on_change = on_change
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
            async with asyncio.timeout(self._client.deadline):
                await subscription.subscribe(self._channel)
            self.connected = True
            self._on_change(None)
            silent = 0
            while silent < _SILENCES:
                message = await subscription.get_message(timeout=_PATIENCE)
                if message is None:
                    silent += 1
                    async with asyncio.timeout(self._client.deadline):
                        await subscription.ping()
                    continue
                silent = 0
                if message["type"] == "message":
                    change = decode_change(message["data"])
                    if change is not None:
                        self._on_change(change)
        finally:
            self.connected = False
            await subscription.aclose()
