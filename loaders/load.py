"""Puts the loaders together, for the commands `stockspan load` and `stockspan check`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Final

import msgspec
import structlog
from rich.console import Console

from gateway.config.keys import key_ring
from gateway.config.settings import Settings
from gateway.domain.errors import StoreUnavailableError
from gateway.observability.events import EventKind
from gateway.observability.recorder import Recorder, process_name
from gateway.store.alert_shelf import AlertShelf
from gateway.store.client import StoreClient
from gateway.store.event_journal import EventJournal
from gateway.store.event_writer import EventWriter
from gateway.store.feed_requests import FeedRequests
from gateway.store.feeds import TooManyFeedsError
from gateway.store.keys import Keyspace
from gateway.store.leadership import Leadership
from gateway.store.refresh import RefreshInbox
from loaders.addresses import listening
from loaders.alerts.channels import telling
from loaders.alerts.following import Alerting
from loaders.auditing import audits
from loaders.errors import LoaderError, SourceError
from loaders.findings import Findings, findings
from loaders.ingest import Ingest
from loaders.keeper import Keeper
from loaders.kept import Shelf
from loaders.leader import PACE, Begun, Leader, own_name
from loaders.metrics_address import measured
from loaders.outbox_watch import watches
from loaders.progress import Meters, shown
from loaders.refresh import Refresher, refresher
from loaders.resilience import ended
from loaders.samples import Samples
from loaders.schedule import keepers, lead, reader
from loaders.sku_sources import SkuSources
from loaders.sources.http_erp import HttpLimits
from loaders.sources.push import PushServer
from loaders.spool import Spool, default_folder
from loaders.trials import Trial, Trials

_STORE_SECONDS: Final = 2.0
"""A loader may wait longer for the store than a gateway: nobody waits for the loader."""

_log = structlog.get_logger(__name__)


class _Parts(msgspec.Struct, frozen=True):
    client: StoreClient
    keys: Keyspace
    ingest: Ingest
    journal: EventJournal


async def load(settings: Settings, *, once: bool, shutdown: asyncio.Event) -> int:
    """Keep the store warm whenever this loader leads, until `shutdown` is set.

    With `once`, take one snapshot of each feed. Returns the exit code: 1 where `once` was asked for
    and a feed failed.

    Raises:
        SettingsError: a channel of alerts cannot work as it is configured.
        SourceError: an address, for pushes or metrics, cannot be opened.
        SpoolError: there is no place to stage snapshots.
        NotLeadingError, StoreUnavailableError: `once` was asked for, and another loader leads, or
            the store cannot say so.
    """
    told = telling(settings.alerts)
    with shown(Console(stderr=True)) as meters:
        async with _parts(settings, meters) as parts:
            lease = Leadership(parts.client, parts.keys, own_name(), int(PACE.life * 1000))
            leader = Leader(lease, parts.ingest, time.monotonic)
            # Better said now than when the first snapshot is read.
            with Spool(_spool_folder(settings)):
                kept = keepers(settings, parts.ingest)
            if once:
                return await leader.once(lambda begun: _once(kept, begun.ingest), shutdown)
            shelf = AlertShelf(parts.client, parts.keys)
            alerting = Alerting(
                told, parts.journal, shelf, parts.ingest.recorder, clock_ms, leader.led_last
            )
            # Without a channel there is nobody to tell.
            alerts = _beside(alerting.run, "alerts") if told.senders else nullcontext()
            async with alerts, measured(settings, parts.ingest, leader):
                await _serve(settings, parts, leader, kept, shutdown)
    _log.info("loaders stopped", action="loaders.stopped")
    return 0


async def _serve(
    settings: Settings,
    parts: _Parts,
    leader: Leader,
    kept: Sequence[Keeper],
    shutdown: asyncio.Event,
) -> None:
    """Lead or stand by, and take pushes, until `shutdown` is set."""
    requests = FeedRequests(parts.client, parts.keys)

    async def work(begun: Begun) -> int:
        breakers = {keeper.feed.name: keeper.breaker for keeper in kept}
        sources = SkuSources(settings, time.monotonic, breakers.__getitem__)
        samples = Samples(parts.client, parts.keys, clock_ms)
        audited = audits(sources, begun.ingest, samples, time.monotonic)
        async with _refresher(settings, begun.ingest, sources) as refreshing:
            notices = watches(settings, kept, begun.ingest.register)
            return await lead(kept, requests, begun, [refreshing, *audited, *notices])

    leading = asyncio.create_task(leader.run(work, shutdown))
    try:
        # The first pushes are not to be refused by who is about to lead.
        await leader.settled.wait()
        async with _pushes(settings, leader):
            _log.info("loaders run", action="loaders.started", feeds=", ".join(settings.feeds))
            await asyncio.wait({leading})
    finally:
        if not leading.done():
            await ended([leading])
    leading.result()


async def check(settings: Settings, *, sources: bool = True) -> Findings:
    """What is wrong with the store, the `sources` and the feeds' queries, and what is odd."""
    async with _client(settings) as client:
        return await findings(settings, client, sources=sources)


