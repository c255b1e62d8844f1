"""What an ERP's answer says of the SKUs it was asked for: which were read where, and which not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

import msgspec

from gateway.domain.confirmations import Unconfirmed
from loaders.outcome import Outcome


class _Named(msgspec.Struct):
    sku: str
    location: str


_decode: Final = msgspec.json.Decoder(_Named).decode


class SkuRows:
    """Looks at the rows of stock that pass, and says afterwards what they came to."""

    def __init__(self, lines: AsyncIterator[bytes]) -> None:
        self._lines = lines
        self._places: defaultdict[str, dict[str, None]] = defaultdict(dict)

    async def lines(self) -> AsyncIterator[bytes]:
        """The same chunks of lines."""
        async for chunk in self._lines:
            for line in chunk.split(b"\n"):
                self._look(line)
            yield chunk

    def found(
        self, skus: Iterable[str], outcome: Outcome
    ) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, Unconfirmed]]:
        """The locations read of each SKU, and the SKUs of which something is missing."""
        refused: dict[str, Unconfirmed] = {}
        wanted = dict.fromkeys(skus)
        if outcome.quarantined > len(outcome.rejections):
            # So many that not all are named: none can be told from a good one.
            return {}, dict.fromkeys(wanted, Unconfirmed.REJECTED)
        for rejection in outcome.rejections:
            sku = rejection.key.get("sku")
            if sku is not None:
                refused[sku] = Unconfirmed.REJECTED
                self._reject(sku, rejection.key.get("location"))
        read = {sku: tuple(self._places[sku]) for sku in wanted if self._places.get(sku)}
        for sku in wanted:
            if sku not in read:
                refused.setdefault(sku, Unconfirmed.NOT_IN_ERP)
        return read, {sku: refused[sku] for sku in wanted if sku in refused}

    def _reject(self, sku: str, location: str | None) -> None:
        if location is None:
            self._places.pop(sku, None)
        else:
            self._places[sku].pop(location, None)

    def _look(self, line: bytes) -> None:
        try:
            row = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # the intake says what is wrong with it
        self._places[row.sku][row.location] = None
