"""The table of figures in `benchmarks/README.md`: written from results, and from nothing else.

What was written is kept beside it as data (`recorded.json`), so that anybody can see that the table
says what was measured; the results themselves are of a machine, and stay there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import judged, results
from benchmarks.judged import Row
from benchmarks.results import Results

README: Final = Path(__file__).with_name("README.md")
RECORDED: Final = Path(__file__).with_name("recorded.json")
_BEGIN: Final = "<!-- figures: `python -m benchmarks readme` -->"
_END: Final = "<!-- end of figures -->"


class Recorded(msgspec.Struct, frozen=True):
    """When and on what the figures were made, and the figures."""

    at: str
    machine: str
    rows: Sequence[Row]


def record(found: Results) -> None:
    """Write down these results, and the table of them.

    Raises:
        ValueError: the README has no place for it.
    """
    recorded = recorded_of(found)
    text = with_figures(README.read_text(encoding="utf-8"), recorded)
    data = msgspec.json.format(msgspec.json.encode(recorded), indent=2)
    RECORDED.write_bytes(data + b"\n")
    README.write_text(text, encoding="utf-8")


def read() -> Recorded:
    """What was written down last."""
    return msgspec.json.decode(RECORDED.read_bytes(), type=Recorded)


def recorded_of(found: Results) -> Recorded:
    """What of these results goes into the table: the time is that of the latest."""
    rows = judged.rows(found)
    used = [found[name] for name in dict.fromkeys(row.benchmark for row in rows)]
    latest = max(used, key=lambda result: str(result.get("at", "")), default={})
    return Recorded(str(latest.get("at", "")), results.machine(latest), rows)


def with_figures(text: str, recorded: Recorded) -> str:
    """The README with these figures in their place.

    Raises:
        ValueError: it has no place for them.
    """
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"no place for the figures: {_BEGIN} … {_END}")
    day = recorded.at.partition("T")[0]
    told = (
        f"{day}, {recorded.machine}:\n\n{judged.table(recorded.rows)}"
        if recorded.rows
        else "Not measured yet."
    )
    return f"{before}{_BEGIN}\n{told}\n{_END}{after}"
