"""The worker's copy of what every answer needs: locations and the state of the feeds.

Small, read often, changed seldom: kept in memory, renewed when the change channel says so and
every second besides, because messages may be lost. While the store is away the last copy serves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final, Protocol

import msgspec

from gateway.domain.errors import NotReadyError, StoreUnavailableError, UnknownLocationError
from gateway.domain.stock import Location, StockLevel, in_priority_order
from gateway.observability.events import EventKind
from gateway.observability.recorder import Recorder
from gateway.services.feed_watch import FeedWatch
from gateway.services.single_flight import SingleFlight
from gateway.store.feeds import FeedState, awaited_prices, unready, unready_prices
from gateway.store.keys import Change, ChangeKind

_RENEW_EVERY: Final = 1.0
_OURS: Final = frozenset({ChangeKind.LOCATIONS, ChangeKind.FEEDS})


class LocationSource(Protocol):
    """Where locations come from."""

    async def locations(self) -> Sequence[Location]:
        """Every location held."""


class FeedSource(Protocol):
    """Where the feeds' states come from."""

    async def epoch(self) -> bytes | None:
        """The name of the store's content."""

    async def all(self) -> Mapping[str, FeedState]:
        """Every feed by name."""


class Snapshot(msgspec.Struct, frozen=True):
    """Locations in priority order, feeds by name, and the epoch of the store they are from."""

    locations: tuple[Location, ...] = ()
    feeds: Mapping[str, FeedState] = {}
    epoch: bytes | None = None

    def location(self, name: str, channel: str) -> Location:
        """The location of that name, if the channel sells from it.

        Raises:
            UnknownLocationError: there is none.
        """
        for place in self.locations:
            if place.location == name and place.serves(channel):
                return place
        if not self.locations:
            return Location(name)
        raise UnknownLocationError(name)

    def locations_of(self, channel: str, levels: Mapping[str, StockLevel]) -> Sequence[Location]:
        """The channel's locations, highest priority first.

        Where no location was ever given, each that has stock is taken as a plain warehouse: a
        shop may start with nothing but figures. Once there is a list, it is the list.
        """
        if not self.locations:
            return _plain(tuple(levels))
        return [place for place in self.locations if place.serves(channel)]

    def require_epoch(self, epoch: bytes | None) -> None:
        """Return if what was read in `epoch` is of the same content as this copy.

        Raises:
            NotReadyError: the store has lost everything since this copy was made.
        """
        if epoch is None or epoch != self.epoch:
            raise NotReadyError

    def require_ready(self) -> None:
        """Return if every stock answer can be right.

        Raises:
            NotReadyError: some feed has not been loaded yet, or there is none.
        """
        _require_none(unready(self.feeds))

    @property
    def is_ready(self) -> bool:
        """Whether every stock answer can be right."""
        return unready(self.feeds) is None

    def require_prices_ready(self) -> None:
        """Return if every price can be right.

        Raises:
            NotReadyError: some feed has not been loaded yet, or there is none.
        """
        _require_none(unready_prices(self.feeds))

    def require_all_ready(self) -> None:
        """Return if everything that is loaded here can be answered: stock, and prices if any.

        Raises:
            NotReadyError: some feed has not been loaded yet, or there is none.
        """
        self.require_ready()
        _require_none(awaited_prices(self.feeds) or None)

    def is_loaded(self, kind: str) -> bool:
        """Whether any feed of that kind has been loaded."""
        return any(
            state.kind == kind and state.verified_through_ms is not None
            for state in self.feeds.values()
        )

    def verified_through(self, feed: int) -> int | None:
        """Until when that feed's records are known to be right; None when never verified."""
        for state in self.feeds.values():
            if state.number == feed:
                return state.verified_through_ms
        return None

    def all_verified_through(self, kind: str) -> int | None:
        """The oldest such time of all feeds of that kind; None where there is none."""
        states = [state for state in self.feeds.values() if state.kind == kind]
        return min((state.verified_through_ms or 0 for state in states), default=None)

    def any_failing(self, kinds: Collection[str]) -> bool:
        """Whether the last sync of such a feed failed: the ERP is down, or answers nonsense."""
        return any(
            state.failing_since_ms is not None
            for state in self.feeds.values()
            if state.kind in kinds
        )


@lru_cache(maxsize=1024)
def _plain(names: tuple[str, ...]) -> Sequence[Location]:
    return tuple(in_priority_order(Location(name) for name in names))


