"""Lets through, of what a source says, what differs from what is held; and counts it.

Whether an operation would take effect is `put.lua`'s to decide, in the step that writes it. What is
asked here first is whether it would: a reconcile of a million rows writes the few that differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Final

from gateway.store.bulk import BulkEncoder
from gateway.store.client import StoreClient
from gateway.store.entries import FORMAT, CorruptValueError, Flag, Op, RawEntry, raw_entries
from gateway.store.level_codec import figures
from gateway.store.places import values_at
from loaders import spots
from loaders.spots import Spot

# Plain numbers, as each is asked for of every row.
_TOMB: Final = int(Flag.TOMB)
_DOUBTED: Final = int(Flag.DOUBTED)
_TOUCH: Final = int(Op.TOUCH)
_UNVERSIONED: Final = int(Op.UNVERSIONED)
_ABSENT: Final = int(Flag.TOMB | Flag.ABSENT)
_NOTHING: Final[Mapping[bytes, RawEntry]] = {}

Held = Mapping[bytes, RawEntry]
"""The entries of one value, by name."""


class Found(Enum):
    """How the record of a row is held."""

    SAME = auto()
    """As the row says, or newer: there is nothing to write."""
    RENEWED = auto()
    """As the row says, but for its version, or a doubt that is over: it is written."""
    MISSING = auto()
    DIFFERING = auto()
    REJECTED = auto()
    """The row is wrong, which is written down."""


class Sieve:
    """Compares the operations of one sync with what is held where they would write."""

    def __init__(self, client: StoreClient, encoder: BulkEncoder) -> None:
        self._client = client
        self._encoder = encoder
        self.missing = 0
        """Records that are not held."""
        self.differing = 0
        """Records that are held otherwise."""

    async def through(self, drafted: Mapping[Spot, Sequence[bytes]]) -> list[bytes]:
        """The commands for those of these operations that would change something.

        Raises:
            StoreUnavailableError: the store went away.
        """
        commands: list[bytes] = []
        for spot, held in (await held_at(self._client, self._encoder, list(drafted))).items():
            of_level = spots.is_of_levels(spot)
            passing = [
                operation
                for operation in drafted[spot]
                if self._passes(operation, held, of_level=of_level)
            ]
            if passing:
                commands.append(spots.command(self._encoder, spot, passing))
        return commands

    def _passes(self, operation: bytes, held: Held, *, of_level: bool) -> bool:
        found = compared(operation, held, of_level=of_level)[1]
        self.missing += found is Found.MISSING
        self.differing += found is Found.DIFFERING
        return found is not Found.SAME


async def held_at(
    client: StoreClient, encoder: BulkEncoder, wanted: Sequence[Spot]
) -> Mapping[Spot, Held]:
    """What lies at each of these spots.

    Raises:
        StoreUnavailableError: the store went away.
    """
    values = await values_at(client, [spots.place(encoder, spot) for spot in wanted])
    return {spot: _entries(value) for spot, value in zip(wanted, values, strict=True)}


def compared(operation: bytes, held: Held, *, of_level: bool) -> tuple[bytes, Found]:
    """The name of the record that an operation writes, and how it is held beside that.

    `of_level`: the record is a level, of which what was learnt is no figure.
    """
    (given,) = raw_entries(FORMAT + operation[1:])
    flags, feed, _, version, _, name, payload = given
    known = held.get(name)
    if operation[0] & _TOUCH:
        return name, Found.REJECTED
    if known is None or known[0] & _TOMB:
        is_news = known is None or _is_newer(operation, given, known)
        return name, Found.MISSING if is_news and not flags & _TOMB else Found.SAME
    if _is_newer(operation, given, known):
        is_same = payload == known[6] or (of_level and figures(payload) == figures(known[6]))
        if not is_same or (known[1], known[0] & _TOMB) != (feed, flags & _TOMB):
            return name, Found.DIFFERING
        if version and not operation[0] & _UNVERSIONED:
            return name, Found.RENEWED
    elif operation[0] & _UNVERSIONED:
        return name, Found.SAME
    # That a newer row was rejected is over, now that this one is good.
    is_cleared = known[0] & _DOUBTED and known[1] == feed
    return name, Found.RENEWED if is_cleared else Found.SAME


def _is_newer(operation: bytes, given: RawEntry, known: RawEntry) -> bool:
    """Whether `put.lua` would let it take the place of what is known."""
    _, feed, round_, version, stamp_ms, _, _ = given
    flags, of_feed, in_round, held_version, held_stamp_ms, _, _ = known
    if operation[0] & _UNVERSIONED:
        # What was written beside this sync is later than what it read.
        return (of_feed, in_round) != (feed, round_) or held_stamp_ms <= stamp_ms
    return version > held_version or (version == held_version and flags == _ABSENT)


def _entries(value: bytes | None) -> Held:
    """What lies there; nothing where it is not ours."""
    if value is None:
        return _NOTHING
    try:
        return {entry[5]: entry for entry in raw_entries(value)}
    except CorruptValueError:
        return _NOTHING
