"""`python -m benchmarks [name…] [--quick]`: run benchmarks, keep what they find, and show it.

Without names all are run, or with `--quick` those that together take about a minute; at the end
stands the table of all figures that have a bound, and a page with charts lies with the results.
`table`, `page` and `readme` are made of the results that are there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmarks import judged, page, readme, results

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
    "near_cache",
    "curves",
    "overload",
    "prices",
    "reservations",
    "hold_scripts",
)
IN_A_MINUTE: Final = ("memory", "resolution", "near_cache", "badges")
"""What `--quick` runs where nothing is named."""


def main() -> int:
    """Run those named, or all; make what is to be made of the results."""
    made: dict[str, Callable[[bool], None]] = {"table": _table, "page": _page, "readme": _readme}
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join([*NAMES, *made]))
    parser.add_argument("--quick", action="store_true", help="smaller, shorter and fewer rounds")
    arguments = parser.parse_args()
    names, quick = arguments.names, arguments.quick
    for name in names:
        if name not in NAMES and name not in made:
            parser.error(f"{name}: no such benchmark; there are {', '.join([*NAMES, *made])}")
    left_out = _run(
        [name for name in names or (IN_A_MINUTE if quick else NAMES) if name in NAMES], quick=quick
    )
    for name in [name for name in names if name in made] or ("table", "page"):
        made[name](quick)
    for text in left_out:
        print(text, file=sys.stderr)
    return 1 if left_out else 0


def _run(names: Sequence[str], *, quick: bool) -> list[str]:
    """Run these; what had to be left out, and why."""
    left_out = []
    for name in names:
        print(f"\n== {name}", flush=True)
        run: Callable[[Path, bool], dict[str, Any]] = import_module(f"benchmarks.{name}").run
        circumstances, began = results.circumstances(), time.monotonic()
        with tempfile.TemporaryDirectory(prefix="stockspan-bench-") as folder:
            try:
                found = run(Path(folder), quick)
            except SystemExit as end:
                left_out.append(f"{name}: {end.code}")
                continue
        took = round(time.monotonic() - began, 1)
        results.keep(name, {**circumstances, "took_seconds": took, **found}, quick=quick)
    return left_out


def _table(quick: bool) -> None:  # noqa: FBT001 - as all that are made of results
    """Print every figure that has a bound."""
    found = results.read(results.folder(quick=quick))
    print("\n" + judged.table(judged.rows(found)))
    for figure in judged.unmeasured(found):
        if figure.benchmark in found:
            print(f"not measured: {figure.text}")
    not_run = [name for name in NAMES if name not in found]
    if not_run:
        print(f"not run: {', '.join(not_run)}")


def _page(quick: bool) -> None:  # noqa: FBT001 - as all that are made of results
    """Write the page beside the results."""
    folder = results.folder(quick=quick)
    path = folder / "index.html"
    path.write_text(page.page(results.read(folder)), encoding="utf-8")
    print(f"charts: {path}")


def _readme(quick: bool) -> None:  # noqa: FBT001 - as all that are made of results
    """Write the figures into the README.

    Raises:
        SystemExit: they are of a quick run, which proves nothing.
    """
    if quick:
        sys.exit("readme: figures of a quick run do not go into it")
    readme.record(results.read(results.folder(quick=False)))
    print(f"written: {readme.README}")


if __name__ == "__main__":
    sys.exit(main())