def _require_none(waiting: tuple[str, ...] | None) -> None:
    """Return if nothing is waited for; an empty tuple says that there is no feed at all."""
    if waiting is not None:
        raise NotReadyError(waiting)


def _ignored(_: Snapshot | None) -> None:
    """Nobody wants to know."""


class Directory:
    """Keeps the newest `Snapshot` it could read."""

    def __init__(
        self,
        locations: LocationSource,
        feeds: FeedSource,
        clock_ms: Callable[[], int] | None = None,
        recorder: Recorder | None = None,
        watch: FeedWatch | None = None,
        on_renewed: Callable[[Snapshot | None], None] | None = None,
    ) -> None:
        """`on_renewed` is told each copy, and None when the store did not answer."""
        self._locations = locations
        self._feeds = feeds
        self._clock_ms = clock_ms
        self._recorder = recorder or Recorder()
        self._watch = watch
        self._on_renewed = on_renewed or _ignored
        self._wake = asyncio.Event()
        self._renewal = SingleFlight(self.renew)
        self._begun = self._read = 0
        self._told = False
        self._heard = Snapshot()
        self.current = Snapshot()
        self.reachable = False
        self.answered_ms: int | None = None
        """When the store last answered; None: never, or nobody keeps the time."""

    def on_change(self, change: Change | None) -> None:
        """Renew soon, if the change is one that matters here."""
        if change is None or change.kind in _OURS:
            self._told = True
            self._wake.set()

    async def renew(self) -> None:
        """Read everything anew.

        Raises:
            StoreUnavailableError: the store did not answer; the last copy stays.
        """
        self._wake.clear()
        self._begun += 1
        begun = self._begun
        told, self._told = self._told, False
        try:
            # Before the rest: should the store lose everything meanwhile, the copy is of an epoch
            # that no reading will match, and the next renewal puts it right.
            epoch = await self._feeds.epoch()
            locations = await self._locations.locations()
            feeds = await self._feeds.all()
        except BaseException as error:
            self._told = self._told or told
            if isinstance(error, StoreUnavailableError):
                self.reachable = False
                self._on_renewed(None)
            raise
        self.reachable = True
        if self._clock_ms is not None:
            self.answered_ms = self._clock_ms()
        if begun < self._read:
            return  # one that began later has ended before
        self._read = begun
        self.current = Snapshot(tuple(in_priority_order(locations)), feeds, epoch)
        if told:
            self._heard = self.current
        self._on_renewed(self.current)

    async def renewed(self) -> Snapshot:
        """The copy as of now, or later; who asks for it meanwhile shares the reading.

        Raises:
            StoreUnavailableError: the store did not answer; the last copy stays.
        """
        await self._renewal.fresh()
        return self.current

    @property
    def heard(self) -> Snapshot:
        """The last copy of which the change channel told; nothing, while it is of another epoch.

        What a feed is verified through by then, everything is that the channel told of before:
        so old may be called what is kept until the channel evicts it.
        """
        return self._heard if self._heard.epoch == self.current.epoch else Snapshot()

    async def ready_for(self, require: Callable[[Snapshot], None]) -> Snapshot:
        """The copy, if it is ready in this sense; renewed first where it is not.

        It may have become so this moment, and the message still be on its way.

        Raises:
            NotReadyError: it is not.
            StoreUnavailableError: the store did not answer; the last copy stays.
        """
        try:
            require(self.current)
        except NotReadyError:
            require(await self.renewed())
        return self.current

    async def run(self) -> None:
        """Keep the copy new until cancelled; an outage is told of, and its end."""
        away = False
        while True:
            try:
                await self.renew()
            except StoreUnavailableError as error:
                if not away:
                    self._recorder.record(EventKind.STORE_UNREACHABLE, "store", reason=str(error))
                away = True
                self._wake.clear()
            else:
                if away:
                    self._recorder.record(EventKind.STORE_BACK, "store")
                away = False
            self._look()
            try:
                async with asyncio.timeout(_RENEW_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _look(self) -> None:
        """Let ages be judged: they grow while the store is away, too."""
        if self._watch is None:
            return
        self._watch.look(self.current.feeds)
        if not self.reachable:
            return
        try:
            self.current.require_all_ready()
        except NotReadyError as error:
            self._watch.cold(tuple(error.feeds))
        else:
            self._watch.warm()
