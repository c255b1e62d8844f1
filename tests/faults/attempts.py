"""Attempts: requests for a reservation with one Idempotency-Key, and what they came to together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from tests.faults.history import History, Kind, Op, Outcome, milli

# Refusals that are the first answer of a key; others say something of one attempt alone.
_REFUSED = frozenset({404, 409})


@dataclass
class Attempts:
    """Reserve requests of one caller with one key and one body, in the order of invocation."""

    ops: list[Op] = field(default_factory=list)

    @property
    def lines(self) -> list[dict[str, object]]:
        """The lines as asked for."""
        return list(self.ops[0].body.get("lines", ()))

    @property
    def ttl(self) -> float:
        """Seconds."""
        return float(self.ops[0].body.get("ttl_seconds", 900))

    @property
    def definite(self) -> list[Op]:
        """Those answered with the key's one answer, granted or refused."""
        return [op for op in self.ops if is_definite(op)]

    @property
    def granted(self) -> list[Op]:
        """Those answered with a reservation."""
        return [op for op in self.ops if op.outcome is Outcome.OK]

    @property
    def unknown(self) -> list[Op]:
        """Those that may have been carried out without a word."""
        return [op for op in self.ops if op.outcome is Outcome.UNKNOWN]

    @property
    def asked(self) -> dict[str, int]:
        """Thousandths asked for of each SKU."""
        return asked_of(self.ops[0].body.get("lines", ()))


def asked_of(lines: Iterable[dict[str, object]]) -> dict[str, int]:
    """Thousandths of each SKU, the lines of one summed."""
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        sums[str(line["sku"])] += milli(float(str(line["quantity"])))
    return dict(sums)


def is_definite(op: Op) -> bool:
    """Whether this is the answer of a key, which every repetition must get."""
    if op.outcome is Outcome.OK:
        return True
    return op.status in _REFUSED and problem(op) != "idempotency-in-progress"


def problem(op: Op) -> str:
    """The name of the problem that was answered; empty when there was none."""
    return str(op.answer.get("type", "")).rpartition("/")[2]


def by_key(history: History) -> dict[tuple[str, str], list[Attempts]]:
    """Attempts of each caller's keys, those with different bodies apart.

    A request without a key is refused, or an attempt of its own.
    """
    found: dict[tuple[str, str], dict[bytes, Attempts]] = defaultdict(dict)
    for op in history.of(Kind.RESERVE):
        key = op.key or f"\0{op.id}"
        body = msgspec.json.encode(op.body, order="deterministic")
        found[op.caller, key].setdefault(body, Attempts()).ops.append(op)
    return {key: list(bodies.values()) for key, bodies in found.items()}
