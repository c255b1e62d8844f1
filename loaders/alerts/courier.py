"""A courier delivers what waits for one channel, in its own time, and never loses a letter.

A channel that takes nothing is tried again later and later, up to five minutes; everybody else goes
on meanwhile. A letter that alone is refused is passed over, and tried again with the next round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Final, Protocol

import structlog

from gateway.observability.events import EventKind
from gateway.observability.recorder import Recorder
from loaders.alerts.letters import Letter, Sender, UndeliverableError
from loaders.resilience import Backoff

_MOST_SECONDS: Final = 300.0

_log = structlog.get_logger(__name__)


class Waiting(Protocol):
    """Where letters wait."""

    def letters(self, channel: str) -> Sequence[Letter]:
        """Those that wait for this channel, the oldest first."""

    def delivered(self, letter: Letter) -> None:
        """It has been taken."""


class Courier:
    """One channel's. `on_delivered` is awaited after each letter that has been taken.

    While `may_deliver` says no, nothing is.
    """

    def __init__(
        self,
        channel: str,
        sender: Sender,
        waiting: Waiting,
        recorder: Recorder,
        on_delivered: Callable[[], Awaitable[None]],
        may_deliver: Callable[[], bool],
        random: Random,
    ) -> None:
        self._channel = channel
        self._sender = sender
        self._waiting = waiting
        self._recorder = recorder
        self._on_delivered = on_delivered
        self._may_deliver = may_deliver
        self._backoff = Backoff(random, _MOST_SECONDS)
        self._woken = asyncio.Event()
        self._failing = False

    def wake(self) -> None:
        """There are new letters."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                self._woken.clear()
                if await self.round():
                    await self._woken.wait()
                else:
                    # New letters hurry nobody: they wait behind those that were not taken.
                    await asyncio.sleep(self._backoff.wait())
        finally:
            await self._sender.close()

    async def round(self) -> bool:
        """Try every letter that waits; whether none is left for another try."""
        done = True
        for letter in self._waiting.letters(self._channel):
            if not self._may_deliver():
                return True
            try:
                await self._send(letter)
            except UndeliverableError as error:
                self._failed(str(error))
                done = False
                if not error.only_this:
                    break
            else:
                self._waiting.delivered(letter)
                await self._on_delivered()
        if done:
            self._worked()
        return done

    async def _send(self, letter: Letter) -> None:
        try:
            await self._sender.send(letter)
        except UndeliverableError:
            raise
        except Exception as error:
            # A mistake of ours about one letter must not keep others from going out.
            _log.exception("a letter failed", action="alerts.broken", channel=self._channel)
            raise UndeliverableError(type(error).__name__, only_this=True) from error

    def _failed(self, reason: str) -> None:
        # Once, whatever else is said later: a server may word each refusal anew.
        if not self._failing:
            self._recorder.record(EventKind.ALERT_UNDELIVERED, self._channel, reason=reason)
        self._failing = True

    def _worked(self) -> None:
        if self._failing:
            self._recorder.record(EventKind.ALERT_DELIVERED, self._channel)
        self._failing = False
        self._backoff.reset()
