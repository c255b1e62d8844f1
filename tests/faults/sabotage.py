"""The product with something missing, for the acts to notice: what they find then is no chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tests.faults.mutants import MUTANTS, Edit, copied
from tests.faults.plays import Stage
from tests.faults.repertoire import ACTS
from tests.faults.reports import Report
from tests.faults.scenarios.two_loaders import CREDULOUS, two_loaders
from tests.faults.supply import alone
from tests.faults.world import Shape

_VERSIONS: Final = MUTANTS["versions are not compared"].edits
_NO_FENCE: Final = (
    Edit("gateway/store/scripts/put.lua", "if KEYS[2] and redis.pcall", "if false and redis.pcall"),
)

SABOTAGE: Final[Mapping[str, Sequence[Edit]]] = {
    "cut": (Edit("loaders/ingest.py", "if unproved is not None:", "if False:"),),
    "guard": (
        Edit(
            "loaders/ingest.py",
            "held = judge(feed.kind, tally.rows, tally.good, figures, feed.limits)",
            "held = None",
        ),
    ),
    "shuffled": _VERSIONS,
    "erp_clocks": _VERSIONS,
    "two_loaders": _NO_FENCE,
}
"""By the act that must see it."""


async def sabotaged(stage: Stage, name: str) -> Report:
    """The short form of an act, where that is missing which it is about."""
    package = copied(name, SABOTAGE[name], stage.folder / "sabotaged")
    shape = Shape(gateways=1, loading=package)
    if name == "two_loaders":
        sleeper = (*CREDULOUS, *SABOTAGE[name])
        return await alone(two_loaders, stage, {"shape": shape}, sleeper=sleeper)
    return await alone(ACTS[name].act, stage, {"shape": shape})


def is_seen(report: Report) -> bool:
    """Whether the act found it."""
    return bool(report.wrong)
