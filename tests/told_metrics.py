"""What a gateway's worker and a loader tell at `/metrics` after a little of everything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateway.api.app import METRICS, create_app
from gateway.api.server import Address, listening
from gateway.api.siblings import Siblings
from gateway.domain.accuracy import Accuracy
from gateway.observability.events import EventKind
from gateway.store.feeds import Drift
from stockspan.embedded.ports import free_port
from tests.confirming_shop import SECONDS, Shop, erp, loading, sections
from tests.gateway_server import Gateway, running


@dataclass(frozen=True)
class Told:
    """The texts of both."""

    gateway: str
    loader: str

    def series(self) -> Mapping[str, frozenset[str]]:
        """The labels of every series that an expression may name."""
        found: dict[str, frozenset[str]] = {}
        for name, labels in (*_series(self.gateway), *_series(self.loader)):
            found[name] = found.get(name, frozenset()).union(labels)
        return found


def families_of(text: str) -> Mapping[str, Metric]:
    """Families as they are documented: of a counter with `_total`."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: family
        for family in text_string_to_metric_families(text)
    }


def labels_of(family: Metric) -> frozenset[str]:
    """The labels of its samples; without those of every worker and of every histogram."""
    every = {"le"} if family.name == "stockspan_worker_up" else {"le", "worker"}
    return frozenset(label for sample in family.samples for label in sample.labels) - every


def _series(text: str) -> Iterable[tuple[str, Iterable[str]]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels


async def told_metrics(redis_url: str, database: str, ledger: str, folder: Path) -> Told:
    """Run both, let something succeed and something fail, and read what they tell."""
    port = free_port()
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(erp(database))
        chosen = sections(source.dsn, folder)
        chosen["loaders"]["metrics"] = {"port": port}
        gone = {"kind": "order_acks", "source": "erp", "query": "SELECT order_ref FROM gone"}
        chosen["feeds"]["gone"] = gone
        await stack.enter_async_context(loading(redis_url, chosen))
        alone = await stack.enter_async_context(
            running(redis_url, ledger={"dsn": ledger, "timeout": "10s"})
        )
        siblings = Siblings(folder, 0, 1, replaced=0)
        app = create_app(alone.parts, siblings=siblings)
        served = await stack.enter_async_context(listening(app, Address(port=0), grace=1))
        gateway = Gateway(alone.parts, alone.store, alone.clock, app, served)
        stack.push_async_callback(gateway.close)
        telling = asyncio.create_task(siblings.run(app[METRICS].text))
        stack.callback(telling.cancel)
        gateway.clock.now_ms = time.time_ns() // 1_000_000
        await gateway.listen()
        shop = Shop(source, [gateway])
        await shop.until_loaded(1, refreshing=True)
        await gateway.keep()
        await gateway.refresh()
        await gateway.ask("/v1/stock/S1")
        await shop.look("S2")
        now_ms = gateway.clock.now_ms
        await gateway.store.verify(
            now_ms,
            feed="audited",
            drift=Drift(now_ms, differing=3),
            accuracy=Accuracy(4, 3, now_ms),
        )
        await gateway.refresh()
        gateway.parts.recorder.record(EventKind.STORE_COLD, "store")
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            loader = await _read(session, "/metrics")
            async with asyncio.timeout(SECONDS):
                while 'stockspan_sync_failures_total{feed="gone"}' not in loader:
                    loader = await _read(session, "/metrics")
        return Told((await gateway.ask("/metrics")).body.decode(), loader)


async def _read(session: aiohttp.ClientSession, path: str) -> str:
    async with session.get(path) as answer:
        assert answer.status == 200
        return await answer.text()
