"""What a history can be guilty of: the invariants of FAULTS that can be seen from outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from tests.faults.history import Op


class Invariant(StrEnum):
    """The promises, in the order of FAULTS."""

    NO_OVERSELL = "no oversell"
    NO_LOST_HOLD = "no lost hold"
    ONE_END = "one end"
    ALL_LINES = "all lines or none"
    REPLAY = "replay"
    VERSIONS = "versions never fall"
    EXPIRY = "expiry"
    REFUSED = "refused means nothing happened"
    HONEST_AGE = "honest age"
    ABSORPTION = "absorption"
    CONVERGENCE = "convergence"


@dataclass(frozen=True)
class Violation:
    """An invariant that was broken, in a sentence, and the operations that show it."""

    invariant: Invariant
    sentence: str
    ops: tuple[Op, ...]

    def __str__(self) -> str:
        shown = "".join(f"\n    {op}" for op in self.ops)
        return f"{self.invariant}: {self.sentence}{shown}"


@dataclass(frozen=True)
class Limits:
    """What a correct gateway is allowed; all in seconds.

    Each widens what is possible, so that less is found. None may be exceeded by a correct system.
    """

    slack: float = 0.05
    """Times are judged by two clocks, one of which counts whole milliseconds."""
    grace: float = 1.0
    """After its end an expired hold may be seen this long (FAULTS 7)."""
    unknown_grace: float = 5.0
    """The same for what an abandoned request may have left behind (FAULTS, gateway killed)."""
    orphans: bool = True
    """Whether that may be there beside what its key was answered for sure. False where only the
    way to the gateway is disturbed, nothing behind it: then one key has one effect at any time.
    """
    lingering: float = inf
    """How long after its client gave up a request may still be carried out, if not till rest."""
    staleness: float = 2.0
    """A figure from a near-cache may be so old: it evicts at once, unless its link is dead."""
    propagation: float = 0.0
    """From an ERP write's return till it is in the store, where its return does not prove that."""
    clock_error: float = 0.05
    """How far the clock that `as_of` is from may be ahead of the history's."""


def violation(invariant: Invariant, sentence: str, ops: Iterable[Op]) -> Violation:
    """A violation that shows each operation once, in order."""
    return Violation(
        invariant, sentence, tuple({op.id: op for op in sorted(ops, key=lambda o: o.id)}.values())
    )
