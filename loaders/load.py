"""Puts the loaders together, for the commands `stockspan load` and `stockspan check`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
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
from gateway.store.feeds import TooManyFeedsError
from gateway.store.keys import Keyspace
from gateway.store.refresh import RefreshInbox
from loaders.alerts.channels import telling
from loaders.alerts.following import Alerting
from loaders.errors import LoaderError, SourceError
from loaders.findings import Findings, findings
from loaders.ingest import Ingest
from loaders.keeper import Keeper
from loaders.progress import Meters, shown
from loaders.refresh import Refresher, refresher
from loaders.resilience import Outages
from loaders.schedule import ended, keepers, reader, run
from loaders.sources.http_erp import HttpLimits
from loaders.sources.push import PushServer
from loaders.sources.push_address import listening
from loaders.spool import Spool, default_folder
from loaders.trials import Trial, Trials

_STORE_SECONDS: Final = 2.0
"""A loader may wait longer for the store than a gateway: nobody waits for the loader."""

_log = structlog.get_logger(__name__)


async def load(settings: Settings, *, once: bool, shutdown: asyncio.Event) -> int:
    """Keep the store warm until `shutdown` is set, or take one snapshot of each feed.

    Returns the exit code: 1 where `once` was asked for and a feed failed.

    Raises:
        SettingsError: a channel of alerts cannot work as it is configured.
        SourceError: the address for pushes cannot be opened.
        SpoolError: there is no place to stage snapshots.
    """
    told = telling(settings.alerts)
    with shown(Console(stderr=True)) as meters:
        async with _parts(settings, meters) as (ingest, journal, shelf):
            # Better said now than when the first snapshot is read.
            with Spool(_spool_folder(settings)):
                kept = keepers(settings, ingest)
            if once:
                return await _unless(shutdown, _once(kept, ingest.outages))
            alerting = Alerting(told, journal, shelf, ingest.recorder, clock_ms)
            # Without a channel there is nobody to tell.
            alerts = _beside(alerting.run, "alerts") if told.senders else nullcontext()
            async with alerts, _pushes(settings, ingest):
                _log.info("loaders run", action="loaders.started", feeds=", ".join(settings.feeds))
                async with _refresher(settings, ingest) as refreshing:
                    await run(kept, ingest, shutdown, refreshing)
    _log.info("loaders stopped", action="loaders.stopped")
    return 0


async def check(settings: Settings, *, sources: bool = True) -> Findings:
    """What is wrong with the store, the `sources` and the feeds' queries, and what is odd."""
    client = _client(settings)
    try:
        return await findings(settings, client, sources=sources)
    finally:
        await client.close()


async def trials(settings: Settings) -> list[Trial]:
    """A look at the first rows of every feed; nothing is written."""
    client = _client(settings)
    looks = Trials(client, Keyspace(settings.store.prefix), clock_ms())
    limits: dict[str, HttpLimits] = {}
    tried: list[Trial] = []
    try:
        for name, feed in settings.feeds.items():
            trial = Trial(name, feed.kind, feed.source)
            try:
                reads = reader(name, feed, settings, time.monotonic, limits)
            except SourceError as error:
                tried.append(msgspec.structs.replace(trial, problem=str(error)))
                continue
            tried.append(await looks.look(trial, reads))
    finally:
        await client.close()
    return tried


def clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def _parts(
    settings: Settings, meters: Meters
) -> AsyncIterator[tuple[Ingest, EventJournal, AlertShelf]]:
    """What takes records, and where events and alerts are kept; events are written meanwhile."""
    client = _client(settings)
    try:
        keys = Keyspace(settings.store.prefix)
        recorder = Recorder(process_name("loaders"), clock_ms)
        journal = EventJournal(client, keys, settings.journal.length)
        async with _beside(EventWriter(recorder, journal).run, "journal"):
            ingest = Ingest(client, keys, _spool_folder(settings), clock_ms, meters, recorder)
            yield ingest, journal, AlertShelf(client, keys)
    finally:
        await client.close()


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
async def _refresher(settings: Settings, ingest: Ingest) -> AsyncIterator[Refresher]:
    """What answers the gateways; its connections to the store are its own, and never wait."""
    client = _client(settings)
    try:
        inbox = RefreshInbox(client, Keyspace(settings.store.prefix))
        yield refresher(settings, ingest, inbox, time.monotonic, clock_ms)
    finally:
        await client.close()


async def _unless(shutdown: asyncio.Event, work: Coroutine[None, None, int]) -> int:
    """The outcome of the work, or 1 when it was told to stop before."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(shutdown.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        stopping.cancel()
        return working.result()
    await ended([working])
    return 1


async def _once(kept: list[Keeper], outages: Outages) -> int:
    failed = 0
    for keeper in kept:
        try:
            outcome = await keeper.snapshot()
        except (LoaderError, StoreUnavailableError, TooManyFeedsError) as error:
            outages.away(EventKind.FEED_FAILED, keeper.feed.name, str(error))
            failed += 1
        else:
            failed += outcome is not None and not outcome.applied
        finally:
            await keeper.close()
    return 1 if failed else 0


@asynccontextmanager
async def _pushes(settings: Settings, ingest: Ingest) -> AsyncIterator[None]:
    """The loaders' own address, where one is configured."""
    if settings.push is None:
        yield
        return
    host, port = settings.push.host, settings.push.port
    app = PushServer(ingest, key_ring(settings), clock_ms).app()
    async with listening(app, host, port):
        _log.info("pushes are taken", action="push.started", host=host, port=port)
        yield


def _client(settings: Settings) -> StoreClient:
    store = settings.store
    return StoreClient.connect(
        store.url, mode=store.mode, deadline=max(store.timeout, _STORE_SECONDS)
    )


def _spool_folder(settings: Settings) -> Path:
    return settings.loaders.spool_dir or default_folder()
