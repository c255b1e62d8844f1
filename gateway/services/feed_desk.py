"""What an operator has done with a feed, from a gateway: a request to the loader that leads.

The gateway does nothing itself: it posts the request, and hears the answer (`store.feed_requests`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from gateway.domain.errors import StoreUnavailableError
from gateway.store.feed_requests import Act, Answer

PATIENCE: Final = 15.0
"""Seconds that a loader has to answer; a snapshot that takes longer goes on all the same."""

_NOBODY: Final = "no loader leads: start one, then ask again"
_SILENT: Final = (
    f"no answer within {PATIENCE:g} s: it may still be done, which the feed's state will show"
)


class Requests(Protocol):
    """Where requests are posted."""

    async def ask(self, act: Act, feed: str, wait: float, by: str = "") -> Answer | None:
        """The leader's answer; None if there was none within so many seconds."""


class Ending(StrEnum):
    """What became of a request."""

    DONE = "done"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


class Result(msgspec.Struct, frozen=True):
    """What became of a request, and what is to be said of it."""

    ending: Ending
    text: str


class FeedDesk:
    """Takes requests for feeds; `leader` finds out who leads the loaders."""

    def __init__(self, requests: Requests, leader: Callable[[], Awaitable[str | None]]) -> None:
        self._requests = requests
        self._leader = leader

    async def leader(self) -> str | None:
        """Who leads the loaders; None where nobody does, or the store does not say."""
        try:
            return await self._leader()
        except StoreUnavailableError:
            return None

    async def ask(self, act: Act, feed: str, by: str) -> Result:
        """Have this done with a feed; `by` is who wants it, for the journal.

        Raises:
            StoreUnavailableError: the store did not answer.
        """
        if await self._leader() is None:
            return Result(Ending.REFUSED, _NOBODY)
        answer = await self._requests.ask(act, feed, PATIENCE, by)
        if answer is None:
            return Result(Ending.UNANSWERED, _SILENT)
        return Result(Ending.DONE if answer.done else Ending.REFUSED, answer.text)
