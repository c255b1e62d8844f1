"""The loader's peak memory while it takes a snapshot, from few rows to many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import erp
from benchmarks.snapshot import snapshot
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey

BOUND_MIB = 250


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    peaks: dict[str, float] = {}
    valkey = EmbeddedValkey(folder / "valkey", appendonly=False)
    postgres = EmbeddedPostgres(folder / "postgres")
    with valkey, postgres:
        settings = erp.settings_file(folder, valkey, postgres)
        for skus in (4_000, 20_000) if quick else (4_000, 40_000, 200_000):
            rows = erp.fill(postgres, skus)
            for turn in ("first", "again"):
                peak = snapshot(settings)["peak_mib"]
                peaks[f"{rows} {turn}"] = peak
                print(f"{rows:>9,} rows, {turn}: {peak:6.1f} MiB at the peak (bound {BOUND_MIB})")
    return {"bound_mib": BOUND_MIB, "most_mib": max(peaks.values()), "peak_mib": peaks}
