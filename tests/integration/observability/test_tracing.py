"""Traces, sent to a real receiver of OTLP over HTTP: what is in them, and that off is off."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import structlog
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gateway.config.file import SettingsError, load_settings
from gateway.observability import logs, tracing
from tests.gateway_server import Gateway, running
from tests.promising_gateway import line, promising, reserve

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Collector:
    """What came by OTLP."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.spans: list[Span] = []
        self.services: set[str] = set()

    def of(self, trace: str = TRACE) -> list[Span]:
        return [span for span in self.spans if span.trace_id.hex() == trace]


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    async def take(request: web.Request) -> web.Response:
        body = ExportTraceServiceRequest.FromString(await request.read())
        for group in body.resource_spans:
            collector.services |= {
                one.value.string_value
                for one in group.resource.attributes
                if one.key == "service.name"
            }
            for scope in group.scope_spans:
                collector.spans += scope.spans
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    collector = Collector(runner.addresses[0][1])
    try:
        yield collector
    finally:
        await runner.cleanup()


@asynccontextmanager
async def traced(collector: Collector, ratio: float = 0.0) -> AsyncIterator[Callable[[], object]]:
    """Trace within; all has been sent when it is left."""
    end = tracing.begin(f"http://127.0.0.1:{collector.port}", "shop", ratio)
    try:
        yield end
    finally:
        # The collector is in this loop.
        await asyncio.to_thread(end)


def attributes(span: Span) -> dict[str, str]:
    return {one.key: one.value.string_value or str(one.value.int_value) for one in span.attributes}


async def stocked(gateway: Gateway) -> None:
    await gateway.store.verify(gateway.clock.now_ms)
    await gateway.store.stock("A-SKU", {"W1": 25})
    await gateway.refresh()


async def test_a_request_is_in_its_caller_s_trace_with_what_it_asked(
    redis_url: str, ledger_dsn: str
) -> None:
    written = io.StringIO()
    async with collecting() as collector, promising(redis_url, ledger_dsn) as gateway:
        await stocked(gateway)
        await gateway.keep()
        async with traced(collector):
            assert (await gateway.ask("/v1/stock/A-SKU", headers=SAMPLED)).status == 200
            assert (await gateway.ask("/v1/stock/NONE-SKU", headers=SAMPLED)).status == 404
            await gateway.ask("/readyz", headers=SAMPLED)
            # Nobody's trace, of which none is kept.
            await gateway.ask("/v1/prices?customer=C-1&sku=A-SKU")
            root = logging.getLogger()
            before = root.handlers, root.level
            logs.configure_logs(written)
            with tracing.request("GET", "/x", SAMPLED):
                structlog.get_logger().warning("told", action="test.told")
            structlog.reset_defaults()
            root.handlers, root.level = before
        one, unknown, _ = (span for span in collector.of() if span.kind == Span.SPAN_KIND_SERVER)
        assert (one.name, one.parent_span_id.hex()) == ("GET /v1/stock/{sku}", PARENT)
        assert attributes(one) == {
            "http.request.method": "GET",
            "http.route": "/v1/stock/{sku}",
            "http.response.status_code": "200",
        }
        assert attributes(unknown)["http.response.status_code"] == "404"
        assert unknown.status.code != Status.STATUS_CODE_ERROR
        below = [span for span in collector.of() if span.parent_span_id == one.span_id]
        assert {span.name for span in below} == {"store"}
        assert collector.services == {"shop"}
        assert len(collector.spans) == len(collector.of())
        assert json.loads(written.getvalue().splitlines()[0])["trace_id"] == TRACE
        assert tracing.trace_id() is None
        assert b"SKU" not in b"".join(span.SerializeToString() for span in collector.spans)


async def test_a_promise_shows_its_ledger_and_an_outage_is_marked(
    redis_url: str, ledger_dsn: str
) -> None:
    async with collecting() as collector, promising(redis_url, ledger_dsn) as gateway:
        await stocked(gateway)
        await gateway.keep()
        async with traced(collector, 1.0):
            assert (await reserve(gateway, line("A-SKU", 1))).status == 201
            assert gateway.parts.promising is not None
            await gateway.parts.promising.journal.close()
            assert (await reserve(gateway, line("A-SKU", 1))).status == 503
    good, bad = (span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER)
    names = {span.name for span in collector.of(good.trace_id.hex())}
    assert names >= {"POST /v1/reservations", "store", "ledger"}
    assert bad.status.code == Status.STATUS_CODE_ERROR
    failed = [
        span
        for span in collector.of(bad.trace_id.hex())
        if span.name == "ledger" and span.status.code == Status.STATUS_CODE_ERROR
    ]
    assert failed
    assert {attributes(span)["error.type"] for span in failed} == {"LedgerUnavailableError"}
    sent = b"".join(span.SerializeToString() for span in collector.spans)
    assert b"SKU" not in sent
    assert b"secret" not in sent


async def test_what_is_at_hand_is_traced_for_those_who_ask(redis_url: str) -> None:
    async with collecting() as collector, running(redis_url) as gateway:
        await stocked(gateway)
        await gateway.attend()
        async with traced(collector, 1.0):
            for headers in ({}, {}, SAMPLED):
                assert (await gateway.ask("/v1/stock/A-SKU", headers=headers)).status == 200
    # The first looked up; the second was at hand.
    assert [span.name for span in collector.of()] == ["GET /v1/stock/{sku}"]


def test_without_tracing_the_library_is_not_even_imported() -> None:
    program = (
        "import sys, stockspan.working, loaders.load\n"
        "from gateway.observability import tracing\n"
        "with tracing.span('x'), tracing.request('GET', '/x', {}) as reached: reached(200)\n"
        # redis-py looks at the metrics of OpenTelemetry, where that is installed.
        "ours = ('opentelemetry.exporter', 'opentelemetry.sdk.trace', 'google.protobuf')\n"
        "print([name for name in ours if name in sys.modules])\n"
        "sys.modules['opentelemetry'] = None\n"
        "try: tracing.begin('http://x', 'x', 1)\n"
        "except tracing.TracingMissingError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "[]",
        "tracing: OpenTelemetry is not installed: pip install 'stockspan[tracing]'",
    ]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ENDPOINT", "collector:4318", "tracing.endpoint"),
        ("SAMPLE_RATIO", "2", "tracing.sample_ratio"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv("STOCKSPAN_TRACING__ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv(f"STOCKSPAN_TRACING__{name}", value)
    with pytest.raises(SettingsError, match=said):
        load_settings(None)
