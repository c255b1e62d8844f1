"""A gateway worker: the list of what it consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import msgspec

from gateway.config import settings as config
from gateway.config.keys import key_ring
from gateway.domain.access import KeyRing
from gateway.observability.readings import PromiseReading
from gateway.observability.recorder import Recorder, process_name
from gateway.services.checkout import Checkout
from gateway.services.confirming import Confirming
from gateway.services.directory import Directory
from gateway.services.feed_desk import FeedDesk
from gateway.services.feed_watch import FeedWatch
from gateway.services.hearing import Hearing
from gateway.services.kept_answers import KeptAnswers
from gateway.services.last_known import LastKnown, Outage
from gateway.services.lookups import StockLookups
from gateway.services.price_book import PriceBook
from gateway.services.prices import PriceLookups
from gateway.services.selling import SellingRules
from gateway.services.upkeep import Upkeep
from gateway.store.changes import ChangeListener
from gateway.store.client import StoreClient
from gateway.store.echoes import Echoes
from gateway.store.event_journal import EventJournal
from gateway.store.event_writer import EventWriter
from gateway.store.feed_requests import FeedRequests
from gateway.store.feeds import FeedRegister
from gateway.store.keys import Change, ChangeKind, Keyspace
from gateway.store.lane import Lane
from gateway.store.leadership import leader
from gateway.store.prices import PriceStore
from gateway.store.refresh import RefreshRequests
from gateway.store.stock import StockStore
from gateway.tokens.customer_tokens import CustomerTokens
from gateway.tokens.price_tokens import PriceTokens
from gateway.turns import Turns
from gateway.wiring.connections import clock_ms, connect
from gateway.wiring.promising import Promising, can_promise, promising
from gateway.wiring.selling import selling_rules
from gateway.wiring.token_keys import customer_tokens, price_tokens

_SKUS_A_TURN: Final = 64
"""So many are decoded or judged in one turn of the loop: two or three milliseconds."""


class Assembly(msgspec.Struct, frozen=True):
    """A gateway worker's parts.

    `directory.run()`, `book.run()`, `changes.run()` and `events.run()` go on beside the server, and
    the upkeep of `promising`, which is None where there is nothing to promise with.
    """

    client: StoreClient
    lane: Lane
    stock: StockStore
    price_store: PriceStore
    directory: Directory
    book: PriceBook
    changes: ChangeListener
    rules: SellingRules
    lookups: StockLookups
    kept: KeptAnswers
    turns: Turns
    prices: PriceLookups
    checkout: Checkout
    confirming: Confirming
    refreshes: RefreshRequests
    desk: FeedDesk
    promising: Promising | None
    public_prices: bool
    key_ring: KeyRing
    customer_tokens: CustomerTokens | None
    price_tokens: PriceTokens | None
    recorder: Recorder
    event_journal: EventJournal
    events: EventWriter
    clock_ms: Callable[[], int]

    def corrupt_values(self) -> int:
        """How many values of the store were not ours."""
        return self.stock.corrupt + self.price_store.corrupt + self.refreshes.corrupt

    def promise_checks(self) -> Mapping[str, bool]:
        """What promises depend on, by name, and whether it is well; nothing where none are made."""
        if self.promising is None:
            return {}
        return {
            "holds": self.promising.restoration.done,
            "ledger": not self.promising.gate.away,
        }

    def promises(self) -> PromiseReading | None:
        """What is measured of promises, where any are made."""
        return None if self.promising is None else self.promising.reading()

    def confirmations(self) -> Mapping[str, int]:
        """How many lines the ERP was to confirm, by what came of it."""
        return self.confirming.outcomes

    @property
    def upkeep(self) -> Upkeep | None:
        """What keeps promises, where any are made."""
        return None if self.promising is None else self.promising.upkeep

    async def close(self) -> None:
        """Let go of the ledger and the store."""
        if self.promising is not None:
            await self.promising.close()
        await self.refreshes.end()
        await self.stock.end()
        await self.lane.end()
        await self.client.close()


def assemble(settings: config.Settings, clock: Callable[[], int] = clock_ms) -> Assembly:
    """The parts of a gateway worker; nothing is connected yet.

    Raises:
        SettingsError: a key of tokens cannot be used.
    """
    client = connect(settings.store)
    keys = Keyspace(settings.store.prefix)
    may_promise = can_promise(settings)
    lane = Lane(client, keys)
    recorder = Recorder(process_name("gateway"), clock)
    journal = EventJournal(client, keys, settings.journal.length)
    stock = StockStore(client, keys, lane, with_holds=may_promise)
    price_store = PriceStore(client, keys)
    watch = FeedWatch(recorder, int(settings.freshness.stale_for * 1000), clock)
    turns = Turns(_SKUS_A_TURN)
    last_known = LastKnown(stock, turns)
    echoes = Echoes(keys, lane)
    hearing = Hearing(echoes.call, lambda: changes.connected)
    # The nodes of a cluster tell of changes in no order that is common to all: what was heard of
    # one says nothing of another.
    room = settings.gateway.near_cache if settings.store.mode == "standalone" else 0
    kept = KeptAnswers(room, hearing, clock, last_known.touch)
    directory = Directory(
        stock, FeedRegister(client, keys), clock, recorder, watch, kept.on_renewed
    )
    outage = Outage(directory, int(settings.store.last_known_for * 1000), clock)
    book = PriceBook(
        price_store,
        lambda: changes.connected,
        lambda: directory.current.epoch,
        settings.prices.strategy,
        settings.store.timeout,
    )

    refreshes = RefreshRequests(client, keys, lambda: changes.connected)

    def on_change(change: Change | None) -> None:
        if change is not None and change.kind is ChangeKind.REFRESHED:
            refreshes.hear(change)
            return
        directory.on_change(change)
        last_known.on_change(change)
        kept.on_change(change)
        book.on_change(change)
        if keeping is not None and (change is None or change.kind is ChangeKind.ORDERS):
            keeping.upkeep.wake()

    changes = ChangeListener(client, keys, on_change, echoes.heard_on(hearing.on_echo))
    rules = selling_rules(settings)
    lookups = StockLookups(last_known, directory, rules, clock, outage)
    prices = PriceLookups(book, directory, rules, clock, outage)
    confirming = Confirming(refreshes, rules)
    signer = price_tokens(settings)
    keeping = None
    if may_promise:
        keeping = promising(
            settings, client, lane, lookups, price_store, directory, rules, recorder
        )
    return Assembly(
        client,
        lane,
        stock,
        price_store,
        directory,
        book,
        changes,
        rules,
        lookups,
        kept,
        turns,
        prices,
        Checkout(lookups, prices, directory, confirming, signer, clock),
        confirming,
        refreshes,
        FeedDesk(FeedRequests(client, keys), partial(leader, client, keys)),
        keeping,
        settings.prices.public_prices,
        key_ring(settings),
        customer_tokens(settings),
        signer,
        recorder,
        journal,
        EventWriter(recorder, journal),
        clock,
    )
