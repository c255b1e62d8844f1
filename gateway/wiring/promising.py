"""The parts that make promises and keep them: holds, the ledger, and their upkeep."""

from __future__ import annotations

import msgspec

from gateway.config import settings as config
from gateway.observability.readings import PromiseReading
from gateway.observability.recorder import Recorder
from gateway.services.acknowledgements import Acknowledgements
from gateway.services.directory import Directory
from gateway.services.hold_traces import HoldTraces
from gateway.services.journal import Journal
from gateway.services.ledger_gate import LedgerGate
from gateway.services.lookups import StockLookups
from gateway.services.orders import Orders
from gateway.services.overdue_orders import OverdueOrders
from gateway.services.promise_tally import PromiseTally
from gateway.services.reservations import Reservations
from gateway.services.restoration import Restoration
from gateway.services.selling import SellingRules
from gateway.services.settling import Settling
from gateway.services.stepping import Stepping
from gateway.services.taking import Taking
from gateway.services.upkeep import Upkeep
from gateway.store.acks import AckInbox
from gateway.store.claims import Claims
from gateway.store.client import StoreClient
from gateway.store.clock import StoreClock
from gateway.store.due import DueIndex
from gateway.store.hold_entries import HoldEntries
from gateway.store.holds import Holds
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane
from gateway.store.prices import PriceStore
from gateway.store.redis_journal import RedisJournal
from gateway.wiring.connections import clock_ms, local_ms, open_ledger


class Promising(msgspec.Struct, frozen=True):
    """The parts; `upkeep.run()` goes on beside the server."""

    journal: Journal
    holds: Holds
    restoration: Restoration
    reservations: Reservations
    orders: Orders
    acknowledgements: Acknowledgements
    overdue: OverdueOrders
    settling: Settling
    gate: LedgerGate
    upkeep: Upkeep
    traces: HoldTraces
    tally: PromiseTally

    def reading(self) -> PromiseReading:
        """What is measured of promises."""
        overdue = self.overdue
        return PromiseReading(
            overdue.waiting,
            overdue.oldest_age,
            overdue.within.total_seconds(),
            not self.gate.away,
            self.settling.resolved,
        )

    async def close(self) -> None:
        """Let go of the ledger."""
        await self.journal.close()


def can_promise(settings: config.Settings) -> bool:
    """Whether there is something to promise with."""
    return settings.ledger is not None or settings.reservations.durability == "redis"


def promising(  # noqa: PLR0913, PLR0917 - each is a part that the rest of the worker has as well
    settings: config.Settings,
    client: StoreClient,
    lane: Lane,
    lookups: StockLookups,
    customers: PriceStore,
    directory: Directory,
    rules: SellingRules,
    recorder: Recorder,
) -> Promising:
    """The parts of a worker that may promise; nothing is sent yet."""
    keys = Keyspace(settings.store.prefix)
    clock = StoreClock(local_ms, clock_ms)
    journal = open_journal(settings, client, lane)
    due = DueIndex(keys, lane, clock)
    gate = LedgerGate(recorder)

    def lost() -> None:
        restoration.want()

    holds = Holds(client, keys, lane, due, clock, lost)
    restoration = Restoration(journal, holds, recorder)
    stepping = Stepping(journal, holds, clock.now_ms)
    acknowledgements = Acknowledgements(journal, stepping, AckInbox(client, keys))
    within_ms = int(settings.reservations.acknowledge_within * 1000)
    overdue = OverdueOrders(journal, within_ms, clock_ms, recorder)
    settling = Settling(journal, holds, clock.now_ms)
    cap = settings.reservations.open_per_customer
    taking = Taking(lookups, customers, directory, rules, holds, clock.now_ms, cap)
    return Promising(
        journal,
        holds,
        restoration,
        Reservations(taking, stepping, holds, Claims(lane, keys), journal, gate, clock.now_ms),
        Orders(stepping, acknowledgements),
        acknowledgements,
        overdue,
        settling,
        gate,
        Upkeep(journal, settling, due, restoration, acknowledgements, overdue, gate),
        HoldTraces(HoldEntries(client, keys, lane), journal),
        PromiseTally(journal, clock_ms),
    )


def open_journal(settings: config.Settings, client: StoreClient, lane: Lane) -> Journal:
    """Where promises are written down; nothing is sent yet.

    Raises:
        TypeError: nothing can be promised (`can_promise`).
    """
    if settings.reservations.durability == "redis":
        return RedisJournal(client, Keyspace(settings.store.prefix), lane)
    if settings.ledger is None:
        raise TypeError("there is no ledger")
    return open_ledger(settings.ledger)
