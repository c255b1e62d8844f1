"""The fault matrix: each fault, what is required then, and what was measured of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from rich.table import Table

from tests.faults.reports import Report


class Row(msgspec.Struct, frozen=True):
    """A fault. `played`: what shows how it is borne; without any, `left_out` says why."""

    fault: str
    required: str
    played: Sequence[str] = ()
    left_out: str = ""


ROWS: Final = (
    Row(
        "ERP down for more than a day",
        "every warm key answered with its age, 0 errors; caught up, diff 0; p99 ≤ 1.2 ×; "
        "0 calls of the ERP from gateways",
        ("day", "outage"),
    ),
    Row(
        "ERP dead, hanging, slow, half-open, lying",
        "p99 ≤ 1.2 × healthy, tries ≤ 1 a second of each feed",
        ("outage",),
    ),
    Row("ERP garbage", "0 bad values served, last good kept, reason told", ("garbage",)),
    Row("empty snapshot, mass zeroing, mass repricing", "0 SKUs zeroed, told of", ("guard",)),
    Row("snapshot cut at any byte", "nothing removed, nothing taken", ("cut",)),
    Row("deltas twice and shuffled", "diff 0, versions never fall", ("shuffled",)),
    Row(
        "clocks an hour off",
        "ordered by version; holds live ± 1 s by the store's clock",
        ("erp_clocks", "clocks"),
    ),
    Row(
        "Redis down, +500 ms, black hole",
        "every answer ≤ 150 ms, 0 holds acknowledged, well again by itself",
        ("links",),
    ),
    Row(
        "Redis restarted empty, or without its last writes",
        "0 false zeros, 0 acknowledged holds lost",
        ("emptied",),
    ),
    Row("Redis out of memory", "0 holds lost, no half-write", ("memory",)),
    Row(
        "wrong type at a key",
        "a miss, 0 × 500",
        left_out="tests/integration, at once: nothing to play for long",
    ),
    Row("PostgreSQL down, frozen, unreachable", "reads untouched, no promises", ("ledger_away",)),
    Row("gateway killed while reserving", "0 half-holds, 0 stuck", ("kills",)),
    Row("loader killed in a snapshot", "valid state, whole within an interval", ("loader_kills",)),
    Row("two loaders", "0 applied of a deposed one; taken over ≤ 10 s", ("two_loaders",)),
    Row("gateway cut off from Redis or PostgreSQL", "0 oversold after it", ("partition",)),
    Row("none: a crowd that hangs up and repeats itself", "all invariants hold", ("crowd",)),
    Row(
        "10 × the load",
        "goodput ≥ 80 %, checkouts go on while badges are shed, memory ≤ 2 ×",
        ("flood",),
    ),
    Row(
        "2,000 slow senders, 60 who never read",
        "let go at the deadline, others' p99 ≤ 2 ×, memory bounded",
        ("slow",),
    ),
    Row(
        "a million unknown SKUs, the longest ids, repeated parameters",
        "memory bounded, others' answers right and p99 ≤ 4 ×",
        ("strange",),
    ),
    Row(
        "oversized, malformed, deep, fuzzed input",
        "0 × 500",
        left_out="tests/integration/api: schemathesis and the boundary's own tests",
    ),
)


def played_by(rows: Sequence[Row] = ROWS) -> list[str]:
    """All that has to be played for these, each once."""
    return list(dict.fromkeys(name for row in rows for name in row.played))


def passed(row: Row, reports: Mapping[str, Report]) -> bool:
    """Whether all that shows it was played and nothing was found."""
    return all(name in reports and not reports[name].wrong for name in row.played)


def table(reports: Mapping[str, Report]) -> Table:
    """Fault, required, measured, passed."""
    drawn = Table("fault", "required", "measured", "passed", show_lines=True)
    for row in ROWS:
        if row.played:
            measured = "\n".join(_measured(reports[name]) for name in row.played if name in reports)
            drawn.add_row(
                row.fault, row.required, measured, "yes" if passed(row, reports) else "NO"
            )
        else:
            drawn.add_row(row.fault, row.required, row.left_out, "left out")
    return drawn


def _measured(report: Report) -> str:
    found = [report.measured or _of_history(report)]
    if report.wrong:
        found += [f"{report.wrong} VIOLATIONS", *report.findings[:2]]
    return "; ".join(found)


def _of_history(report: Report) -> str:
    faults = ", ".join(f"{count} × {name}" for name, count in report.faults.items())
    worst = f", well within {max(report.recoveries):.1f} s" if report.recoveries else ""
    return f"{report.requests:,} requests ({report.promised}), {faults or 'no faults'}{worst}"
