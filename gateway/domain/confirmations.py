"""Confirmed or not: what came of asking the ERP for a figure just now (CONTRACT 5)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from gateway.domain.quantities import Milli


class Confirm(StrEnum):
    """When a checkout asks the ERP: never, where its answer could turn, or for every line."""

    NEVER = "never"
    LOW = "low"
    ALWAYS = "always"


class Unconfirmed(StrEnum):
    """Why a figure is not confirmed."""

    NOT_ASKED = "not-asked"
    """Nothing the ERP could say was likely to matter, or nothing is known of the SKU here."""
    DEADLINE = "deadline"
    """No word within the deadline."""
    NO_LOADER = "no-loader"
    """Nobody took the request: no loader runs that can ask by SKU, or the store is away."""
    ERP_DOWN = "erp-down"
    """The ERP failed, or did not answer the loader."""
    ERP_BUSY = "erp-busy"
    """The ERP's budget of calls is used up until after the deadline."""
    BREAKER_OPEN = "breaker-open"
    """It failed so often that it is left in peace."""
    NOT_IN_ERP = "not-in-erp"
    """It answered, and had nothing on the SKU; what is held stays until a snapshot judges."""
    REJECTED = "rejected"
    """What it said is wrong, and in quarantine."""
    NOT_WRITTEN = "not-written"
    """It answered, but the store did not take the figure."""
    PARTLY = "partly"
    """It confirmed some locations, and others count too: of a feed that cannot be asked, say."""


class Confirmation(msgspec.Struct, frozen=True):
    """What was read of one SKU: at which locations, and as of when (milliseconds since the epoch).

    `refused`: what is missing, and why; None where whoever was asked has answered in full.
    """

    read: Mapping[str, int] = {}
    refused: Unconfirmed | None = None

    def __or__(self, other: Confirmation) -> Confirmation:
        """What two feeds have said of the same SKU."""
        return Confirmation({**self.read, **other.read}, _graver(self.refused, other.refused))


UNASKED: Final = Confirmation(refused=Unconfirmed.NOT_ASKED)


def could_turn(salable: Milli, few_below: Milli, wanted: Milli) -> bool:
    """Whether a newer figure could change the answer: few are left, or less than twice as many."""
    return salable < few_below or salable < 2 * wanted


def _graver(one: Unconfirmed | None, other: Unconfirmed | None) -> Unconfirmed | None:
    # A feed that knows nothing of a SKU is no news where another feed has failed.
    if one is None or one is Unconfirmed.NOT_IN_ERP:
        return other or one
    return one
