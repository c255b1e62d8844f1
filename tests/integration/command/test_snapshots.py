"""`stockspan snapshot` as an operator meets it: Redis was lost, the ERP is down."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway_server import ALL, Answered, Gateway
from tests.integration.api.conftest import fill as fill_stock
from tests.integration.command.running_command import COMMAND, clean, stockspan
from tests.priced_gateway import CHANNELS
from tests.priced_gateway import fill as fill_prices
from tests.promising_gateway import held, line, promising, reserve, salable

QUESTIONS = (
    "/v1/stock?sku=A-100&sku=few&sku=soon&sku=a}{b&sku=unknown&pickup=true",
    "/v1/prices?customer=C-1&sku=A-100&quantity=10&explain=true",
    "/v1/prices?customer=C-2&sku=A-100&sku=B-200&quantity=3",
    "/v1/prices?customer=insider&sku=secret",
)


@pytest.fixture
async def gateway(redis_url: str, database: str) -> AsyncIterator[Gateway]:
    async with promising(redis_url, database, channels=CHANNELS) as gateway:
        await fill_prices(gateway)
        await fill_stock(gateway)
        await gateway.keep()
        yield gateway


@pytest.fixture
def config(tmp_path: Path, redis_url: str) -> Path:
    path = tmp_path / "stockspan.toml"
    path.write_text(f'[store]\nurl = "{redis_url}"\n')
    return path


async def run(config: Path, *words: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(
        stockspan, "snapshot", *words, "--config", str(config), folder=config.parent
    )
    return done.returncode, done.stdout, done.stderr


async def asked(gateway: Gateway) -> list[Answered]:
    return [await gateway.ask(path, key=ALL) for path in QUESTIONS]


async def failing(gateway: Gateway) -> set[str]:
    """What keeps the gateway from being ready."""
    checks = (await gateway.ask("/readyz?verbose")).json["checks"]
    return {check["name"] for check in checks if not check["ok"]}


async def test_the_shop_answers_as_before(gateway: Gateway, config: Path) -> None:
    reservation = await held(gateway, line("few", 1))
    before = await asked(gateway)
    assert [answered.status for answered in before] == [200] * len(QUESTIONS)
    code, said, _ = await run(config, "save", "shop.gz")
    assert (code, said[: len("shop.gz: ")]) == (0, "shop.gz: ")
    assert (config.parent / "shop.gz").stat().st_mode & 0o777 == 0o600
    await gateway.parts.client.redis.flushall()
    await gateway.refresh()
    assert (await gateway.ask(QUESTIONS[0])).status == 503
    code, said, _ = await run(config, "restore", "shop.gz")
    assert code == 0
    assert said.startswith("restored as of ")
    # Prices are back; stock is not, before what was promised is taken off it again.
    await gateway.refresh()
    assert (await gateway.ask(QUESTIONS[0])).json["type"] == "/problems/not-ready"
    assert (await reserve(gateway, line("A-100", 1))).status == 503
    await gateway.keep()
    assert await failing(gateway) == set()
    after = await asked(gateway)
    assert [answered.body for answered in after] == [answered.body for answered in before]
    assert await salable(gateway, "few") == [2]
    assert (await gateway.ask(f"/v1/reservations/{reservation}", key=ALL)).json["state"] == "held"


async def test_it_goes_through_a_pipe(gateway: Gateway, config: Path) -> None:
    words = ("--config", str(config))
    saved = await asyncio.to_thread(
        subprocess.run,
        [*COMMAND, "snapshot", "save", "-", *words],
        env=clean(),
        capture_output=True,
        check=True,
    )
    assert saved.stderr.startswith(b"-: ")
    await gateway.parts.client.redis.flushall()
    restored = await asyncio.to_thread(
        subprocess.run,
        [*COMMAND, "snapshot", "restore", "-", *words],
        env=clean(),
        input=saved.stdout,
        capture_output=True,
        check=True,
    )
    assert restored.stdout.startswith(b"restored as of ")


async def test_what_cannot_be_is_one_line(gateway: Gateway, config: Path) -> None:
    (config.parent / "text.gz").write_text("no archive")
    (config.parent / "folder").mkdir()
    for words, said in (
        (("restore", "none.gz"), "none.gz: No such file or directory"),
        (("restore", "text.gz"), "text.gz: this is no snapshot that Stockspan saved: no gzip"),
        (("save", "nowhere/shop.gz"), "nowhere/shop.gz: No such file or directory"),
        (("save", "folder"), "folder: Is a directory"),
    ):
        code, out, err = await run(config, *words)
        assert (code, out, err) == (1, "", f"stockspan: {said}\n")
    await gateway.parts.client.redis.flushall()
    code, out, err = await run(config, "save", "cold.gz")
    assert (code, out) == (1, "")
    assert err.startswith("stockspan: cold.gz: the store is not ready")
    # Nothing is left of what failed.
    assert sorted(path.name for path in config.parent.iterdir()) == [
        "folder",
        "stockspan.toml",
        "text.gz",
    ]
