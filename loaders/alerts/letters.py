"""A letter: one alert for one recipient; and the ways in which it may not arrive."""

from __future__ import annotations

from typing import Protocol

import msgspec

from gateway.observability.alerts import Alert


class Letter(msgspec.Struct, frozen=True, omit_defaults=True):
    """An alert on its way by a channel; to an address, where the channel has several."""

    alert: Alert
    channel: str
    address: str = ""


class UndeliverableError(Exception):
    """It was not taken: one line that says why, without secrets.

    `only_this`: the channel works, and others may be taken.
    """

    def __init__(self, reason: str, *, only_this: bool = False) -> None:
        super().__init__(reason)
        self.only_this = only_this


class Sender(Protocol):
    """One way to deliver."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Everyone who gets a letter of their own."""

    async def check(self) -> None:
        """Try it without sending anything, as far as that can be done.

        Raises:
            UndeliverableError: nothing could be delivered now.
        """

    async def send(self, letter: Letter) -> None:
        """Return when it has been taken.

        Raises:
            UndeliverableError: it has not, or nobody knows.
        """

    async def close(self) -> None:
        """Let go of what is open."""