async def trials(settings: Settings) -> list[Trial]:
    """A look at the first rows of every feed; nothing is written."""
    limits: dict[str, HttpLimits] = {}
    tried: list[Trial] = []
    async with _client(settings) as client:
        looks = Trials(client, Keyspace(settings.store.prefix), clock_ms())
        for name, feed in settings.feeds.items():
            trial = Trial(name, feed.kind, feed.source)
            try:
                reads = reader(name, feed, settings, time.monotonic, limits)
            except SourceError as error:
                tried.append(msgspec.structs.replace(trial, problem=str(error)))
                continue
            tried.append(await looks.look(trial, reads))
    return tried


def clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def _parts(settings: Settings, meters: Meters) -> AsyncIterator[_Parts]:
    """What takes records, and where events are kept; those are written meanwhile."""
    keys = Keyspace(settings.store.prefix)
    recorder = Recorder(process_name("loaders"), clock_ms)
    async with _client(settings) as client:
        journal = EventJournal(client, keys, settings.journal.length)
        async with _beside(EventWriter(recorder, journal).run, "journal"):
            folder = _spool_folder(settings)
            ingest = Ingest(client, keys, folder, clock_ms, meters, recorder)
            ingest.shelf = Shelf(folder, keys.prefix, int(settings.loaders.keep_up_to))
            ingest.learning = settings.freshness.buffers
            yield _Parts(client, keys, ingest, journal)


@asynccontextmanager
async def _beside(work: Callable[[], Awaitable[None]], name: str) -> AsyncIterator[None]:
    """Let this go on beside the feeds; should it fail, they go on without it."""

    async def watched() -> None:
        try:
            await work()
        except Exception:  # noqa: BLE001 - a mistake of ours there must not end every feed
            _log.exception("this has ended", action=f"{name}.broken")

    task = asyncio.create_task(watched(), name=name)
    try:
        yield
    finally:
        await ended([task])


@asynccontextmanager
async def _refresher(
    settings: Settings, ingest: Ingest, sources: SkuSources
) -> AsyncIterator[Refresher]:
    """What answers the gateways; its connections to the store are its own, and never wait."""
    async with _client(settings) as client:
        inbox = RefreshInbox(client, Keyspace(settings.store.prefix))
        yield refresher(sources, ingest, inbox, time.monotonic, clock_ms)


async def _once(kept: Sequence[Keeper], ingest: Ingest) -> int:
    failed = 0
    for keeper in kept:
        keeper.take_up(ingest, anew=True)
        try:
            outcome = await keeper.snapshot()
        except (LoaderError, StoreUnavailableError, TooManyFeedsError) as error:
            ingest.outages.away(EventKind.FEED_FAILED, keeper.feed.name, str(error))
            failed += 1
        else:
            failed += outcome is not None and not outcome.applied
        finally:
            await keeper.close()
    return 1 if failed else 0


@asynccontextmanager
async def _pushes(settings: Settings, leader: Leader) -> AsyncIterator[None]:
    """The loaders' own address, where one is configured."""
    if settings.push is None:
        yield
        return
    host, port = settings.push.host, settings.push.port
    app = PushServer(leader, key_ring(settings), clock_ms).app()
    async with listening(app, host, port):
        _log.info("pushes are taken", action="push.started", host=host, port=port)
        yield


@asynccontextmanager
async def _client(settings: Settings) -> AsyncIterator[StoreClient]:
    store = settings.store
    client = StoreClient.connect(
        store.url, mode=store.mode, deadline=max(store.timeout, _STORE_SECONDS)
    )
    try:
        yield client
    finally:
        await client.close()


def _spool_folder(settings: Settings) -> Path:
    return settings.loaders.spool_dir or default_folder()
