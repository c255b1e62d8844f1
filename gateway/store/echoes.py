"""Calls of a worker to itself, over the link on which it hears of changes.

The server delivers what is published in its order. So whoever hears its own call has heard of every
change that was made before it called.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from gateway.store.keys import Keyspace
from gateway.store.lane import Lane


class Echoes:
    """Calls numbers; the listener to the change channel hears them (`heard_on`)."""

    def __init__(self, keys: Keyspace, lane: Lane) -> None:
        # Of a name that nobody else has: a worker answers for what it has heard itself.
        self._channel = keys.echo(secrets.token_hex(8))
        self._lane = lane

    def call(self, number: int) -> None:
        """Call, and wait for nothing."""
        self._lane.post((b"PUBLISH", self._channel, number))

    def heard_on(self, on_echo: Callable[[int], None]) -> Mapping[bytes, Callable[[bytes], None]]:
        """The channel, and what hears it."""

        def hear(message: bytes) -> None:
            if message.isdigit():
                on_echo(int(message))

        return {self._channel: hear}
