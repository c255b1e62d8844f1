"""`/ops` in a real browser: no data for strangers, a snapshot released, the reason of a badge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from gateway.domain.stock import Product
from tests.demo.ops_page import OpsPage
from tests.gateway_server import ALL, CHECKOUT, OPS, Gateway
from tests.integration.api.conftest import fill
from tests.integration.api.reserving import priced_shop
from tests.integration.command.test_feed_commands import MANY, drop
from tests.promising_gateway import held, line
from tests.running_loaders import from_a_folder, running_loaders

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

HOSTILE = "<img src=x onerror=\"hit='sku'\">"
HOSTILE_NAME = "</td><script>hit='name'</script><b onclick=hit>"


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with priced_shop(redis_url, ledger_dsn) as gateway:
        await fill(gateway)
        yield gateway


@pytest.fixture
async def page(gateway: Gateway, browser: Chrome) -> OpsPage:
    page = OpsPage(browser, gateway.url)
    await asyncio.to_thread(page.open)
    return page


async def test_strangers_see_a_form_and_no_data(gateway: Gateway, page: OpsPage) -> None:
    await gateway.store.verify(gateway.clock.now_ms, held_back="secret reason")
    await gateway.refresh()

    def look() -> None:
        for key, said in (("wrong", "not known"), (CHECKOUT, "scope “ops”")):
            page.sign_in(key)
            page.wait_for("#refused", said)
            source = page.source()
            assert not any(word in source for word in ("erp", "secret reason", "W1", key))
            assert page.kept() == '[{},{},""]'
        page.sign_in(OPS)
        page.wait_for("#feeds", "secret reason")
        assert not any(OPS in address for address in page.addresses())
        page.wait_for("#no-explain")
        page.click("#leave")
        page.wait_for("#sign-in form")
        assert "secret reason" not in page.source()
        assert page.kept() == '[{},{},""]'

    await asyncio.to_thread(look)


async def test_a_snapshot_is_seen_and_released(
    gateway: Gateway, page: OpsPage, redis_url: str, tmp_path: Path
) -> None:
    loading = from_a_folder(redis_url, tmp_path)

    async def until(**fields: bool) -> None:
        def state() -> Any:
            return gateway.parts.directory.current.feeds.get("stock")

        async with asyncio.timeout(30):
            while state() is None or any(
                (getattr(state(), name) is not None) != wanted for name, wanted in fields.items()
            ):
                await asyncio.sleep(0.02)
                await gateway.refresh()

    drop(tmp_path, MANY, 1)
    async with running_loaders(loading):
        await until(verified_through_ms=True)
        drop(tmp_path, 20, 2)
        await until(held_back=True)

        def release() -> None:
            page.sign_in(OPS)
            page.wait_for(".held-back", "40 of 60 SKUs in stock would fall to zero or vanish")
            page.click(".held-back button.main")
            page.wait_for("#confirm", "20 rows written, records removed at 40 places")
            page.click("#confirm-no")
            page.click(".held-back button.main")
            page.click("#confirm-yes")
            page.wait_for("#done", "stock: released; 20 accepted")

        await asyncio.to_thread(release)
        await until(held_back=False)
        await asyncio.to_thread(page.wait_until_gone, ".held-back")
    assert page.complaints() == []


async def test_the_reason_of_a_badge_and_of_a_price_is_found(
    gateway: Gateway, page: OpsPage
) -> None:
    name = await held(gateway, line("A-100", 30, "W2"), customer="C-1")

    def look() -> None:
        page.sign_in(ALL)
        page.wait_for("#board")
        page.explain("stock", sku="A-100")
        page.wait_for("#reason", "Figures by location")
        said = page.text("#reason")
        for words in ("5+ available", "7 may be sold", "It is told as 5 to 19", "does not ship"):
            assert words in said
        assert name in said
        assert "30 at W2" in said
        page.explain("price", sku="A-100", customer="C-1", quantity="10")
        page.wait_for("#reason", "contract-42")
        assert "79.00 SEK" in page.text("#reason")
        page.explain("price", sku="nothing")
        page.wait_for("#reason", "Unknown SKU")

    await asyncio.to_thread(look)


async def test_nothing_hostile_becomes_part_of_the_page(gateway: Gateway, page: OpsPage) -> None:
    await gateway.store.stock(HOSTILE, {"W1": 3}, Product(name=HOSTILE_NAME))
    await gateway.store.verify(gateway.clock.now_ms, held_back=HOSTILE)
    await gateway.refresh()

    def look() -> None:
        page.sign_in(ALL)
        page.wait_for(".held-back", HOSTILE)
        page.explain("stock", sku=HOSTILE)
        page.wait_for("#reason h3", HOSTILE)
        page.wait_for("#reason h3", HOSTILE_NAME)
        assert page.run(
            "return [typeof hit, document.querySelectorAll('img, b[onclick]').length]"
        ) == [
            "undefined",
            0,
        ]

    await asyncio.to_thread(look)
    assert page.complaints() == []
