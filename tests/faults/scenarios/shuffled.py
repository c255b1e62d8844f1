"""Shuffled: deltas that come in any order, many of them twice, lead where those in order lead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final

from tests.faults.differences import differing
from tests.faults.pushes import push
from tests.faults.supply import Supply

_PLACES: Final = ("W1", "W2")
_TWICE: Final = 0.3
_REMOVES: Final = 0.1
_AT_ONCE: Final = 4
_LINES: Final = 500
_AFTER_ANOTHER, _ANYHOW = "DO", "DX"

Delta = dict[str, Any]
Held = dict[tuple[str, str], tuple[int, int]]
"""Units and version by number of the SKU and location."""


async def shuffled(ours: Supply, *, deltas: int = 3_000, skus: int = 40) -> str:
    """Once in order, one after another; once in any order, some of them twice, several at once."""
    every = list(_deltas(ours.world.chance, deltas, skus))
    for at in range(0, len(every), _LINES):
        await _push(ours, every[at : at + _LINES], _AFTER_ANOTHER)
    mixed = [*every, *ours.world.chance.sample(every, int(len(every) * _TWICE))]
    ours.world.chance.shuffle(mixed)
    parts = iter([mixed[at : at + _LINES] for at in range(0, len(mixed), _LINES)])
    done = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        looks = group.create_task(_watch(ours, done))
        async with asyncio.TaskGroup() as pushing:
            for _ in range(_AT_ONCE):
                pushing.create_task(_push_all(ours, parts))
        done.set()
    right = expected(every)
    for prefix in (_AFTER_ANOTHER, _ANYHOW):
        odd = differing("level", right, await _held(ours, prefix))
        ours.require(f"{prefix} is not as it should be", not odd, odd[:3])
    return (
        f"{deltas:,} deltas, {len(mixed):,} sent: diff 0, {looks.result()} looks, no version fell"
    )


def expected(deltas: Sequence[Delta]) -> Held:
    """What the newest of each place says; places that are removed are not there."""
    newest: dict[tuple[str, str], Delta] = {}
    for delta in deltas:
        place = delta["sku"], delta["location"]
        if place not in newest or delta["version"] > newest[place]["version"]:
            newest[place] = delta
    return {
        place: (delta["quantity"], delta["version"])
        for place, delta in newest.items()
        if "delete" not in delta
    }


def fallen(before: dict[tuple[str, str], int], now: dict[tuple[str, str], int]) -> list[str]:
    """Places whose version is less than it was; `before` becomes the greatest seen."""
    odd = []
    for place, version in now.items():
        if version < before.get(place, 0):
            odd.append(f"{place}: {before[place]}, then {version}")
        before[place] = max(version, before.get(place, 0))
    return odd


def _deltas(chance: Random, number: int, skus: int) -> Iterator[Delta]:
    for version in range(1, number + 1):
        place = {"sku": str(chance.randrange(skus)), "location": chance.choice(_PLACES)}
        if chance.random() < _REMOVES:
            yield {"delete": True, **place, "version": version}
        else:
            yield {**place, "quantity": chance.randrange(1000), "version": version}


async def _push_all(ours: Supply, parts: Iterator[Sequence[Delta]]) -> None:
    for part in parts:
        await _push(ours, part, _ANYHOW)


async def _push(ours: Supply, deltas: Sequence[Delta], prefix: str) -> None:
    lines = (json.dumps({**delta, "sku": f"{prefix}-{delta['sku']}"}) for delta in deltas)
    status, answer = await push(ours.world, "stock", "\n".join(lines).encode())
    taken = status == 200 and answer["accepted"] + answer["ignored"] == len(deltas)
    ours.require("a push of deltas", taken, (status, answer))
    ours.report.requests += 1


async def _watch(ours: Supply, done: asyncio.Event) -> int:
    """Look again and again until it is done; how often that was."""
    seen: dict[tuple[str, str], int] = {}
    looks = 0
    while not done.is_set():
        odd = fallen(seen, await ours.feeds.versions())
        ours.require("versions fell", not odd, odd[:3])
        looks += 1
        await asyncio.sleep(0)
    return looks


async def _held(ours: Supply, prefix: str) -> Held:
    levels, versions = await ours.feeds.levels(), await ours.feeds.versions()
    return {
        (sku.removeprefix(f"{prefix}-"), place): (units, versions[sku, place])
        for sku, places in levels.items()
        if sku.startswith(f"{prefix}-")
        for place, units in places.items()
    }
