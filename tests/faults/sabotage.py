"""Loaders with something missing, for the acts in a `Supply` to notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tests.faults.mutants import Edit

CREDULOUS: Final = (
    Edit(
        "loaders/leader.py",
        "PACE: Final = Pace()",
        "PACE: Final = Pace(keep_every=1000.0, margin=-1000.0)",
    ),
)
"""Believes in its lease for as long as it lives."""

_NO_FENCE: Final = (
    Edit("gateway/store/scripts/put.lua", "if KEYS[2] and redis.pcall", "if false and redis.pcall"),
)

SABOTAGE: Final[Mapping[str, Sequence[Edit]]] = {
    "two_loaders": (*CREDULOUS, *_NO_FENCE),
}
"""By the act that must see it."""
