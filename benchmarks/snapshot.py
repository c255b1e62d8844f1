"""Rows a second from PostgreSQL into Valkey, against the same rows as plain HSETs.

The peer writes one HSET a row with its six canonical fields, as `redis-cli --pipe` would: bytes
made beforehand, nothing read, validated, compared, staged or published. Ours reads the table
through a cursor, validates each row, stages the snapshot on disk, proves its end, judges it and
writes each level if it is newer. Rounds are run in turns; both begin with an empty store, and
`again` is the same snapshot once more, over a store that has it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import erp, wire
from benchmarks.figures import shown, summary
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey

BOUND = 0.25


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    skus, rounds = (20_000, 3) if quick else (200_000, 5)
    valkey = EmbeddedValkey(folder / "valkey", appendonly=False)
    postgres = EmbeddedPostgres(folder / "postgres")
    with valkey, postgres:
        rows = erp.fill(postgres, skus)
        settings = erp.settings_file(folder, valkey, postgres)
        blocks = list(_hset_blocks(skus))
        plain, ours, again = [], [], []
        for turn in range(rounds):
            valkey.flush()
            plain.append(rows / wire.pipe(valkey.url, blocks, rows))
            valkey.flush()
            ours.append(rows / snapshot(settings)["seconds"])
            again.append(rows / snapshot(settings)["seconds"])
            print(f"  round {turn + 1}: {plain[-1]:,.0f} {ours[-1]:,.0f} {again[-1]:,.0f}")
    ratios = [mine / peer for mine, peer in zip(ours, plain, strict=True)]
    again_ratios = [mine / peer for mine, peer in zip(again, plain, strict=True)]
    print(f"{rows:,} rows of {skus:,} SKUs, {rounds} rounds, median (least to greatest)")
    print(f"plain HSET a row:              {shown(plain, 0)} rows/s")
    print(f"snapshot from PostgreSQL:      {shown(ours, 0)} rows/s")
    print(f"the same once more, unchanged: {shown(again, 0)} rows/s")
    print(f"snapshot ÷ plain HSET:         {shown(ratios)} (bound {BOUND})")
    print(f"unchanged ÷ plain HSET:        {shown(again_ratios)}")
    return {
        "rows": rows,
        "bound": BOUND,
        "plain_rows_per_second": summary(plain),
        "snapshot_rows_per_second": summary(ours),
        "again_rows_per_second": summary(again),
        "ratio": summary(ratios),
        "again_ratio": summary(again_ratios),
    }


def snapshot(settings: Path) -> dict[str, float]:
    """One snapshot in a process of its own: its seconds and its peak memory in MiB."""
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.one_snapshot", str(settings)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, float] = json.loads(child.stdout.splitlines()[-1])
    return figures


def _hset_blocks(skus: int) -> list[bytes]:
    blocks, block = [], bytearray()
    for n in range(skus):
        for rank, place in enumerate((b"W1", b"W2", b"S1")[: 2 + n % 2]):
            block += wire.command(
                b"HSET",
                b"stock:SKU-%07d:%b" % (n, place),
                b"quantity",
                b"%d" % ((n * 7919 + rank * 97) % 20011),
                b"basis",
                b"on_hand",
                b"allocated",
                b"%d" % (n % 50),
                b"safety_stock",
                b"2",
                b"version",
                b"%d" % (1 + n),
                b"location",
                place,
            )
        if len(block) > 1 << 16:
            blocks.append(bytes(block))
            block.clear()
    return [*blocks, bytes(block)]
