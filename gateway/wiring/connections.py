"""What is connected to: the store, the ledger, and the clocks."""

from __future__ import annotations

import time

from gateway.config import settings as config
from gateway.ledger.client import LedgerClient
from gateway.ledger.journal import Journal
from gateway.store.client import StoreClient


def clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def local_ms() -> int:
    """Milliseconds by a clock that only ever goes up."""
    return time.monotonic_ns() // 1_000_000


def connect(store: config.Store) -> StoreClient:
    """A client of the store; nothing is sent yet."""
    return StoreClient.connect(store.url, mode=store.mode, deadline=store.timeout)


def open_ledger(ledger: config.Ledger) -> Journal:
    """The journal of a ledger; nothing is sent yet."""
    return Journal(LedgerClient(ledger.dsn, ledger.timeout))
