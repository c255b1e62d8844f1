"""What `stockspan check` finds: in the store, in the sources, and among the prices held."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import msgspec

from gateway.config.settings import Settings
from gateway.domain.customers import Customer
from gateway.domain.errors import StoreUnavailableError
from gateway.domain.precedence import Strategy
from gateway.domain.price_lists import PriceRow, Scope, Target
from gateway.store.client import StoreClient
from gateway.store.customer_codec import decode_customer
from gateway.store.entries import CorruptValueError, only_entry
from gateway.store.keys import Keyspace
from gateway.store.price_codec import decode_rows
from gateway.store.prices import PriceStore
from loaders.alerts.channels import senders
from loaders.alerts.letters import UndeliverableError
from loaders.errors import SourceError
from loaders.schedule import reader
from loaders.sources.http_erp import HttpLimits
from loaders.ties import Buyers, Ties


class Findings(msgspec.Struct, frozen=True):
    """One line each. `problems` keep something from working; `remarks` are worth a look."""

    problems: list[str]
    remarks: list[str]


async def findings(settings: Settings, client: StoreClient, *, sources: bool = True) -> Findings:
    """Look at the store and the prices held, and at the `sources` with the feeds' queries."""
    problems: list[str] = []
    remarks: list[str] = []
    try:
        await client.ping()
        by_rank = settings.prices.strategy is Strategy.FIRST_MATCH
        store = PriceStore(client, Keyspace(settings.store.prefix))
        remarks = await tied(store, by_rank=by_rank)
    except StoreUnavailableError as error:
        problems.append(f"store.url: {_address(settings.store.url)} cannot be used: {error}")
    limits: dict[str, HttpLimits] = {}
    for name, feed in settings.feeds.items() if sources else ():
        try:
            problems += await reader(name, feed, settings, time.monotonic, limits).check()
        except SourceError as error:
            problems.append(str(error))
    problems += await _undelivered(settings)
    return Findings(problems, remarks)


async def _undelivered(settings: Settings) -> list[str]:
    """The channels of alerts that take nothing now."""
    problems: list[str] = []
    for name, sender in senders(settings.alerts).items():
        try:
            await sender.check()
        except UndeliverableError as error:
            problems.append(f"alerts.channels.{name}: {error}")
    return problems


async def tied(store: PriceStore, *, by_rank: bool = False) -> list[str]:
    """The pairs of price rows of which only the smaller list id says which one counts.

    Raises:
        StoreUnavailableError: the store went away.
    """
    _, heads = await store.epoch_and_lists()
    buyers = Buyers([customer async for customer in _customers(store)])
    ties = Ties(heads, buyers, by_rank=by_rank)
    if ties.contested:
        async for rows in _rows(store, ties.contested):
            ties.first_pass(rows)
        async for rows in _rows(store, ties.contested):
            ties.second_pass(rows)
    return ties.lines()


async def _customers(store: PriceStore) -> AsyncIterator[Customer]:
    async for page in store.scan_customers():
        for name, value in page:
            try:
                entry = only_entry(value)
                if entry is not None:
                    yield decode_customer(entry, name)
            except CorruptValueError:
                continue


async def _rows(
    store: PriceStore, contested: frozenset[str]
) -> AsyncIterator[tuple[PriceRow, ...]]:
    async for page in store.scan_sku_prices():
        for sku, value in page:
            yield _decoded(value, None, Target(Scope.SKU, sku))
    async for found in store.scan_list_prices():
        for price_list, target, value in found:
            if price_list in contested:
                yield _decoded(value, price_list, target)


def _decoded(value: bytes, price_list: str | None, target: Target) -> tuple[PriceRow, ...]:
    try:
        return decode_rows(value, price_list, target)
    except CorruptValueError:
        return ()


def _address(url: str) -> str:
    """Where the store is, without the password that its url may hold."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
