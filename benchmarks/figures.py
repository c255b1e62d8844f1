"""Numbers of several rounds, summed up honestly."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median and spread: the least and the greatest."""
    return {"median": median(values), "least": min(values), "greatest": max(values)}


def shown(values: Sequence[float], digits: int = 2) -> str:
    """The same for people."""
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the others lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
