"""What customers notice when the ERP is dead, hangs, is slow, half-open or lies: p99 to p99.

The act `outage` of `tests/faults`, which plays it with real processes, judges every answer and
counts who calls the ERP; here for its ratios. In each round and for each fault, customers look at
stock and contract prices for a while before and for as long meanwhile.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import shown, summary
from stockspan.embedded.postgres import EmbeddedPostgres
from tests.faults.plays import Stage
from tests.faults.scenarios.outage import BOUND, FAULTS, outage
from tests.faults.supply import alone

_SEED: Final = 1


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    rounds, seconds = (2, 1.0) if quick else (5, 5.0)
    world = folder / "world"
    world.mkdir()
    with EmbeddedPostgres(folder / "postgres") as postgres:
        stage = Stage(world, postgres, _SEED)
        size: dict[str, Any] = {"rounds": rounds, "seconds": seconds, "faults": list(FAULTS)}
        report = asyncio.run(alone(outage, stage, **size))
    every = [ratio for some in report.ratios.values() for ratio in some]
    print(
        f"{rounds} rounds of {seconds:g} s, {report.requests:,} answers, median (least to greatest)"
    )
    for name, some in report.ratios.items():
        print(f"{name + ':':11}{shown(some)} × the p99 before")
    print(f"all:       {shown(every)} (bound {BOUND})")
    print(f"{report.measured}; {report.wrong} wrong")
    return {
        "bound": BOUND,
        "ratio": summary(every),
        "ratios": {name: summary(some) for name, some in report.ratios.items()},
        "wrong": report.findings,
    }
