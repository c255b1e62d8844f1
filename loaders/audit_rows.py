"""What an ERP's answer says of figures that were held when it was asked: which SKUs are right."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from loaders.intake import Intake
from loaders.samples import own
from loaders.sieve import Found, Held, compared

_WRONG = frozenset({Found.MISSING, Found.DIFFERING})


class AuditRows:
    """Judges SKUs by the rows that come, against what was `held` of each by the `feed`.

    A row that is newer than what the feed has read, and so for its next delta to bring, is right
    whatever is held.
    """

    def __init__(
        self,
        intake: Intake,
        held: Mapping[str, Held],
        feed: int,
        is_newer: Callable[[bytes], bool],
    ) -> None:
        self._intake = intake
        self._held = held
        self._missing = {sku: set(own(feed, entries)) for sku, entries in held.items()}
        self._is_newer = is_newer
        self._wrong: set[str] = set()
        self._unsure: set[str] = set()

    def see(self, line: bytes) -> None:
        """Take a row of the answer into account; of SKUs that were not asked for, none is."""
        for (_, sku), operations in self._intake.draft(self._intake.read(line)).items():
            held = self._held.get(sku)
            if held is None:
                continue
            for operation in operations:
                name, found = compared(operation, held, of_level=True)
                self._missing[sku].discard(name)
                if found is Found.REJECTED:
                    self._unsure.add(sku)
                elif found in _WRONG and not self._is_newer(line):
                    self._wrong.add(sku)

    def verdicts(self) -> Mapping[str, bool]:
        """Whether each SKU is right; those are left out of which a row was rejected."""
        return {
            sku: sku not in self._wrong and not self._missing[sku]
            for sku in self._held
            if sku not in self._unsure
        }
