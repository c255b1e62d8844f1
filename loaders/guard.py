"""Judges a snapshot before it takes effect: a wrong one must not empty the shop (CONTRACT 1).

Pure: figures in, verdict out.
"""

from __future__ import annotations

import msgspec

from loaders.records import Kind


class Limits(msgspec.Struct, frozen=True):
    """`share` of what is held may go; with fewer than `judged_from` rows held none is judged."""

    share: float = 0.2
    judged_from: int = 50


class Figures(msgspec.Struct, frozen=True):
    """A snapshot against what the same feed has in the store.

    `held` records, `vanishing` of them are not in the snapshot; `selling` SKUs are in stock,
    `falling` of them would no longer be.
    """

    held: int = 0
    vanishing: int = 0
    selling: int = 0
    falling: int = 0


def judge(kind: Kind, rows: int, good: int, figures: Figures, limits: Limits) -> str | None:
    """Why a snapshot of so many `rows`, `good` of them not rejected, is held back; None if not."""
    if rows == 0:
        return "the snapshot is empty"
    if good == 0:
        return f"none of the snapshot's rows ({rows}) can be taken"
    if figures.held < limits.judged_from:
        return None
    if kind == "stock":
        loss, of, what = figures.falling, figures.selling, "SKUs in stock would fall to zero or"
    else:
        loss, of, what = figures.vanishing, figures.held, f"{kind} would"
    if loss <= limits.share * of:
        return None
    return f"{loss} of {of} {what} vanish ({loss / of:.0%}; allowed: {limits.share:.0%})"
