"""What is taken of a SKU, as the scripts of holds write it (`scripts/taken.lua`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.domain.absorption import Acknowledged, Taken
from gateway.domain.quantities import Milli
from gateway.store.entries import CorruptValueError


class _PlaceWire(msgspec.Struct, frozen=True, array_like=True):
    location: str
    units: Milli
    acknowledged: tuple[Acknowledged, ...] = ()


_decode: Final = msgspec.msgpack.Decoder(tuple[_PlaceWire, ...]).decode


def decode_taken(value: bytes) -> Mapping[str, Taken]:
    """What is taken at each location.

    Raises:
        CorruptValueError: the value is not in this format.
    """
    try:
        places = _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CorruptValueError from None
    return {place.location: Taken(place.units, place.acknowledged) for place in places}
