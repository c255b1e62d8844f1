"""Numbers of several rounds, summed up honestly."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from statistics import median


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median and spread: the least and the greatest."""
    return {"median": median(values), "least": min(values), "greatest": max(values)}


def shown(values: Sequence[float], digits: int = 2) -> str:
    """The same for people."""
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that is not below that share of them all (nearest rank)."""
    return sorted(values)[ceil(share * len(values)) - 1]
