"""What is told again and again within a second or two, written out: nothing is left but to join it.

Between two proofs that changes were heard (`hearing`), what is told of a SKU stays as it is, its
`as_of` included. Most that is asked for then was asked for just before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.services.stock_answers import Circumstances

_LASTS_MS: Final = 2_000
"""No sheet is used for longer: the next proof ends it as a rule."""

_ITEMS: Final = 4_096
_SHEETS: Final = 8
"""So many items are on a sheet, and so many sheets there are: some megabytes in all."""


class Sheet:
    """Items in the same circumstances, right as of the same moment. All times in milliseconds."""

    __slots__ = ("_texts", "as_of_ms", "digests", "ends_ms", "fresh_for_ms", "proof", "starts_ms")

    def __init__(self, proof: int, now_ms: int, as_of_ms: int, fresh_for_ms: int) -> None:
        self.proof = proof
        self.starts_ms = now_ms
        self.ends_ms = now_ms + _LASTS_MS
        self.as_of_ms = as_of_ms
        self.fresh_for_ms = fresh_for_ms
        self._texts: dict[str, bytes] = {}
        self.digests: dict[str, bytes] = {}
        """By SKU, of those that are on it."""

    def texts(self, skus: Sequence[str]) -> list[bytes] | None:
        """These items; None where some are not on it."""
        found = list(map(self._texts.get, skus))
        return None if None in found else found  # type: ignore[return-value] # there is none

    def write(self, sku: str, text: bytes, digest: bytes) -> None:
        """Have an item on it."""
        if len(self._texts) >= _ITEMS:
            self._texts.clear()
            self.digests.clear()
        self._texts[sku] = text
        self.digests[sku] = digest

    def strike(self, sku: str) -> None:
        """It changed, or may have."""
        self._texts.pop(sku, None)
        self.digests.pop(sku, None)


class Sheets:
    """One for each of the circumstances that are asked for most."""

    def __init__(self) -> None:
        self._sheets: dict[Circumstances, Sheet] = {}

    def get(self, circumstances: Circumstances, proof: int, now_ms: int) -> Sheet | None:
        """The sheet, if it is of this proof and may be used now."""
        sheet = self._sheets.get(circumstances)
        if sheet is None or sheet.proof != proof or not sheet.starts_ms <= now_ms < sheet.ends_ms:
            return None
        return sheet

    def put(self, circumstances: Circumstances, sheet: Sheet) -> None:
        """Use this one."""
        if len(self._sheets) >= _SHEETS and circumstances not in self._sheets:
            self._sheets.clear()
        self._sheets[circumstances] = sheet

    def strike(self, sku: str) -> None:
        """It changed, or may have."""
        for sheet in self._sheets.values():
            sheet.strike(sku)

    def clear(self) -> None:
        """Anything may have changed."""
        self._sheets.clear()
