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


def brief(value: float) -> str:
    """A number of any size with as many digits as mean something."""
    size = abs(value)
    if size >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 else f"{value:.2g}"


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that is not below that share of them all (nearest rank)."""
    return sorted(values)[ceil(share * len(values)) - 1]
