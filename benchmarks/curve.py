"""A curve: what is measured at several points, in turns, with the spread of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from benchmarks.cores import Load
from benchmarks.figures import shown, summary

Probe = Callable[[int], Load]
"""Sends load in this round, which is counted from 1; round 0 is for what must come to life."""

Probes = Mapping[str, Mapping[int, Probe]]
"""For each line of a curve, what is asked at each of its points."""

Loads = Mapping[str, Mapping[int, Sequence[Load]]]
"""What came of that, in each round that counts."""


class Axis(msgspec.Struct, frozen=True):
    """What is told along it, with its unit; marks of a `logarithmic` one are ten times the last."""

    label: str
    logarithmic: bool = False


class Point(msgspec.Struct, frozen=True):
    x: float
    median: float
    least: float
    greatest: float


class Line(msgspec.Struct, frozen=True):
    name: str
    points: Sequence[Point]


class Curve(msgspec.Struct, frozen=True):
    """`note` says what is to be known of how it was made."""

    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line]
    note: str = ""


def measured(probes: Probes, rounds: int) -> Loads:
    """Ask at every point, in every round; at a point that lines share, one after the other."""
    places = sorted({place for points in probes.values() for place in points})
    found: dict[str, dict[int, list[Load]]] = {
        name: {place: [] for place in points} for name, points in probes.items()
    }
    for turn in range(rounds + 1):
        for place in places:
            for name, points in probes.items():
                if place in points:
                    load = points[place](turn)
                    if turn:
                        found[name][place].append(load)
    return found


def drawn(
    title: str,
    axes: tuple[Axis, Axis],
    loads: Loads,
    value: Callable[[int, Load], float],
    note: str = "",
) -> Curve:
    """The curve of one value of each load, and print it."""
    print(f"\n{title}: {axes[1].label}, median (least to greatest)")
    lines = []
    for name, points in loads.items():
        found = {place: [value(place, one) for one in some] for place, some in points.items()}
        for place, values in found.items():
            print(f"  {name:32}{place:>10,}  {shown(values, 0 if values[0] >= 100 else 2)}")
        lines.append(Line(name, [Point(place, **summary(some)) for place, some in found.items()]))
    return Curve(title, *axes, lines, note)
