"""Listening to the change channel.

Pub/Sub loses what is published while the link is down: after a reconnect the listener is told
that anything may have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.store.channels import ChannelListener
from gateway.store.client import StoreClient
from gateway.store.keys import Change, Keyspace, decode_change

_NONE: Final[Mapping[bytes, Callable[[bytes], None]]] = {}


class ChangeListener:
    """Tells of every change; `on_change(None)` means that messages may have been missed."""

    def __init__(
        self,
        client: StoreClient,
        keys: Keyspace,
        on_change: Callable[[Change | None], None],
        beside: Mapping[bytes, Callable[[bytes], None]] = _NONE,
    ) -> None:
        self._on_change = on_change
        self._listener = ChannelListener(client, keys.changes, self._hear, beside)

    @property
    def connected(self) -> bool:
        """Whether every change is heard now."""
        return self._listener.connected

    async def run(self) -> None:
        """Listen until cancelled."""
        await self._listener.run()

    def _hear(self, message: bytes | None) -> None:
        if message is None:
            self._on_change(None)
            return
        change = decode_change(message)
        if change is not None:
            self._on_change(change)
