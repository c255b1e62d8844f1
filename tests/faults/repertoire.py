"""All that can be played: each scenario with the size of its long form; the short one is its own.

A scenario makes its own world from a `Stage`. An act is played in a `Supply`, which it may share.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from tests.faults.plays import Stage
from tests.faults.reports import Report
from tests.faults.scenarios import day as days
from tests.faults.scenarios import links as ways
from tests.faults.scenarios import loader_kills as killing
from tests.faults.scenarios import slow as slowness
from tests.faults.scenarios import strange as strangeness
from tests.faults.scenarios.clocks import clocks
from tests.faults.scenarios.crowd import crowd
from tests.faults.scenarios.cut import cut
from tests.faults.scenarios.emptied import emptied
from tests.faults.scenarios.erp_clocks import erp_clocks
from tests.faults.scenarios.flood import GOODPUT, flood
from tests.faults.scenarios.garbage import ANSWERS, garbage
from tests.faults.scenarios.guard import guard
from tests.faults.scenarios.kills import kills
from tests.faults.scenarios.ledger_away import ledger_away
from tests.faults.scenarios.memory import memory
from tests.faults.scenarios.outage import BOUND, FAULTS, outage
from tests.faults.scenarios.partition import partition
from tests.faults.scenarios.shuffled import shuffled
from tests.faults.scenarios.two_loaders import TAKEN_OVER_SECONDS, two_loaders
from tests.faults.supply import Act, alone

Sizes = Mapping[str, Any]
Scenario = Callable[..., Awaitable[Report]]


class Acted(msgspec.Struct, frozen=True):
    """An act, the size of its long form, and of the world of that; of the short one's world."""

    act: Act
    size: Sizes
    world: Sizes = {}
    short_world: Sizes = {}


SCENARIOS: Final[Mapping[str, tuple[Scenario, Sizes]]] = {
    "crowd": (crowd, {"seconds": 90.0}),
    "kills": (kills, {"times": 200}),
    "emptied": (emptied, {"rounds": 8}),
    "ledger_away": (ledger_away, {"rounds": 6}),
    "partition": (partition, {"rounds": 10}),
    "memory": (memory, {"rounds": 10}),
    "clocks": (clocks, {"seconds": 20.0}),
}
"""Those about promises. `memory` and `clocks` are for here alone: the suite has twelve minutes."""

_DAY: Final = {"shape": days.MADE_OF, "passing": True}
_KILLS: Final = {"shape": killing.MADE_OF}
_SLOW: Final = {"shape": slowness.MADE_OF}
_LINKS: Final = {"shape": ways.MADE_OF, "skus": 600}

ACTS: Final[Mapping[str, Acted]] = {
    "outage": Acted(outage, {"rounds": 4, "seconds": 5.0, "faults": list(FAULTS), "bound": BOUND}),
    "day": Acted(
        days.day, {"changes": 50_000, "share": 0.4}, {**_DAY, "skus": 30_000}, {**_DAY, "skus": 300}
    ),
    "garbage": Acted(garbage, {"answers": len(ANSWERS)}),
    "cut": Acted(cut, {"points": 100, "skus": 400}),
    "shuffled": Acted(shuffled, {"deltas": 100_000, "skus": 2_000}),
    "guard": Acted(guard, {"rounds": 6}),
    "erp_clocks": Acted(erp_clocks, {"records": 200}),
    "loader_kills": Acted(killing.loader_kills, {"times": 50, "within": 15.0}, _KILLS, _KILLS),
    "two_loaders": Acted(two_loaders, {"times": 10, "within": TAKEN_OVER_SECONDS}),
    "links": Acted(
        ways.links,
        {"rounds": 5, "seconds": 2.0, "faults": list(ways.FAULTS), "bound": ways.BOUND_SECONDS},
        _LINKS,
        _LINKS,
    ),
    "slow": Acted(
        slowness.slow,
        {"senders": 2_000, "readers": 60, "seconds": 4.0, "bound": slowness.BOUND},
        _SLOW,
        _SLOW,
    ),
    "flood": Acted(flood, {"seconds": 10.0, "bound": GOODPUT}),
    "strange": Acted(
        strangeness.strange, {"unknown": 1_000_000, "seconds": 4.0, "bound": strangeness.BOUND}
    ),
}
"""Those about the ERP, the loaders and the store."""


async def played(name: str, stage: Stage, *, short: bool) -> Report:
    """The scenario or act of this name, in a world of its own."""
    if name in ACTS:
        acted = ACTS[name]
        if short:
            return await alone(acted.act, stage, acted.short_world)
        return await alone(acted.act, stage, acted.world, **acted.size)
    scenario, size = SCENARIOS[name]
    return await scenario(stage, **({} if short else size))
