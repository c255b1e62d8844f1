"""The desk: how far events were looked at, how matters stand, and letters not delivered yet.

All of it is one text on the shelf in the store, written whole after each change. While the store is
away the desk goes on in memory, and writes when it is back.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec
import structlog

from gateway.observability.alert_rules import Rule
from gateway.observability.alerts import Alert, Matters, turn
from gateway.observability.events import Event
from loaders.alerts.letters import Letter

MOST: Final = 1000
"""Letters that wait for one channel at most."""

_LOOK_BACK_MS: Final = 3_600_000
"""Where nothing is known, events of the last hour are looked at: not all that ever happened."""
_REMEMBERED: Final = 1000

replace = msgspec.structs.replace

_log = structlog.get_logger(__name__)


class Shelf(Protocol):
    """Where the text lies."""

    async def read(self) -> tuple[int, bytes | None]:
        """Its revision, and the text."""

    async def keep(self, revision: int, text: bytes) -> int | None:
        """Write the text that follows a revision; None if that was not the last."""


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is on the shelf.

    `position` is the journal's, up to which it was read. `early` are ids of events that were looked
    at before the journal had them.
    """

    position: str = "0"
    matters: Matters = ()
    letters: tuple[Letter, ...] = ()
    early: tuple[str, ...] = ()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Standing).decode


class Desk:
    """Makes letters of events. `addresses` are those of each channel.

    `on_letters` is told when there are new ones, `on_lost` of each channel with how many were given
    up because too many waited.
    """

    def __init__(
        self,
        shelf: Shelf,
        rules: Sequence[Rule],
        addresses: Mapping[str, tuple[str, ...]],
        clock_ms: Callable[[], int],
        on_letters: Callable[[], None],
        on_lost: Callable[[str, int], None],
    ) -> None:
        self._shelf = shelf
        self._rules = rules
        self._addresses = addresses
        self._clock_ms = clock_ms
        self._on_letters = on_letters
        self._on_lost = on_lost
        self._standing = self._blank()
        self._revision: int | None = None
        self._kept: Standing | None = None
        self._writing = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether it is known what lies on the shelf."""
        return self._revision is not None

    @property
    def position(self) -> str:
        """Up to where the journal was read."""
        return self._standing.position

    async def open(self) -> None:
        """Go on from what lies on the shelf; what came up before that is added to it.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        revision, text = await self._shelf.read()
        found = self._read(text)
        ours = self._standing
        self._kept = found
        if found is not None:
            matters = {(one.rule, one.kind, one.subject): one for one in found.matters}
            matters |= {(one.rule, one.kind, one.subject): one for one in ours.matters}
            self._standing = Standing(
                found.position,
                tuple(matters.values()),
                (*found.letters, *(one for one in ours.letters if one not in found.letters)),
                (*found.early, *ours.early),
            )
        self._revision = revision
        if self._standing.letters:
            self._on_letters()

    def close(self) -> None:
        """Somebody else goes on."""
        self._revision = self._kept = None
        self._standing = self._blank()

    def look_at(self, events: Sequence[Event], position: str | None = None) -> None:
        """Judge these events: from the journal, up to the position; without it, before it has them.

        Where there are none, quiet times may have ended.
        """
        early = self._standing.early
        new = [event for event in events if event.id not in early]
        if position is None:
            early = (*early, *(event.id for event in new))[-_REMEMBERED:]
        else:
            come = {event.id for event in events}
            early = tuple(name for name in early if name not in come)
        matters, alerts = turn(self._standing.matters, self._rules, new, self._clock_ms())
        self._standing = replace(
            self._standing,
            position=self._standing.position if position is None else position,
            matters=matters,
            letters=self._within_limits((*self._standing.letters, *self._letters(alerts))),
            early=early,
        )
        if alerts:
            self._on_letters()

    def letters(self, channel: str) -> Sequence[Letter]:
        """Those that wait for this channel, the oldest first."""
        return [letter for letter in self._standing.letters if letter.channel == channel]

    def delivered(self, letter: Letter) -> None:
        """It has been taken."""
        left = tuple(one for one in self._standing.letters if one != letter)
        self._standing = replace(self._standing, letters=left)

    async def keep(self) -> bool:
        """Write what has changed; whether it was ours to write.

        Raises:
            StoreUnavailableError: it is unknown what lies there now.
        """
        async with self._writing:
            while self._revision is not None and self._standing != self._kept:
                known, writing = self._revision, self._standing
                revision = await self._shelf.keep(known, _encode(writing))
                if revision is None or self._revision != known:
                    return False  # somebody else's, or closed meanwhile
                self._revision, self._kept = revision, writing
            return self.is_open

    def _letters(self, alerts: Sequence[Alert]) -> list[Letter]:
        return [
            Letter(alert, channel, address)
            for alert in alerts
            for channel in alert.to
            for address in self._addresses.get(channel, ())
        ]

    def _within_limits(self, letters: tuple[Letter, ...]) -> tuple[Letter, ...]:
        # A channel that is no longer configured has nobody who could deliver.
        letters = tuple(letter for letter in letters if letter.channel in self._addresses)
        waiting = Counter(letter.channel for letter in letters)
        for channel, count in waiting.items():
            if count > MOST:
                lost = [letter for letter in letters if letter.channel == channel][: count - MOST]
                letters = tuple(letter for letter in letters if letter not in lost)
                self._on_lost(channel, len(lost))
        return letters

    def _blank(self) -> Standing:
        return Standing(str(max(0, self._clock_ms() - _LOOK_BACK_MS)))

    @staticmethod
    def _read(text: bytes | None) -> Standing | None:
        if text is None:
            return None
        try:
            return _decode(text)
        except msgspec.DecodeError:
            _log.warning("what was known of alerts cannot be read", action="alerts.unreadable")
            return None
