"""Histories: what was asked of a gateway, and done to its world, with when and what came of it.

A `Recorder` takes operations down as they happen, a `History` is what the checker reads, and
`dump` and `load` keep one as JSON lines: a line of `Facts`, then one `Op` a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

import msgspec


class Kind(StrEnum):
    """What was done. `target` and `body` of each, and what a 2xx answers:

    ============ ============== ==================================================================
    kind         target         body → answer
    ============ ============== ==================================================================
    RESERVE      –              the request → the reservation. `Op.key` is its Idempotency-Key
    CONFIRM      reservation    `{"order_ref"}` → the reservation
    RELEASE      reservation    `{}` → the reservation
    EXTEND       reservation    `{"ttl_seconds"}` → the reservation
    CANCEL       reservation    `{}` → the reservation
    GET          reservation    `{}` → the reservation
    STOCK        SKU            `{}`, `{"location"}`, or `{"locations": […]}` where the answer is a
                                sum over some only → the exact item: `salable`, `as_of`; a `version`
                                is read where a test knows it
    ERP_STOCK    SKU            `{"location", "version", "quantity", "basis", "allocated",
                                "safety_stock", "includes", "delete"}`: a stock record. `includes`
                                names *all* orders whose `acknowledged_at` is not after the
                                record's `updated_at`, cancelled ones too
    ERP_ACK      order_ref      `{"status"}`: `accepted` or `cancelled`
    ERP_VERIFIED –              from invoke to return the ERP could be asked (or was listened to)
    ============ ============== ==================================================================
    """

    RESERVE = "reserve"
    CONFIRM = "confirm"
    RELEASE = "release"
    EXTEND = "extend"
    CANCEL = "cancel"
    GET = "get"
    STOCK = "stock"
    ERP_STOCK = "erp_stock"
    ERP_ACK = "erp_ack"
    ERP_VERIFIED = "erp_verified"


class Outcome(StrEnum):
    """What is known of an operation: it was done, it was refused, or who knows."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, status: int | None) -> Outcome:
        """The outcome that an HTTP status tells of; without one, nobody answered."""
        if status is None or status >= 500:
            return cls.UNKNOWN
        return cls.OK if 200 <= status < 300 else cls.FAIL


class Op(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """One operation. Times are seconds of the history's clock.

    Of one that never ended, `returned` is None and the outcome unknown. `caller` is whose
    Idempotency-Keys these are; `client` is one sight, which sees one thing after another.
    """

    id: int
    client: str
    kind: Kind
    invoked: float
    returned: float | None = None
    outcome: Outcome = Outcome.UNKNOWN
    target: str = ""
    body: dict[str, Any] = {}
    key: str = ""
    caller: str = ""
    status: int | None = None
    raw: str = ""
    why: str = ""

    @property
    def ended(self) -> float:
        """When it returned; infinity for one that did not."""
        return inf if self.returned is None else self.returned

    @cached_property
    def answer(self) -> dict[str, Any]:
        """The answer's JSON object; empty when there is none."""
        try:
            found = msgspec.json.decode(self.raw)
        except msgspec.DecodeError:
            return {}
        return found if isinstance(found, dict) else {}


class Facts(msgspec.Struct, frozen=True):
    """What is true of a whole history.

    `epoch` is the time of day, in seconds since 1970, at which its clock showed zero. From `rest`
    on nothing was under way: every request had ended or died, what the ERP had written had arrived,
    and no copy was older. None: not known, never.
    """

    epoch: float | None = None
    rest: float | None = None


class History(msgspec.Struct, frozen=True):
    """Operations in the order of their invocation, and what is true of all of them."""

    ops: tuple[Op, ...]
    facts: Facts = Facts()

    def of(self, *kinds: Kind) -> Iterator[Op]:
        """Its operations of these kinds."""
        return (op for op in self.ops if op.kind in kinds)

    @property
    def rest(self) -> float:
        """When rest began; infinity when it never did."""
        return inf if self.facts.rest is None else self.facts.rest


class Underway:
    """An operation that was invoked: tell it what came of it, once."""

    def __init__(self, op: Op, clock: Callable[[], float]) -> None:
        self.op = op
        self._clock = clock

    def answered(self, status: int, raw: bytes | str = b"") -> Op:
        """It was answered so; a server's error leaves it unknown whether it was done."""
        text = raw if isinstance(raw, str) else raw.decode("utf-8", "backslashreplace")
        return self._end(Outcome.of(status), status=status, raw=text)

    def done(self) -> Op:
        """It was done, by what is no HTTP: a row committed in the ERP's database."""
        return self._end(Outcome.OK)

    def refused(self, why: str) -> Op:
        """It was certainly not done."""
        return self._end(Outcome.FAIL, why=why)

    def lost(self, why: str) -> Op:
        """Nobody knows whether it was done, or will be."""
        return self._end(Outcome.UNKNOWN, why=why)

    def _end(self, outcome: Outcome, **found: Any) -> Op:
        if self.op.returned is not None:
            raise RuntimeError(f"told twice what came of {self.op}")
        self.op = msgspec.structs.replace(self.op, returned=self._clock(), outcome=outcome, **found)
        return self.op


class Recorder:
    """Takes a history down. `clock` is monotonic, in seconds; `epoch` as in `Facts`."""

    def __init__(self, clock: Callable[[], float], epoch: float | None = None) -> None:
        self._clock = clock
        self._epoch = epoch
        self._rest: float | None = None
        self._underway: list[Underway] = []

    def invoke(self, client: str, kind: Kind, target: str = "", **fields: Any) -> Underway:
        """An operation begins now; `fields` are `body`, `key` and `caller` of `Op`."""
        op = Op(len(self._underway), client, kind, self._clock(), target=target, **fields)
        self._underway.append(Underway(op, self._clock))
        return self._underway[-1]

    @contextmanager
    def operation(
        self, client: str, kind: Kind, target: str = "", **fields: Any
    ) -> Iterator[Underway]:
        """`invoke`; left without a word of what came of it, or by an exception, it is lost."""
        underway = self.invoke(client, kind, target, **fields)
        try:
            yield underway
        except BaseException as error:
            # Cancelled too: that is how a scenario gives up waiting.
            if underway.op.returned is None:
                underway.lost(repr(error))
            raise
        if underway.op.returned is None:
            underway.lost("no answer")

    def at_rest(self) -> None:
        """From now on nothing is under way; read every figure and reservation again after this."""
        self._rest = self._clock()

    def history(self) -> History:
        """What was recorded so far; what is still under way is unknown."""
        return History(
            tuple(underway.op for underway in self._underway), Facts(self._epoch, self._rest)
        )


def dump(history: History, path: Path) -> None:
    """Write a history as JSON lines."""
    lines = [history.facts, *history.ops]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def load(path: Path) -> History:
    """Read what `dump` wrote."""
    facts, *ops = path.read_bytes().splitlines()
    decoder = msgspec.json.Decoder(Op)
    return History(tuple(map(decoder.decode, ops)), msgspec.json.decode(facts, type=Facts))


def milli(quantity: float) -> int:
    """Thousandths of a quantity: sums of them are exact."""
    return round(quantity * 1000)


def units(amounts: Mapping[Any, int] | int) -> str:
    """Thousandths for a reader."""
    total = amounts if isinstance(amounts, int) else sum(amounts.values())
    return f"{total / 1000:g}"
