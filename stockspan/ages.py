"""How long something takes, or ago it was, for people."""

from __future__ import annotations

_SECOND = 1000
_STEPS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (_SECOND, "s"))


def age_text(milliseconds: int) -> str:
    """`3 h ago`, in the largest unit that fits; `now` below a second."""
    return f"{duration_text(milliseconds)} ago" if milliseconds >= _SECOND else "now"


def duration_text(milliseconds: int) -> str:
    """`3 h`, in the largest unit that fits; `0 s` below a second."""
    for size, unit in _STEPS:
        if milliseconds >= size:
            return f"{milliseconds // size} {unit}"
    return "0 s"
