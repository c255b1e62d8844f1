"""The 50-line price query: the gateway against a FastAPI endpoint with one SQL query, and against
an aiohttp handler that does nothing.

Each has one core for all that it needs: the gateway with its Valkey, the peer with its PostgreSQL,
the handler alone. They take turns on it; the load comes from another. The gateway is loaded by the
real loaders from the same PostgreSQL that the peer asks, and before anything is measured both must
give the same prices, amounts and breaks for each line.

The bounds are for the first mix of SKUs, any of the catalogue; the second, harder one is told
beside it (`price_world.Mix`).

A worker remembers what it resolved. So the first queries are measured by themselves (`cold`), then
some thousands go by, as they do in a worker's first minutes, and only then the rounds begin. No
query is sent twice.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import aiohttp
import msgspec

from benchmarks import cores, price_erp
from benchmarks.figures import in_turns, shown, summary
from benchmarks.price_world import BASKET, CATALOGUE, LINES, Mix, PriceWorld, Query
from stockspan.embedded.ports import HOST, free_port
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey

BOUNDS: Final = {"peer": 8, "constant": 0.12}
_QUERIES: Final = 60_000
_CHECKED: Final = 200
_COLD_SECONDS: Final = 2.0
_PATH: Final = "/v1/prices/query"
_POSTGRES: Final = {"shared_buffers": "256MB", "jit": "off", "random_page_cost": "1.1"}
_STOCKSPAN: Final = ("-m", "stockspan")
_UVICORN: Final = (
    *("-m", "uvicorn", "benchmarks.price_peer:app", "--host", HOST, "--log-level", "warning"),
    *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--port"),
)
_NAMES: Final = {
    "gateway": "gateway",
    "peer": "FastAPI, one SQL query",
    "lean": "the same without breaks",
    "constant": "aiohttp, constant body",
    "posted": "aiohttp, bodies as large",
}


class _Subject(msgspec.Struct, frozen=True):
    """Something that requests are sent to: the lines of a file, or plain GETs.

    `remembers`: what it was asked before matters.
    """

    url: str
    bodies: Path | None = None
    remembers: bool = False


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    told: dict[str, Any] = {"bounds": BOUNDS}
    for mix in (CATALOGUE, BASKET):
        print(f"\n-- {mix.name}", flush=True)
        place = folder / f"{mix.own_lines}"
        place.mkdir()
        told[mix.name] = _run(place, mix, quick=quick)
    return told


def _run(folder: Path, mix: Mix, *, quick: bool) -> dict[str, Any]:
    rounds, seconds, warm = (3, 2.0, 2_000) if quick else (7, 4.0, 12_000)
    two = cores.two_cores()
    world = PriceWorld(mix)
    queries = list(world.queries(_QUERIES))
    bodies = folder / "bodies.ndjson"
    bodies.write_bytes(b"\n".join(query.body() for query in queries))
    with _running(folder, world, two.server) as (gateway, peer):
        answering = (gateway + _PATH, peer + _PATH, peer + "/lean")
        size = asyncio.run(_compared(answering, queries[:_CHECKED]))
        port = str(free_port())
        constant = f"http://{HOST}:{port}/"
        command = ["-m", "benchmarks.constant", port, str(size)]
        with cores.server("constant", command, two.server, folder) as child:
            asyncio.run(cores.ready(constant, child))
            subjects = {
                "gateway": _Subject(gateway + _PATH, bodies, remembers=True),
                "peer": _Subject(peer + _PATH, bodies),
                "lean": _Subject(peer + "/lean", bodies),
                "constant": _Subject(constant),
                "posted": _Subject(constant, bodies),
            }
            sender = _Sender(two.load)
            cold = sender.rate(subjects["gateway"], _COLD_SECONDS)
            print(f"the gateway's first {_COLD_SECONDS:.0f} seconds: {cold:,.0f} requests/s")
            while sender.sent < warm:
                sender.rate(subjects["gateway"], _COLD_SECONDS)
            rates = in_turns(
                {
                    name: partial(sender.rate, subject, seconds)
                    for name, subject in subjects.items()
                },
                rounds,
            )
    judged = mix is CATALOGUE
    figures = _told(rates, rounds, judged=judged)
    return {"rounds": rounds, "answer_bytes": size, "cold_rate": cold, **figures}


@contextmanager
def _running(folder: Path, world: PriceWorld, core: int) -> Iterator[tuple[str, str]]:
    """A loaded gateway and the peer on that core; yields their addresses."""
    ports = free_port(), free_port()
    gateway, peer = (f"http://{HOST}:{port}" for port in ports)
    with ExitStack() as stack:
        with cores.confined(core):
            valkey = stack.enter_context(EmbeddedValkey(folder / "valkey", appendonly=False))
            postgres = stack.enter_context(
                EmbeddedPostgres(folder / "postgres", settings=_POSTGRES)
            )
        asyncio.run(price_erp.fill(postgres.dsn(), world))
        config = [
            "--config",
            str(price_erp.settings_file(folder, valkey, postgres.dsn(), ports[0])),
        ]
        subprocess.run([sys.executable, *_STOCKSPAN, "load", "--once", *config], check=True)
        serve = [*_STOCKSPAN, "serve", *config]
        serving = stack.enter_context(cores.server("gateway", serve, core, folder))
        uvicorn = [*_UVICORN, str(ports[1])]
        env = {"BENCHMARK_DSN": postgres.dsn()}
        peering = stack.enter_context(cores.server("peer", uvicorn, core, folder, env))
        asyncio.run(cores.ready(gateway + "/readyz", serving))
        asyncio.run(cores.ready(peer + "/openapi.json", peering))
        yield gateway, peer


async def _compared(urls: Sequence[str], queries: Sequence[Query]) -> int:
    """The usual size of an answer of the first, once all have said the same of all these.

    Raises:
        SystemExit: they did not.
    """
    sizes = []
    headers = {"Authorization": f"Bearer {price_erp.KEY}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for query in queries:
            said = []
            for url in urls:
                async with session.post(url, data=query.body()) as answer:
                    body = await answer.read()
                    if not answer.ok:
                        sys.exit(f"{url} answered {answer.status}: {body.decode()}")
                said.append((len(body), msgspec.json.decode(body)["items"]))
            sizes.append(said[0][0])
            for _, others in said[1:]:
                for mine, other in zip(said[0][1], others, strict=True):
                    if _money(mine, other) != _money(other, other):
                        sys.exit(f"they differ for {query.customer}:\n{mine}\n{other}")
    print(f"{len(queries)} queries of {LINES} lines: the same prices, amounts and breaks from all")
    return round(median(sizes))


def _money(item: Mapping[str, Any], told: Mapping[str, Any]) -> list[Any]:
    """What both must agree on, as far as it is told: prices and amounts, and whence they come."""
    amounts = ("unit_price", "base_price", "line_net", "line_tax", "line_gross")
    found = [item.get(name) for name in amounts]
    breaks = item.get("breaks", ()) if "breaks" in told else ()
    return [
        item["sku"],
        *(entry and Decimal(entry["amount"]) for entry in found),
        *(item.get(name) for name in ("price_list", "layer", "min_quantity")),
        [(entry["min_quantity"], Decimal(entry["unit_price"])) for entry in breaks],
    ]


class _Sender:
    """Sends from one core, each time the queries after those that the gateway had last."""

    def __init__(self, core: int) -> None:
        self._core = core
        self.sent = 0

    def rate(self, subject: _Subject, seconds: float) -> float:
        """Requests a second that it answers."""
        found = cores.load(
            subject.url,
            self._core,
            seconds,
            bodies=subject.bodies,
            first=self.sent,
            authorization=f"Bearer {price_erp.KEY}",
        )
        if subject.remembers:
            self.sent += found.requests
        return found.rate


def _told(rates: Mapping[str, Sequence[float]], rounds: int, *, judged: bool) -> dict[str, Any]:
    print(f"{LINES} lines a query, {rounds} rounds, median (least to greatest)")
    for name, found in rates.items():
        print(f"{_NAMES[name] + ':':34}{shown(found, 0)} requests/s")
    result: dict[str, Any] = {f"{name}_rate": summary(found) for name, found in rates.items()}
    for name in ("peer", "lean", "constant", "posted"):
        ratios = [mine / other for mine, other in zip(rates["gateway"], rates[name], strict=True)]
        bound = BOUNDS.get(name) if judged else None
        shown_bound = "" if bound is None else f" (bound {bound})"
        print(f"{'gateway ÷ ' + _NAMES[name] + ':':34}{shown(ratios, 3)}{shown_bound}")
        result[f"{name}_ratio"] = summary(ratios)
    us = [1e6 / rate for rate in rates["gateway"]]
    print(f"{'one query of the gateway:':34}{shown(us, 0)} µs, {median(us) / LINES:.1f} a line")
    return {"query_us": summary(us), **result}
