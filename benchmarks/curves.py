"""Curves: badges a second by what is asked for, of how many, by how many, of how many workers.

Points are measured in turns, one round after the other. Server and store have a core, the load has
another; only where there are as many workers as cores they share that one with the load.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from benchmarks import badge_shop, badge_stock, cores
from benchmarks.cores import Draw, Load
from benchmarks.curve import Axis, Curve, Probe, drawn, measured

_HOT: Final = 1_000
_ROOM: Final = "256MiB"
_ADDRESS: Final = "addresses (GET)"
_BODY: Final = "bodies (POST)"
_BADGE: Final = f"/v1/stock/{badge_stock.sku(0)}"
_FILES_BESIDE: Final = 100
_BADGES: Final = Axis("badges a second", logarithmic=True)
_REQUESTS: Final = Axis("requests a second")


class _Shape(msgspec.Struct, frozen=True):
    """How long each point is measured, how often, and at which points."""

    rounds: int
    seconds: float
    in_address: Sequence[int]
    in_body: Sequence[int]
    catalogues: Sequence[int]
    connections: Sequence[int]
    hit_shares: Sequence[int]
    mixed_skus: int


_WHOLE: Final = _Shape(
    3,
    1.0,
    (1, 2, 5, 10, 20, 50, 100, 200),
    (1, 10, 50, 200, 500, 1_000),
    (1_000, 10_000, 100_000, 1_000_000),
    (1, 4, 16, 64, 256, 1_000, 2_000),
    (0, 25, 50, 75, 90, 100),
    200_000,
)
_QUICK: Final = _Shape(
    1, 1.0, (1, 10, 50, 200), (1, 50, 1_000), (1_000, 50_000), (1, 32, 500), (0, 50, 100), 20_000
)


class _Bench(msgspec.Struct, frozen=True):
    """What every curve is made with."""

    folder: Path
    two: cores.Cores
    shape: _Shape

    def place(self, name: str) -> Path:
        """A folder of that name."""
        path = self.folder / name
        path.mkdir()
        return path

    def sent(self, url: str, targets: Path, connections: int = cores.CONNECTIONS) -> Probe:
        """GETs of these addresses."""
        core, seconds = self.two.load, self.shape.seconds
        return lambda _: cores.load_targets(url, core, seconds, targets, connections)

    def posted(self, url: str, bodies: Path) -> Probe:
        """These bodies."""
        core, seconds = self.two.load, self.shape.seconds
        return lambda _: cores.load(url, core, seconds, bodies=bodies)

    def by_chance(self, url: str, skus: int, hot: int = 0, share: int = 0) -> Probe:
        """GETs of SKUs that are drawn, others in each round."""
        core, seconds = self.two.load, self.shape.seconds
        return lambda turn: cores.load_drawn(url, core, seconds, Draw(skus, hot, share, turn + 1))


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    shape = _QUICK if quick else _WHOLE
    bench = _Bench(folder, cores.two_cores(), shape)
    curves: list[Curve] = []
    for make in (_by_skus, _by_catalogue, _by_connections, _by_workers, _by_hits):
        curves.extend(make(bench))
    told = [msgspec.to_builtins(curve) for curve in curves]
    return {"rounds": shape.rounds, "seconds": shape.seconds, "curves": told}


def _by_skus(bench: _Bench) -> Iterator[Curve]:
    place, chance, shape = bench.place("skus"), random.Random(1), bench.shape
    core = bench.two.server
    with (
        badge_shop.loaded(place / "valkey", _HOT, core) as store,
        badge_shop.gateway(place, store, [core], room=_ROOM) as (url, _),
    ):
        probes = {
            _ADDRESS: {
                size: bench.sent(
                    url, badge_shop.targets(place / f"get-{size}", _batches(size, chance))
                )
                for size in shape.in_address
            },
            _BODY: {
                size: bench.posted(
                    url + "/v1/stock/query", _bodies(place / f"post-{size}", size, chance)
                )
                for size in shape.in_body
            },
        }
        loads = measured(probes, shape.rounds)
    axes = Axis("SKUs a request", logarithmic=True), _BADGES
    note = f"{_HOT:,} SKUs in demand, all of them kept."
    yield drawn("SKUs a request", axes, loads, lambda size, load: size * load.rate, note)


def _by_catalogue(bench: _Bench) -> Iterator[Curve]:
    core = bench.two.server
    with ExitStack() as stack:
        any_of, hot_of = {}, {}
        for skus in bench.shape.catalogues:
            place = bench.place(f"catalogue-{skus}")
            store = stack.enter_context(badge_shop.loaded(place / "valkey", skus, core))
            url, _ = stack.enter_context(badge_shop.gateway(place, store, [core], room="64MiB"))
            any_of[skus] = bench.by_chance(url, skus)
            hot_of[skus] = bench.by_chance(url, skus, _HOT, 90)
        probes = {"nine in ten for a thousand": hot_of, "any SKU, as likely as another": any_of}
        loads = measured(probes, bench.shape.rounds)
    axes = Axis("SKUs in the catalogue", logarithmic=True), _REQUESTS
    note = "One badge a request; 64 MiB for kept answers, as shipped."
    yield drawn("Size of the catalogue", axes, loads, _rate, note)


def _by_connections(bench: _Bench) -> Iterator[Curve]:
    place, core = bench.place("connections"), bench.two.server
    most = _open_files(max(bench.shape.connections)) - _FILES_BESIDE
    counts = [count for count in bench.shape.connections if count <= most]
    if len(counts) < len(bench.shape.connections):
        print(f"no more than {most:,} connections: raise the limit of open files (ulimit -n)")
    sized = place / "sized"
    sized.write_text("/sized", encoding="utf-8")
    with ExitStack() as stack:
        store = stack.enter_context(badge_shop.loaded(place / "valkey", _HOT, core))
        more = "connections_per_address = 0\n"
        url, _ = stack.enter_context(
            badge_shop.gateway(place, store, [core], room=_ROOM, more=more)
        )
        targets = badge_shop.targets(place / "targets", _batches(1, random.Random(1)))
        constant = stack.enter_context(
            badge_shop.constant(place, asyncio.run(_size(url + _BADGE)), core)
        )
        probes = {
            "gateway, a hot badge": {
                count: _settled(bench.sent(url, targets, count), url + _BADGE) for count in counts
            },
            "aiohttp, constant body": {
                count: _settled(bench.sent(constant, sized, count), constant) for count in counts
            },
        }
        loads = measured(probes, bench.shape.rounds)
    connections = Axis("connections", logarithmic=True)
    yield drawn("Connections", (connections, _REQUESTS), loads, _rate)
    axes = connections, Axis("p99 in milliseconds", logarithmic=True)
    note = "Each connection asks again as soon as it is answered: the queue is theirs."
    yield drawn("Waiting, by connections", axes, loads, lambda _, load: load.p99_ms, note)


def _by_workers(bench: _Bench) -> Iterator[Curve]:
    allowed = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        place = bench.place("workers")
        store = stack.enter_context(badge_shop.loaded(place / "valkey", _HOT, bench.two.server))
        targets = badge_shop.targets(place / "targets", _batches(1, random.Random(1)))
        points = {}
        for count in range(1, len(allowed) + 1):
            url, _ = stack.enter_context(
                badge_shop.gateway(
                    place,
                    store,
                    allowed[:count],
                    room=_ROOM,
                    name=f"gateway-{count}",
                    more=f"workers = {count}\n",
                )
            )
            points[count] = bench.sent(url, targets, 4 * cores.CONNECTIONS)
        loads = measured({"gateway, a hot badge": points}, bench.shape.rounds)
    note = (
        f"A core each. The load has a core of its own up to {len(allowed) - 1}; "
        f"of {len(allowed)} workers the last one shares it."
    )
    yield drawn("Workers", (Axis("workers"), _REQUESTS), loads, _rate, note)


def _by_hits(bench: _Bench) -> Iterator[Curve]:
    place, core, shape = bench.place("hits"), bench.two.server, bench.shape
    with (
        badge_shop.loaded(place / "valkey", shape.mixed_skus, core) as store,
        # Room for the thousand, and for hardly any other.
        badge_shop.gateway(place, store, [core], room="4MiB") as (url, _),
    ):
        draw = partial(bench.by_chance, url, shape.mixed_skus, _HOT)
        probes: Mapping[str, Mapping[int, Probe]] = {
            "gateway": {share: draw(share) for share in shape.hit_shares}
        }
        loads = measured(probes, shape.rounds)
    axes = Axis("requests for the thousand that are kept, %"), _REQUESTS
    note = f"The others are for any of {shape.mixed_skus:,}: a few in a hundred of them are kept."
    yield drawn("Share of kept answers", axes, loads, _rate, note)


def _rate(_: int, load: Load) -> float:
    return load.rate


def _settled(probe: Probe, url: str) -> Probe:
    """The same, and then wait until the server has let go of all these connections.

    It takes a good part of a second for thousands, which would be the loss of whoever is next.
    """

    def asked(turn: int) -> Load:
        load = probe(turn)
        asyncio.run(_size(url))
        return load

    return asked


async def _size(url: str) -> int:
    """Bytes of the answer to this."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return len(await answer.read())


def _batches(size: int, chance: random.Random) -> list[list[int]]:
    return [chance.sample(range(_HOT), size) for _ in range(_HOT if size < 100 else 100)]


def _bodies(path: Path, size: int, chance: random.Random) -> Path:
    """A file of bodies that ask for so many SKUs each."""
    bodies = [
        msgspec.json.encode({"skus": [badge_stock.sku(number) for number in batch]})
        for batch in _batches(size, chance)
    ]
    path.write_bytes(b"\n".join(bodies))
    return path


def _open_files(wanted: int) -> int:
    """How many files we and what we start may have open, raised to that many where it may be."""
    wanted += _FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
