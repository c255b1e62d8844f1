"""Judges a snapshot before it takes effect: a wrong one must not empty the shop (CONTRACT 1).

Pure: figures in, verdict out.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.domain.money import Percent, Price, parse_percent
from gateway.domain.record_kinds import Kind

_WHOLE: Final = parse_percent(100)
_PASSING: Final = frozenset({"prices", "discounts", "order_acks"})
"""Kinds of which records go every day: campaigns end, an acknowledgement is soon old."""


class Limits(msgspec.Struct, frozen=True):
    """`share` of what is held may go; with fewer than `judged_from` rows held none is judged.

    Of prices, `moved_share` may move by more than `moved_by` of what they were.
    """

    share: float = 0.2
    judged_from: int = 50
    moved_share: float = 0.1
    moved_by: float = 0.5


class Figures(msgspec.Struct, frozen=True):
    """A snapshot against what the same feed has in the store.

    `held` records, `vanishing` of them are not in the snapshot; `selling` SKUs are in stock,
    `falling` of them would no longer be; `priced` rows are in the snapshot too, `moved` of them
    far from where they were.
    """

    held: int = 0
    vanishing: int = 0
    selling: int = 0
    falling: int = 0
    priced: int = 0
    moved: int = 0


def judge(kind: Kind, rows: int, good: int, figures: Figures, limits: Limits) -> str | None:
    """Why a snapshot of so many `rows`, `good` of them not rejected, is held back; None if not."""
    if rows == 0:
        return "the snapshot is empty"
    if good == 0:
        return f"none of the snapshot's rows ({rows}) can be taken"
    if figures.held < limits.judged_from:
        return None
    if kind in _PASSING:
        return _moved(figures, limits)
    if kind == "stock":
        loss, of, what = figures.falling, figures.selling, "SKUs in stock would fall to zero or"
    else:
        loss, of, what = figures.vanishing, figures.held, f"{kind} would"
    if loss <= limits.share * of:
        return None
    return f"{loss} of {of} {what} vanish ({loss / of:.0%}; allowed: {limits.share:.0%})"


def price_figure(price: Price | None, percent: Percent | None) -> int:
    """A row's price as one number, of which `moves` can tell how it came about."""
    return 2 * percent + 1 if percent is not None else 2 * (price or 0)


def moves(held: int, new: int, by: float) -> bool:
    """Whether a row moves by more than this share of what it was (a price, or a share of one).

    One that turns from a price into a percentage, or back, always does.
    """
    if held % 2 != new % 2:
        return True
    was, will = (_WHOLE - held // 2, _WHOLE - new // 2) if held % 2 else (held // 2, new // 2)
    return abs(will - was) > by * was


def _moved(figures: Figures, limits: Limits) -> str | None:
    moved, priced = figures.moved, figures.priced
    if moved <= limits.moved_share * priced:
        return None
    return (
        f"{moved} of {priced} prices would move by more than {limits.moved_by:.0%} "
        f"({moved / priced:.0%}; allowed: {limits.moved_share:.0%})"
    )
