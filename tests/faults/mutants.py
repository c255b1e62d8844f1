"""Mutants: the product with one guard removed, for the checker to catch.

Each is a copy of the packages in a folder of its own, changed in a few words. What a mutant breaks
is looked up in the copy, so that one whose guard has moved is noticed and not passed over.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.programs import CHECKOUT
from tests.faults.violations import Invariant

PACKAGES: Final = ("gateway", "loaders", "stockspan")


@dataclass(frozen=True)
class Edit:
    """Words of a file, which are in it once, and what stands there instead."""

    file: str
    words: str
    instead: str


@dataclass(frozen=True)
class Mutant:
    """What is changed, and an invariant of which one at least must be seen broken."""

    edits: Sequence[Edit]
    breaks: frozenset[Invariant]


MUTANTS: Final[Mapping[str, Mutant]] = {
    "versions are not compared": Mutant(
        [
            Edit(
                "gateway/store/scripts/put.lua",
                "newer = high > held_high or",
                "newer = true or high > held_high or",
            )
        ],
        frozenset({Invariant.VERSIONS}),
    ),
    "idempotency is not checked": Mutant(
        [
            Edit(
                "gateway/services/reservations.py",
                "claim = await self._claims.take(asker.caller, asker.key, asker.body_sha)",
                "claim = Claim.NEW",
            ),
            Edit(
                "gateway/ledger/statements/write.sql",
                "WHERE held.at <= now() - interval '24 hours'",
                "WHERE true",
            ),
        ],
        frozenset({Invariant.REPLAY}),
    ),
    "lines are not summed": Mutant(
        [
            Edit(
                "gateway/services/demands.py",
                "anywhere[line.sku] += line.quantity",
                "anywhere[line.sku] = line.quantity",
            )
        ],
        frozenset({Invariant.ALL_LINES}),
    ),
    "the store does not judge": Mutant(
        [
            Edit(
                "gateway/store/scripts/hold.lua",
                "if figure[1] - (place and still(place, figure[2]) or 0) < wanted then",
                "if false then",
            )
        ],
        frozenset({Invariant.NO_OVERSELL}),
    ),
    "acknowledged is absorbed": Mutant(
        [
            Edit(
                "gateway/domain/absorption.py",
                "return figure_ms >= acknowledged_ms",
                "return True",
            )
        ],
        frozenset({Invariant.ABSORPTION}),
    ),
    "nothing is absorbed": Mutant(
        [
            Edit(
                "gateway/domain/absorption.py",
                "return figure_ms >= acknowledged_ms",
                "return False",
            ),
            Edit(
                "gateway/store/scripts/taken.lua",
                "if order[1] > figure then",
                "if true then",
            ),
            Edit(
                "gateway/store/scripts/expire.lua",
                "waits = waits or not figure or figure[2] < entry[3]",
                "waits = true",
            ),
        ],
        frozenset({Invariant.ABSORPTION}),
    ),
    "holds end too early": Mutant(
        [
            Edit(
                "gateway/store/scripts/taken.lua",
                "redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, most)",
                "redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now + 900, 'LIMIT', 0, most)",
            )
        ],
        frozenset({Invariant.NO_LOST_HOLD, Invariant.CONVERGENCE, Invariant.NO_OVERSELL}),
    ),
    "none": Mutant([], frozenset()),
}
"""By what is missing. The last one is whole: what is found in the others is not found in it."""


def born(name: str, folder: Path) -> Path:
    """The mutant in a folder of its own.

    Raises:
        LookupError: its guard is not where it was.
    """
    return copied(name, MUTANTS[name].edits, folder)


def copied(name: str, edits: Sequence[Edit], folder: Path) -> Path:
    """The packages with these edits in a folder of their own; `name` says what they are.

    Raises:
        LookupError: what is to be changed is not where it was.
    """
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / package, folder / package, ignore=ignored)
    for edit in edits:
        path = folder / edit.file
        text = path.read_text("utf-8")
        if text.count(edit.words) != 1:
            raise LookupError(f"{name}: {edit.file} has {text.count(edit.words)} × {edit.words!r}")
        path.write_text(text.replace(edit.words, edit.instead), "utf-8")
    return folder
