"""A shop for badges: SKUs in a store, gateways that keep answers or not, and the peer."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import aiohttp

from benchmarks import cores
from benchmarks.badge_peer import PREFIX
from gateway.domain.stock import Product, StockLevel
from gateway.store.bulk import Block, BulkEncoder, BulkWriter
from gateway.store.client import StoreClient
from gateway.store.codec import product_payload
from gateway.store.entries import PRODUCT_NAME, Op, pack_op
from gateway.store.feeds import FeedRegister, FeedState
from gateway.store.keys import Keyspace
from gateway.store.level_codec import level_payload
from stockspan.embedded.ports import HOST, free_port
from stockspan.embedded.valkey import EmbeddedValkey

_BLOCK: Final = 500
_UVICORN: Final = (
    *("-m", "uvicorn", "benchmarks.badge_peer:app", "--host", HOST, "--log-level", "warning"),
    *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--port"),
)


def sku(number: int) -> str:
    """The SKU of that number."""
    return f"SKU-{number:06d}"


@contextmanager
def running(folder: Path, skus: int, core: int) -> Iterator[Mapping[str, str]]:
    """The addresses of a loaded `gateway`, one that keeps nothing (`cold`), `peer`, `constant`.

    The handler with the constant body answers as many bytes as a badge has.
    """
    names = ("gateway", "cold", "peer", "constant")
    ports = {name: free_port() for name in names}
    urls = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
    with ExitStack() as stack:
        with cores.confined(core):
            valkey = stack.enter_context(EmbeddedValkey(folder / "valkey", appendonly=False))
        asyncio.run(_fill(valkey.url, skus))
        for name, room in (("gateway", "256MiB"), ("cold", "0")):
            config = folder / f"{name}.toml"
            config.write_text(
                f'[store]\nurl = "{valkey.url}"\ntimeout = "5s"\n'
                f'[gateway]\nport = {ports[name]}\nnear_cache = "{room}"\n',
                encoding="utf-8",
            )
            serve = ["-m", "stockspan", "serve", "--config", str(config)]
            child = stack.enter_context(cores.server(name, serve, core, folder))
            asyncio.run(cores.ready(urls[name] + "/readyz", child))
        size = asyncio.run(_copied(valkey.url, urls["cold"], skus))
        env = {"BENCHMARK_REDIS": valkey.url}
        command = [*_UVICORN, str(ports["peer"])]
        child = stack.enter_context(cores.server("peer", command, core, folder, env))
        asyncio.run(cores.ready(urls["peer"] + "/openapi.json", child))
        command = ["-m", "benchmarks.constant", str(ports["constant"]), str(size)]
        child = stack.enter_context(cores.server("constant", command, core, folder))
        asyncio.run(cores.ready(urls["constant"], child))
        yield urls


def targets(path: Path, batches: Sequence[Sequence[int]]) -> Path:
    """A file of addresses: each asks for the SKUs of these numbers."""
    lines = [
        f"/v1/stock/{sku(*batch)}"
        if len(batch) == 1
        else "/v1/stock?" + "&".join(f"sku={sku(number)}" for number in batch)
        for batch in batches
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


async def _fill(url: str, skus: int) -> None:
    client = StoreClient.connect(url, deadline=10.0)
    register = FeedRegister(client, Keyspace("ss"))
    feed = await register.register("erp", "stock")
    await BulkWriter(client).write(_blocks(skus, feed.number))
    now_ms = int(time.time() * 1000)
    await register.save("erp", _verified(feed.number, now_ms))
    await client.close()


def _verified(number: int, through_ms: int) -> FeedState:
    return FeedState("stock", number, verified_through_ms=through_ms)


async def _blocks(skus: int, feed: int) -> AsyncIterator[Block]:
    chance = random.Random(1)
    encoder = BulkEncoder(Keyspace("ss"))
    for start in range(0, skus, _BLOCK):
        numbers = range(start, min(start + _BLOCK, skus))
        wire = b"".join(_written(encoder, number, feed, chance) for number in numbers)
        yield Block(2 * len(numbers), wire)


def _written(encoder: BulkEncoder, number: int, feed: int, chance: random.Random) -> bytes:
    name = sku(number)
    levels = [
        pack_op(Op.PUT, 0, feed, 0, 1, 1, place, level_payload(StockLevel(figure * 1000)))
        for place in (b"W1", b"W2")
        for figure in (chance.choice((0, 3, 9, 60)),)
    ]
    product = product_payload(Product(f"Hex bolt M{number % 30}", product_group="fasteners"))
    record = pack_op(Op.PUT, 0, feed, 0, 1, 1, PRODUCT_NAME.encode(), product)
    return encoder.put(encoder.place_of_stock(name), levels) + encoder.put(
        encoder.place_of_product(name), [record]
    )


async def _copied(url: str, gateway: str, skus: int) -> int:
    """Give the peer the same answers as the gateway's; the size of one."""
    client = StoreClient.connect(url, deadline=10.0)
    size = 0
    async with aiohttp.ClientSession(gateway) as session:
        for start in range(0, skus, _BLOCK):
            asked = [sku(number) for number in range(start, min(start + _BLOCK, skus))]
            async with session.post("/v1/stock/query", json={"skus": asked}) as answer:
                body = await answer.read()
            texts = body.removeprefix(b'{"items":[').removesuffix(b"]}").split(b",{")
            items = [texts[0], *(b"{" + text for text in texts[1:])]
            size = len(items[0])
            await client.redis.mset(
                {PREFIX + name: item for name, item in zip(asked, items, strict=True)}
            )
    await client.close()
    return size
