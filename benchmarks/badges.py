"""Badges a second: the gateway against what else would send them, and against the limits.

The limits are an aiohttp handler that always says the same, and the store itself by pipelined
reads. The others are FastAPI with redis-py, and webdis, where it is installed.

Each has one core for all that it needs, the store included; they take turns on it, and the load
comes from another. `hot` is what is asked for again and again, a thousand SKUs; `cold` is a gateway
that keeps nothing, so that each badge is read from the store, of a catalogue that is asked for
through and through.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import badge_shop, cores, pipelined
from benchmarks.figures import in_turns, shown, summary

BOUNDS: Final = {
    ("hot", "constant"): 1.3,
    ("hot", "peer"): 8,
    ("hot", "webdis"): 1.1,
    ("many", "peer_many"): 6,
    ("many", "webdis_many"): 3.5,
    ("cold", "peer_cold"): 3,
}
"""How many times as many requests a second."""

_UNJUDGED: Final = (("many", "webdis_raw"), ("many", "store_many"), ("hot", "store"))
"""What is told beside: webdis without making JSON of it, and what the link allows."""

_HOT: Final = 1_000
_MANY: Final = 50
_GROUPS: Final = {
    "a badge of a thousand in demand": {
        "hot": "gateway",
        "constant": "aiohttp, constant body",
        "peer": "FastAPI + redis-py, GET",
        "webdis": "webdis, GET",
        "store": "Valkey alone, pipelined GET",
    },
    f"{_MANY} badges a request": {
        "many": "gateway",
        "peer_many": f"FastAPI + redis-py, MGET {_MANY}",
        "webdis_many": f"webdis, MGET {_MANY}",
        "webdis_raw": f"webdis, MGET {_MANY} as raw replies",
        "store_many": f"Valkey alone, pipelined MGET {_MANY}",
        "cold_many": "gateway that keeps nothing",
    },
    "a badge of the whole catalogue in turn": {
        "cold": "gateway that keeps nothing",
        "peer_cold": "FastAPI + redis-py, GET",
    },
}

Subject = Callable[[float], float]
"""Asks for so many seconds, and tells requests a second."""


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    rounds, seconds, skus = (2, 1.0, 20_000) if quick else (7, 2.0, 100_000)
    two = cores.two_cores()
    chance = random.Random(1)
    catalogue = chance.sample(range(skus), skus)
    with badge_shop.running(folder, skus, two.server) as urls:
        subjects = _subjects(folder, urls, two.load, catalogue, chance)
        rates = in_turns({name: partial(rate, seconds) for name, rate in subjects.items()}, rounds)
    return {"rounds": rounds, "seconds": seconds, "skus": skus, **_told(rates, rounds)}


def _subjects(
    folder: Path,
    urls: Mapping[str, str],
    core: int,
    catalogue: Sequence[int],
    chance: random.Random,
) -> Mapping[str, Subject]:
    hot = [[number] for number in catalogue[:_HOT]]
    batches = [chance.sample(catalogue[:_HOT], _MANY) for _ in range(_HOT)]
    single = badge_shop.targets(folder / "single", hot)
    every = badge_shop.targets(folder / "every", [[number] for number in catalogue])
    many = badge_shop.targets(folder / "many", batches)
    sized = folder / "sized"
    sized.write_text("/sized", encoding="utf-8")

    def asked(name: str, targets: Path) -> Subject:
        return lambda seconds: cores.load_targets(urls[name], core, seconds, targets).rate

    subjects: dict[str, Subject] = {
        "hot": asked("gateway", single),
        "constant": asked("constant", sized),
        "peer": asked("peer", single),
        "many": asked("gateway", many),
        "peer_many": asked("peer", many),
        "cold": asked("cold", every),
        "peer_cold": asked("peer", every),
        "cold_many": asked("cold", many),
        "store": partial(pipelined.rate, urls["store"], core, batches=hot),
        "store_many": partial(pipelined.rate, urls["store"], core, batches=batches),
    }
    if "webdis" in urls:
        single = badge_shop.webdis_targets(folder / "webdis-single", hot)
        many = badge_shop.webdis_targets(folder / "webdis-many", batches)
        raw = badge_shop.webdis_targets(folder / "webdis-raw", batches, ".raw")
        subjects |= {
            "webdis": asked("webdis", single),
            "webdis_many": asked("webdis", many),
            "webdis_raw": asked("webdis", raw),
        }
    return {
        name: subjects[name] for names in _GROUPS.values() for name in names if name in subjects
    }


def _told(rates: Mapping[str, Sequence[float]], rounds: int) -> dict[str, Any]:
    print(f"requests/s, {rounds} rounds, median (least to greatest)")
    groups = []
    for group, names in _GROUPS.items():
        measured = {name: text for name, text in names.items() if name in rates}
        print(group)
        for name, text in measured.items():
            print(f"  {text + ':':36}{shown(rates[name], 0)}")
        bars = [{"name": text, **summary(rates[name])} for name, text in measured.items()]
        groups.append({"name": group, "unit": "requests/s", "bars": bars})
    result: dict[str, Any] = {"rates": groups}
    for mine, other in (*BOUNDS, *_UNJUDGED):
        if other not in rates:
            continue
        ratios = [one / two for one, two in zip(rates[mine], rates[other], strict=True)]
        name, bound = f"{mine}_to_{other}", BOUNDS.get((mine, other))
        print(f"{name + ':':24}{shown(ratios)}" + (f" (bound {bound})" if bound else ""))
        result[name] = {**({"bound": bound} if bound else {}), **summary(ratios)}
    return result
