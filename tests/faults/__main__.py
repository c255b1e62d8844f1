"""`python -m tests.faults [name…] [--quick] [--seed N]`: let things go wrong for long, and judge.

Prints a table; 1 where anything was violated. Histories with violations stay in the folder that is
named, as NDJSON with the checker's words beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from stockspan.embedded.postgres import EmbeddedPostgres
from tests.faults.mutants import MUTANTS
from tests.faults.plays import Stage
from tests.faults.reports import Report
from tests.faults.scenarios.clocks import clocks
from tests.faults.scenarios.crowd import crowd
from tests.faults.scenarios.emptied import emptied
from tests.faults.scenarios.kills import kills
from tests.faults.scenarios.ledger_away import ledger_away
from tests.faults.scenarios.memory import memory
from tests.faults.scenarios.mutant import is_caught, mutant
from tests.faults.scenarios.partition import partition

Scenario = Callable[..., Awaitable[Report]]

SCENARIOS: Final[Mapping[str, tuple[Scenario, Mapping[str, Any]]]] = {
    "crowd": (crowd, {"seconds": 90.0}),
    "kills": (kills, {"times": 200}),
    "emptied": (emptied, {"rounds": 8}),
    "ledger_away": (ledger_away, {"rounds": 6}),
    "partition": (partition, {"rounds": 10}),
    "memory": (memory, {"rounds": 10}),
    "clocks": (clocks, {"seconds": 20.0}),
}
"""Each with the size of its long form; the short one is as the function has it.

`memory` and `clocks` are for here alone: the suite has twelve minutes.
"""

_MUTANTS: Final = "mutants"


def main() -> int:
    """Run those named, or all."""
    names = (*SCENARIOS, _MUTANTS)
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*names, []], metavar=" | ".join(names))
    parser.add_argument("--quick", action="store_true", help="the short forms")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of all chance")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="stockspan-chaos-"))
    console = Console(width=120, highlight=False)
    console.print(f"seed {arguments.seed}, folder {folder}")
    wanted = list(arguments.names or names)
    reports = asyncio.run(_run(wanted, folder, arguments.seed, console, quick=arguments.quick))
    console.print(_table(reports))
    return 1 if any(not _is_good(report) for report in reports) else 0


async def _run(
    names: list[str], folder: Path, seed: int, console: Console, *, quick: bool
) -> list[Report]:
    found = []
    with EmbeddedPostgres(folder / "postgres") as postgres:
        for name in names:
            every = list(MUTANTS) if name == _MUTANTS else [name]
            for number, one in enumerate(every):
                place = folder / (f"mutant-{number}" if name == _MUTANTS else name)
                place.mkdir()
                stage = Stage(place, postgres, seed)
                found.append(await _one(one, stage, quick=quick))
                console.print(_line(found[-1]), markup=False)
    return found


async def _one(name: str, stage: Stage, *, quick: bool) -> Report:
    began = time.monotonic()
    try:
        if name in MUTANTS:
            report = await mutant(stage, name)
        else:
            scenario, size = SCENARIOS[name]
            report = await scenario(stage, **({} if quick else size))
    except (TimeoutError, RuntimeError, OSError, ExceptionGroup) as error:
        # One that cannot be ended is a finding; the others are still to be run.
        report = Report(name, findings=[f"it broke: {error!r}"])
    report.seconds = time.monotonic() - began
    return report


def _is_good(report: Report) -> bool:
    return is_caught(report) if report.scenario in MUTANTS else not report.wrong


def _line(report: Report) -> str:
    said = [f"{report.scenario}: {report.seconds:.0f} s, {report.wrong} violations"]
    if report.kept and not _is_good(report):
        said.append(f"kept in {report.kept}")
    return ", ".join([*said, *report.findings[:3]])


def _table(reports: list[Report]) -> Table:
    table = Table("scenario", "seconds", "requests", "done", "violations", "worst recovery")
    for report in reports:
        violations = str(report.wrong)
        if report.scenario in MUTANTS:
            violations += " (caught)" if _is_good(report) else " (NOT CAUGHT)"
        faults = ", ".join(f"{count} {name}" for name, count in report.faults.items())
        worst = f"{max(report.recoveries):.2f} s" if report.recoveries else "-"
        table.add_row(
            report.scenario,
            f"{report.seconds:.0f}",
            f"{report.requests:,}",
            ", ".join(filter(None, [faults, report.promised])),
            violations,
            worst,
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
