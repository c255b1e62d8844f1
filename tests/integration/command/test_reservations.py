"""`stockspan reservations` as an operator meets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store.keys import Keyspace
from tests.gateway_server import Gateway
from tests.integration.api.conftest import fill
from tests.integration.command.running_command import stockspan
from tests.promising_gateway import held, line, promising, step


@pytest.fixture
async def gateway(redis_url: str, database: str) -> AsyncIterator[Gateway]:
    async with promising(redis_url, database) as gateway:
        await fill(gateway)
        await gateway.keep()
        yield gateway


@pytest.fixture
def config(tmp_path: Path, redis_url: str, database: str) -> Path:
    path = tmp_path / "stockspan.toml"
    path.write_text(
        f'[store]\nurl = "{redis_url}"\n[ledger]\ndsn = "{database}"\n'
        '[reservations]\nacknowledge_within = "1ms"\n'
    )
    return path


async def run(config: Path, *words: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(
        stockspan, "reservations", *words, "--config", str(config), folder=config.parent
    )
    return done.returncode, done.stdout, done.stderr


async def test_reservations_are_listed(gateway: Gateway, config: Path) -> None:
    first, second = await held(gateway, line("A-100", 2)), await held(gateway, line("few", 1))
    await step(gateway, first, "confirm", {"order_ref": "O-7"})
    code, said, _ = await run(config, "list")
    assert code == 0
    assert first in said
    assert second in said
    _, said, _ = await run(config, "list", "--state", "held")
    assert first not in said
    assert second in said


async def test_orders_without_a_word_from_the_erp_are_listed(
    gateway: Gateway, config: Path
) -> None:
    name = await held(gateway, line("A-100", 2))
    _, said, _ = await run(config, "list", "--unacknowledged")
    assert name not in said
    await step(gateway, name, "confirm", {"order_ref": "O-7"})
    code, said, _ = await run(config, "list", "--unacknowledged")
    assert code == 0
    assert "O-7" in said
    assert "overdue" in said


async def test_the_store_is_verified_and_put_right(gateway: Gateway, config: Path) -> None:
    await held(gateway, line("A-100", 2))
    assert (await run(config, "verify"))[:2] == (0, "1 open reservations, 0 differences\n")
    await gateway.parts.client.redis.delete(*Keyspace("ss").holds("A-100")[1:])
    code, said, _ = await run(config, "verify")
    assert code == 1
    assert "missing" in said
    code, said, _ = await run(config, "verify", "--repair")
    assert code == 0
    assert said.endswith("1 differences, 1 put right\n")
    assert (await run(config, "verify"))[0] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing is promised here"),
        ('[ledger]\ndsn = "postgresql://127.0.0.1:1/x"', "the ledger (ledger.dsn) cannot be used"),
        ('[ledger]\ndsn = "postgresql://127.0.0.1:99999/x"', "ledger.dsn"),
        ("[reservations]\nopen_per_customer = 0", "reservations.open_per_customer"),
        ('[reservations]\ndurability = "hope"', "reservations.durability"),
    ],
)
async def test_what_cannot_be_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "stockspan.toml"
    path.write_text(text)
    code, out, err = await run(path, "list")
    assert (code, out) == (1, "")
    assert said in err
    assert err.count("\n") == 1


async def test_a_wrong_state_is_a_wrong_word(config: Path) -> None:
    code, _, err = await run(config, "list", "--state", "gone")
    assert code == 2
    assert err.count("\n") == 1
