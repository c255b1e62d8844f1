from __future__ import annotations

from gateway.domain.accuracy import Accuracy
from gateway.store.feeds import Drift
from tests.gateway_server import NOON_MS, Gateway, running


async def test_alive_whatever_the_store_does(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        answer = await gateway.ask("/livez", headers={"Authorization": "Bearer wrong"})
        assert (answer.status, answer.json) == (200, {"alive": True})
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_worker_is_ready_once_every_feed_was_loaded(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        await gateway.refresh()
        cold = await gateway.ask("/readyz")
        assert (cold.status, cold.json["type"]) == (503, "/problems/not-ready")
        assert cold.headers["Retry-After"]
        assert "checks" not in cold.json
        await gateway.store.feeds.register("products", "products")
        await gateway.store.verify(NOON_MS - 2_000)
        await gateway.refresh()
        waiting = await gateway.ask("/readyz?verbose")
        assert waiting.status == 503
        assert waiting.json["checks"] == [
            {"name": "store", "ok": True},
            {
                "name": "feed:erp",
                "ok": True,
                "kind": "stock",
                "verified_through": "2026-11-21T09:59:58Z",
                "age_seconds": 2,
                "failing": False,
            },
            {
                "name": "feed:products",
                "ok": False,
                "kind": "products",
                "verified_through": None,
                "age_seconds": None,
                "failing": False,
            },
        ]


async def test_an_erp_that_is_down_leaves_the_gateway_ready(gateway: Gateway) -> None:
    await gateway.store.verify(NOON_MS - 86_400_000, failing=True)
    await gateway.refresh()
    answer = await gateway.ask("/readyz?verbose=true")
    assert answer.status == 200
    assert answer.json["ready"] is True
    assert answer.json["checks"][1]["failing"] is True
    assert (await gateway.ask("/readyz?verbose=false")).json == {"ready": True}


async def test_a_worker_that_never_read_the_store_is_not_ready(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        answer = await gateway.ask("/readyz?verbose=1")
        assert answer.status == 503
        assert answer.json["checks"] == [{"name": "store", "ok": False}]


async def test_what_happens_is_counted(gateway: Gateway) -> None:
    await gateway.store.verify(
        NOON_MS - 2_000, drift=Drift(NOON_MS, differing=3), accuracy=Accuracy(4, 3, NOON_MS)
    )
    await gateway.refresh()
    await gateway.ask("/v1/stock/A-100")
    await gateway.ask("/v1/stock/A%2F12")
    await gateway.ask("/v1/stock/X")
    await gateway.ask("/secret/place/1", "PROPFIND")
    await gateway.store.spoil("few")
    await gateway.ask("/v1/stock/few")
    answer = await gateway.ask("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    text = answer.body.decode()
    for line in (
        'stockspan_http_requests_total{method="GET",route="/v1/stock/{sku}",status="200"} 2.0',
        'stockspan_http_requests_total{method="GET",route="/v1/stock/{sku}",status="404"} 2.0',
        'stockspan_http_requests_total{method="other",route="unmatched",status="404"} 1.0',
        'stockspan_http_request_seconds_count{route="/v1/stock/{sku}"} 4.0',
        "stockspan_ready 1.0",
        "stockspan_corrupt_values_total 1.0",
        'stockspan_feed_verified_age_seconds{feed="erp",kind="stock"} 2.0',
        'stockspan_feed_failing{feed="erp",kind="stock"} 0.0',
        'stockspan_feed_breaker_open{feed="erp",kind="stock"} 0.0',
        'stockspan_feed_held_back{feed="erp",kind="stock"} 0.0',
        'stockspan_feed_drift_records{feed="erp",how="differing",kind="stock"} 3.0',
        'stockspan_feed_accuracy_ratio{feed="erp",kind="stock"} 0.75',
        'stockspan_feed_audited_skus{feed="erp",kind="stock"} 4.0',
        "stockspan_store_errors_total 0.0",
    ):
        assert line in text.splitlines(), line
    assert "process_resident_memory_bytes" in text
    assert "secret" not in text


async def test_refusals_of_a_cold_store_are_counted(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        await gateway.ask("/v1/stock/A")
        text = (await gateway.ask("/metrics")).body.decode().splitlines()
    assert "stockspan_not_ready_answers_total 1.0" in text
    assert "stockspan_ready 0.0" in text
