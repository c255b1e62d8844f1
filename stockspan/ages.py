"""How long ago something was, for people."""

from __future__ import annotations

_STEPS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"))


def age_text(milliseconds: int) -> str:
    """`3 h ago`, in the largest unit that fits; `now` below a second."""
    for size, unit in _STEPS:
        if milliseconds >= size:
            return f"{milliseconds // size} {unit} ago"
    return "now"
