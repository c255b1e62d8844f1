"""A shop for badges: a loaded store, gateways that keep answers or not, and their peers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import aiohttp

from benchmarks import badge_stock, cores, webdis
from benchmarks.badge_peer import PREFIX
from benchmarks.badge_stock import sku
from gateway.store.client import StoreClient
from stockspan.embedded.child import Child
from stockspan.embedded.ports import HOST, free_port
from stockspan.embedded.valkey import EmbeddedValkey

_UVICORN: Final = (
    *("-m", "uvicorn", "benchmarks.badge_peer:app", "--host", HOST, "--log-level", "warning"),
    *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--port"),
)


@contextmanager
def loaded(folder: Path, skus: int, core: int) -> Iterator[str]:
    """The address of a store on that core with so many SKUs."""
    with cores.confined(core):
        valkey = EmbeddedValkey(folder, appendonly=False)
        valkey.start()
    try:
        asyncio.run(badge_stock.fill(valkey.url, skus))
        yield valkey.url
    finally:
        valkey.stop()


@contextmanager
def gateway(
    folder: Path,
    store: str,
    on: Sequence[int],
    *,
    room: str,
    name: str = "gateway",
    more: str = "",
) -> Iterator[tuple[str, Child]]:
    """The address and process of a gateway on these cores, that keeps so many bytes of answers.

    `more` goes on in its section of the settings.
    """
    port = free_port()
    config = folder / f"{name}.toml"
    config.write_text(
        f'[store]\nurl = "{store}"\ntimeout = "5s"\n'
        f'[gateway]\nport = {port}\nnear_cache = "{room}"\n{more}',
        encoding="utf-8",
    )
    serve = ["-m", "stockspan", "serve", "--config", str(config)]
    url = f"http://{HOST}:{port}"
    with cores.server(name, serve, on, folder) as child:
        asyncio.run(cores.ready(url + "/readyz", child))
        yield url, child


@contextmanager
def constant(folder: Path, size: int, core: int) -> Iterator[str]:
    """The address of the handler whose `/sized` always answers so many bytes."""
    port = free_port()
    url = f"http://{HOST}:{port}"
    command = ["-m", "benchmarks.constant", str(port), str(size)]
    with cores.server("constant", command, core, folder) as child:
        asyncio.run(cores.ready(url, child))
        yield url


@contextmanager
def running(folder: Path, skus: int, core: int) -> Iterator[Mapping[str, str]]:
    """The addresses of a loaded `gateway`, one that keeps nothing (`cold`), `peer`, `constant`,
    the `store`, and `webdis` where it is installed.

    The handler with the constant body answers as many bytes as a badge has.
    """
    with ExitStack() as stack:
        store = stack.enter_context(loaded(folder / "valkey", skus, core))
        urls = {"store": store}
        for name, room in (("gateway", "256MiB"), ("cold", "0")):
            urls[name], _ = stack.enter_context(
                gateway(folder, store, [core], room=room, name=name)
            )
        size = asyncio.run(_copied(store, urls["cold"], skus))
        port = free_port()
        urls["peer"] = f"http://{HOST}:{port}"
        env = {"BENCHMARK_REDIS": store}
        command = [*_UVICORN, str(port)]
        child = stack.enter_context(cores.server("peer", command, core, folder, env))
        asyncio.run(cores.ready(urls["peer"] + "/openapi.json", child))
        urls["constant"] = stack.enter_context(constant(folder, size, core))
        program = webdis.found()
        if program is None:
            print(webdis.MISSING, flush=True)
        else:
            urls["webdis"], child = stack.enter_context(
                webdis.running(program, store, core, folder)
            )
            asyncio.run(cores.ready(urls["webdis"] + "/PING", child))
        yield urls


def targets(path: Path, batches: Sequence[Sequence[int]]) -> Path:
    """A file of addresses: each asks a gateway, or its peer, for the SKUs of these numbers."""
    return _written(
        path,
        [
            f"/v1/stock/{sku(*batch)}"
            if len(batch) == 1
            else "/v1/stock?" + "&".join(f"sku={sku(number)}" for number in batch)
            for batch in batches
        ],
    )


def webdis_targets(path: Path, batches: Sequence[Sequence[int]], form: str = "") -> Path:
    """The same for webdis, which answers in JSON or in this form (`.raw`: Redis's own)."""
    return _written(
        path,
        [
            f"/{'MGET' if len(batch) > 1 else 'GET'}/"
            + "/".join(PREFIX + sku(number) for number in batch)
            + form
            for batch in batches
        ],
    )


def _written(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


async def _copied(store: str, url: str, skus: int) -> int:
    """Give the peers the same answers as that gateway's; the size of one."""
    client = StoreClient.connect(store, deadline=10.0)
    size = 0
    async with aiohttp.ClientSession(url) as session:
        for start in range(0, skus, badge_stock.BLOCK):
            asked = [sku(number) for number in range(start, min(start + badge_stock.BLOCK, skus))]
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
