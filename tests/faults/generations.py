"""An ERP whose every figure says of which generation it is: what is half taken shows at once.

In generation `n` each SKU has `n` units, and one SKU is there that no other generation has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from tests.faults.feeds import Levels

_PLACE: Final = "W1"


class Generations:
    """So many SKUs, whose names begin with this; `now` is the generation."""

    def __init__(self, prefix: str, skus: int, *, versions: bool = True) -> None:
        self.prefix = prefix
        self.now = 0
        self._skus = skus
        self._versions = versions

    def next(self) -> list[Mapping[str, Any]]:
        """The rows of the next generation."""
        self.now += 1
        return self.rows()

    def rows(self) -> list[Mapping[str, Any]]:
        """Those of this one."""
        version = {"version": self.now} if self._versions else {}
        return [
            {"sku": sku, "location": _PLACE, "quantity": self.now, **version}
            for sku in self.names(self.now)
        ]

    def names(self, generation: int) -> list[str]:
        """The SKUs of a generation."""
        every = [f"{self.prefix}-{number}" for number in range(1, self._skus)]
        return [*every, f"{self.prefix}-only-{generation}"]

    def seen(self, levels: Levels) -> Counter[int]:
        """How many SKUs there are of each generation; of none: those that are missing or wrong."""
        found: Counter[int] = Counter()
        for sku in self.names(self.now)[:-1]:
            found[levels.get(sku, {}).get(_PLACE, 0)] += 1
        for sku, places in levels.items():
            if sku.startswith(f"{self.prefix}-only-"):
                found[places.get(_PLACE, 0)] += 1
        return found

    def whole(self, levels: Levels) -> int | None:
        """The generation of which all is there and nothing besides; None if it is no whole one."""
        seen = self.seen(levels)
        if len(seen) != 1:
            return None
        ((generation, count),) = seen.items()
        name = f"{self.prefix}-only-{generation}"
        return generation if count == self._skus and name in levels else None
