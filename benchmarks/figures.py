"""Numbers of several rounds, summed up honestly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


def in_turns(rates: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each gave in each round, all of them in turn; one round before is not counted."""
    found: dict[str, list[float]] = {name: [] for name in rates}
    for turn in range(rounds + 1):
        once = {name: rate() for name, rate in rates.items()}
        told = " ".join(f"{rate:,.0f}" for rate in once.values())
        print(f"  round {turn}: {told}" + ("" if turn else " (not counted)"), flush=True)
        if turn:
            for name, rate in once.items():
                found[name].append(rate)
    return found
