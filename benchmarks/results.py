"""What benchmarks have found: a JSON file each, with when and where it was.

Full runs lie in `benchmarks/results`, those of `--quick` in a folder of it: what was measured in
haste never takes the place of what was not.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parent / "results"
_QUICK: Final = "quick"
_GIB: Final = 1 << 30

Results = Mapping[str, Mapping[str, Any]]
"""The result of each benchmark, by its name."""


def folder(*, quick: bool) -> Path:
    """Where results of such a run lie."""
    path = RESULTS / _QUICK if quick else RESULTS
    path.mkdir(parents=True, exist_ok=True)
    return path


def circumstances() -> dict[str, Any]:
    """When, on what, and what else the machine has to do: its load of the last minute."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB, 1),
        "load_before": round(os.getloadavg()[0], 2),
    }


def keep(name: str, result: Mapping[str, Any], *, quick: bool) -> None:
    """Write a result down in place of the one before."""
    text = json.dumps({**result, "quick": quick}, indent=2, ensure_ascii=False)
    (folder(quick=quick) / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def read(path: Path) -> Results:
    """All results of a folder."""
    files = sorted(path.glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def machine(result: Mapping[str, Any]) -> str:
    """On what a result was made, in words."""
    processor = result.get("processor") or result.get("machine", "unknown processor")
    parts = [
        f"{result.get('cores', '?')} cores of {processor}",
        f"{result['memory_gib']:g} GiB" if "memory_gib" in result else "",
        str(result.get("system", "")),
        f"Python {result.get('python', '?')}",
    ]
    return ", ".join(part for part in parts if part)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
