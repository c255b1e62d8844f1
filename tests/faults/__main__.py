"""`python -m tests.faults [matrix | name…] [--short] [--seed N]`: let things go wrong, and judge.

Without a name, or as `matrix`, all of the fault matrix is played and drawn as one table. Exits with
1 where anything was violated. Histories with violations stay in the folder that is named, as NDJSON
with the checker's words beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from stockspan.embedded.postgres import EmbeddedPostgres
from tests.faults import matrix
from tests.faults.mutants import MUTANTS
from tests.faults.plays import Stage
from tests.faults.repertoire import ACTS, SCENARIOS, played
from tests.faults.reports import Report
from tests.faults.sabotage import SABOTAGE, is_seen, sabotaged
from tests.faults.scenarios.mutant import is_caught, mutant

_MATRIX: Final = "matrix"
_GROUPS: Final = {
    _MATRIX: matrix.played_by(),
    "mutants": [f"mutant: {name}" for name in MUTANTS],
    "sabotage": [f"sabotage: {name}" for name in SABOTAGE],
}
"""Names that stand for many."""


def main() -> int:
    """Run those named, or all of the matrix."""
    names = (*_GROUPS, *SCENARIOS, *ACTS)
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*names, []], metavar=" | ".join(names))
    parser.add_argument("--short", "--quick", action="store_true", help="the short forms")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of all chance")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="stockspan-chaos-"))
    console = Console(width=140, highlight=False)
    console.print(f"seed {arguments.seed}, folder {folder}")
    wanted = list(arguments.names) or [_MATRIX]
    reports = asyncio.run(_run(wanted, folder, arguments.seed, console, short=arguments.short))
    if _MATRIX in wanted:
        console.print(matrix.table(reports))
    else:
        console.print(_table(list(reports.values())))
    return 1 if any(not _is_good(report) for report in reports.values()) else 0


async def _run(
    names: list[str], folder: Path, seed: int, console: Console, *, short: bool
) -> dict[str, Report]:
    found: dict[str, Report] = {}
    with EmbeddedPostgres(folder / "postgres") as postgres:
        for number, name in enumerate(_singly(names)):
            place = folder / f"{number:02}"
            place.mkdir()
            found[name] = await _one(name, Stage(place, postgres, seed), short=short)
            console.print(_line(found[name]), markup=False)
    return found


def _singly(names: list[str]) -> Iterator[str]:
    for name in names:
        yield from _GROUPS.get(name, [name])


async def _one(name: str, stage: Stage, *, short: bool) -> Report:
    began = time.monotonic()
    group, _, one = name.partition(": ")
    try:
        if group == "mutant":
            report = await mutant(stage, one)
        elif group == "sabotage":
            report = await sabotaged(stage, one)
        else:
            report = await played(name, stage, short=short)
    except (TimeoutError, RuntimeError, OSError, ExceptionGroup) as error:
        # One that cannot be ended is a finding; the others are still to be run.
        report = Report(name, findings=[f"it broke: {error!r}"])
    report.scenario = name
    report.seconds = time.monotonic() - began
    return report


def _is_good(report: Report) -> bool:
    group, _, one = report.scenario.partition(": ")
    if group == "mutant":
        return is_caught(report, one)
    return is_seen(report) if group == "sabotage" else not report.wrong


def _line(report: Report) -> str:
    said = [f"{report.scenario}: {report.seconds:.0f} s, {report.wrong} violations"]
    if report.kept and not _is_good(report):
        said.append(f"kept in {report.kept}")
    return ", ".join([*said, *report.findings[:3]])


def _table(reports: list[Report]) -> Table:
    table = Table("scenario", "seconds", "requests", "done", "violations", "worst recovery")
    for report in reports:
        violations = str(report.wrong)
        if ": " in report.scenario:
            violations += " (caught)" if _is_good(report) else " (NOT CAUGHT)"
        faults = ", ".join(f"{count} {name}" for name, count in report.faults.items())
        worst = f"{max(report.recoveries):.2f} s" if report.recoveries else "-"
        table.add_row(
            report.scenario,
            f"{report.seconds:.0f}",
            f"{report.requests:,}",
            ", ".join(filter(None, [faults, report.measured or report.promised])),
            violations,
            worst,
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
