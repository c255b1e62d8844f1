"""Where a loader's metrics are read: an address of its own, whether it leads or stands by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import hdrs, web

from gateway.config.settings import Metrics, Settings
from gateway.observability.loader_metrics import LoaderMetrics, LoaderReadings
from gateway.observability.metrics import MEDIA
from loaders.addresses import listening, livez, problems
from loaders.ingest import Ingest
from loaders.leader import Leader

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def measured(settings: Settings, ingest: Ingest, leader: Leader) -> AsyncIterator[None]:
    """Count what this loader does, and tell it to whoever asks, while the context lasts.

    Raises:
        SourceError: the address cannot be opened.
    """
    address = settings.loaders.metrics
    if address is None:
        yield
        return
    recorder = ingest.recorder
    metrics = LoaderMetrics(
        LoaderReadings(
            lambda: leader.leads,
            lambda: ingest.reports.failures,
            lambda: {kind.value: count for kind, count in recorder.counts.items()},
            lambda: recorder.lost,
        )
    )
    ingest.reports.count = metrics.synced
    async with _served(metrics, address):
        yield


@asynccontextmanager
async def _served(metrics: LoaderMetrics, address: Metrics) -> AsyncIterator[None]:
    async def tell(_request: web.Request) -> web.Response:
        headers = {hdrs.CONTENT_TYPE: MEDIA, hdrs.CACHE_CONTROL: "no-store"}
        return web.Response(body=metrics.text(), headers=headers)

    app = web.Application(middlewares=[problems])
    app.router.add_get("/livez", livez)
    app.router.add_get("/metrics", tell)
    host, port = address.host, address.port
    async with listening(app, host, port, "loaders.metrics"):
        _log.info("metrics are told", action="metrics.started", host=host, port=port)
        yield
