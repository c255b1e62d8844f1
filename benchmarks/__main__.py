"""`python -m benchmarks [name…] [--quick]`: run benchmarks, print and keep their results."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final

NAMES: Final = (
    "memory",
    "price_memory",
    "resolution",
    "snapshot",
    "flatness",
    "propagation",
    "notices",
    "confirmations",
    "outage",
    "badges",
    "prices",
    "reservations",
    "hold_scripts",
)
RESULTS: Final = Path(__file__).parent / "results"


def main() -> int:
    """Run those named, or all."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar=" | ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="smaller and fewer rounds")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    for name in arguments.names or NAMES:
        print(f"\n== {name}", flush=True)
        run: Callable[[Path, bool], dict[str, Any]] = import_module(f"benchmarks.{name}").run
        with tempfile.TemporaryDirectory(prefix="stockspan-bench-") as folder:
            result = run(Path(folder), arguments.quick)
        _keep(name, {**result, "quick": arguments.quick})
    return 0


def _keep(name: str, result: dict[str, Any]) -> None:
    circumstances = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
    text = json.dumps({**circumstances, **result}, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
