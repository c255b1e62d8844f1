"""A reservation's life: its states, what may be done in each, and what it holds (CONTRACT 6).

The life is a table, `LIFE`, with one reader, `outcome`. A reservation itself is a value: a step
makes the next one, with the next revision, and never changes the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from gateway.domain.quantities import Milli


class State(StrEnum):
    """Where a reservation is in its life."""

    HELD = "held"
    CONFIRMED = "confirmed"
    ACKNOWLEDGED = "acknowledged"
    RELEASED = "released"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Act(StrEnum):
    """What may happen to a reservation."""

    CONFIRM = "confirm"
    """It became an order."""
    RELEASE = "release"
    EXTEND = "extend"
    CANCEL = "cancel"
    """The order is called off, before the ERP has taken it."""
    ACCEPT = "accept"
    """The ERP says that it has taken the order."""
    REJECT = "reject"
    """The ERP says that the order is cancelled."""
    LAPSE = "lapse"
    """Its time is over."""


class Refusal(StrEnum):
    """Why something cannot be done."""

    CONFLICT = "conflict"
    """Not in this state."""
    GONE = "gone"
    """The units were given back: they may be somebody else's by now."""


Outcome = State | Refusal | None
"""The state that follows (the same one: nothing happens), a refusal, or None: no such thing."""

_CONFLICT: Final = Refusal.CONFLICT
_GONE: Final = Refusal.GONE

LIFE: Final[Mapping[State, Mapping[Act, Outcome]]] = {
    State.HELD: {
        Act.CONFIRM: State.CONFIRMED,
        Act.RELEASE: State.RELEASED,
        Act.EXTEND: State.HELD,
        Act.CANCEL: _CONFLICT,
        Act.ACCEPT: None,
        Act.REJECT: None,
        Act.LAPSE: State.EXPIRED,
    },
    State.CONFIRMED: {
        Act.CONFIRM: State.CONFIRMED,
        Act.RELEASE: _CONFLICT,
        Act.EXTEND: _CONFLICT,
        Act.CANCEL: State.CANCELLED,
        Act.ACCEPT: State.ACKNOWLEDGED,
        Act.REJECT: State.CANCELLED,
        Act.LAPSE: None,
    },
    State.RELEASED: {
        Act.CONFIRM: _GONE,
        Act.RELEASE: State.RELEASED,
        Act.EXTEND: _GONE,
        Act.CANCEL: _CONFLICT,
        Act.ACCEPT: None,
        Act.REJECT: None,
        Act.LAPSE: None,
    },
    State.EXPIRED: {
        Act.CONFIRM: _GONE,
        Act.RELEASE: State.EXPIRED,
        Act.EXTEND: _GONE,
        Act.CANCEL: _CONFLICT,
        Act.ACCEPT: None,
        Act.REJECT: None,
        Act.LAPSE: None,
    },
    State.ACKNOWLEDGED: {
        Act.CONFIRM: State.ACKNOWLEDGED,
        Act.RELEASE: _CONFLICT,
        Act.EXTEND: _CONFLICT,
        Act.CANCEL: _CONFLICT,
        Act.ACCEPT: State.ACKNOWLEDGED,
        Act.REJECT: State.CANCELLED,
        Act.LAPSE: None,
    },
    State.CANCELLED: {
        Act.CONFIRM: _CONFLICT,
        Act.RELEASE: _CONFLICT,
        Act.EXTEND: _CONFLICT,
        Act.CANCEL: State.CANCELLED,
        Act.ACCEPT: State.CANCELLED,
        Act.REJECT: State.CANCELLED,
        Act.LAPSE: None,
    },
}
"""State × act → outcome: the table of CONTRACT 6."""

COUNTED: Final = frozenset({State.HELD, State.CONFIRMED, State.ACKNOWLEDGED})
"""States in which units are taken; of an acknowledged order until the ERP's figure has it."""


class Allocation(msgspec.Struct, frozen=True, gc=False):
    """So much of a line's units at that location."""

    location: str
    quantity: Milli


class ReservedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One SKU of a reservation: all that its lines asked for, and where it lies.

    `backordered` units lie nowhere yet; `waiting` says where they are counted, so that they are not
    sold again when they come. Where the channel has no location at all, they are counted nowhere.
    """

    sku: str
    quantity: Milli
    allocations: tuple[Allocation, ...]
    backordered: Milli = 0
    waiting: tuple[Allocation, ...] = ()

    def units(self) -> Mapping[str, Milli]:
        """What is taken at each location, back-ordered units included."""
        taken: dict[str, Milli] = {}
        for one in (*self.allocations, *self.waiting):
            taken[one.location] = taken.get(one.location, 0) + one.quantity
        return taken


class Reservation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A promise to a customer. Times are milliseconds since the epoch, by the store's clock.

    `revision` counts its steps from 1: of two steps that follow the same one, only the first to be
    written down happened. `caller` is the name of the key that asked for it.
    """

    reservation: str
    revision: int
    state: State
    expires_ms: int
    lines: tuple[ReservedLine, ...]
    channel: str
    caller: str
    customer: str | None = None
    order_ref: str | None = None
    acknowledged_ms: int | None = None
    price_token: str | None = None

    def next(self, state: State, **changes: object) -> Reservation:
        """The reservation after a step."""
        return msgspec.structs.replace(self, revision=self.revision + 1, state=state, **changes)

    @property
    def skus(self) -> Sequence[str]:
        """The SKUs, each once."""
        return [line.sku for line in self.lines]

    def over(self, now_ms: int) -> bool:
        """Whether it is a hold whose time is over."""
        return self.state is State.HELD and now_ms >= self.expires_ms


class Traced(msgspec.Struct, frozen=True):
    """A reservation as the ledger has it, when it last changed, and when it was confirmed, if ever:
    milliseconds since the epoch, by the ledger's clock.
    """

    reservation: Reservation
    changed_ms: int
    confirmed_ms: int | None = None


def outcome(state: State, act: Act) -> Outcome:
    """What comes of an act in a state."""
    return LIFE[state][act]
