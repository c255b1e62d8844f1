"""Badges a second: the gateway against FastAPI with redis-py, and against an aiohttp handler that
always says the same.

Each has one core for all that it needs, the store included; they take turns on it, and the load
comes from another. `hot` is what is asked for again and again, a thousand SKUs; `cold` is a gateway
that keeps nothing, so that each badge is read from the store, of a catalogue that is asked for
through and through.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import badge_shop, cores
from benchmarks.figures import shown, summary

BOUNDS: Final = {
    ("hot", "constant"): 1.3,
    ("hot", "peer"): 8,
    ("many", "peer_many"): 6,
    ("cold", "peer_cold"): 3,
}
"""How many times as many requests a second."""

_HOT: Final = 1_000
_MANY: Final = 50
_NAMES: Final = {
    "hot": "a hot badge",
    "constant": "aiohttp, constant body",
    "peer": "FastAPI, GET",
    "many": f"{_MANY} hot badges",
    "peer_many": f"FastAPI, MGET {_MANY}",
    "cold": "a cold badge",
    "peer_cold": "FastAPI, GET, cold",
    "cold_many": f"{_MANY} cold badges",
}


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    rounds, seconds, skus = (3, 1.0, 20_000) if quick else (7, 3.0, 100_000)
    two = cores.two_cores()
    chance = random.Random(1)
    catalogue = chance.sample(range(skus), skus)
    single = badge_shop.targets(folder / "single", [[number] for number in catalogue[:_HOT]])
    every = badge_shop.targets(folder / "every", [[number] for number in catalogue])
    batches = [chance.sample(catalogue[:_HOT], _MANY) for _ in range(_HOT)]
    many = badge_shop.targets(folder / "many", batches)
    sized = folder / "sized"
    sized.write_text("/sized", encoding="utf-8")
    with badge_shop.running(folder, skus, two.server) as urls:
        subjects = {
            "hot": (urls["gateway"], single),
            "constant": (urls["constant"], sized),
            "peer": (urls["peer"], single),
            "many": (urls["gateway"], many),
            "peer_many": (urls["peer"], many),
            "cold": (urls["cold"], every),
            "peer_cold": (urls["peer"], every),
            "cold_many": (urls["cold"], many),
        }
        rates = _measure(subjects, two.load, rounds, seconds)
    return {"rounds": rounds, "skus": skus, **_told(rates, rounds)}


def _measure(
    subjects: Mapping[str, tuple[str, Path]], core: int, rounds: int, seconds: float
) -> Mapping[str, list[float]]:
    """Requests a second of each in each round; one before is for what must come to life."""
    rates: dict[str, list[float]] = {name: [] for name in subjects}
    for turn in range(rounds + 1):
        found = {
            name: cores.load_targets(url, core, seconds, file).rate
            for name, (url, file) in subjects.items()
        }
        told = " ".join(f"{rate:,.0f}" for rate in found.values())
        print(f"  round {turn}: {told}" + ("" if turn else " (not counted)"), flush=True)
        if turn:
            for name, rate in found.items():
                rates[name].append(rate)
    return rates


def _told(rates: Mapping[str, Sequence[float]], rounds: int) -> dict[str, Any]:
    print(f"{rounds} rounds, median (least to greatest)")
    for name, found in rates.items():
        print(f"{_NAMES[name] + ':':24}{shown(found, 0)} requests/s")
    result: dict[str, Any] = {f"{name}_rate": summary(found) for name, found in rates.items()}
    for (mine, other), bound in BOUNDS.items():
        ratios = [one / two for one, two in zip(rates[mine], rates[other], strict=True)]
        name = f"{_NAMES[mine]} ÷ {_NAMES[other]}:"
        print(f"{name:44}{shown(ratios)} (bound {bound})")
        result[f"{mine}_to_{other}"] = {"bound": bound, **summary(ratios)}
    return result
