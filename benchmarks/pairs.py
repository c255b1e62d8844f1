"""Pairs of a hold and its confirmation, sent by wrk from one core; what was answered is kept."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.cores import CONNECTIONS

_SCRIPT: Final = Path(__file__).with_name("pairs.lua")


class Pairs(msgspec.Struct, frozen=True):
    """What a round gave; `broken` are connections, `refused` counts answers that were no success.

    Milliseconds are of one request, a hold or a confirmation.
    """

    pairs: int
    holds: int
    seconds: float
    refused: Mapping[str, int]
    broken: int
    late: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Pairs a second."""
        return self.pairs / self.seconds


class Answered:
    """All reservations that were answered, over all rounds of a system: held, and confirmed.

    A round ends in the midst of things: of each connection one request more may have been done than
    was answered, which is what `unheard` counts at most.
    """

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.confirmed: set[str] = set()
        self.unheard = 0

    def add(self, told: Path) -> None:
        """Those of a round, from the file that wrk wrote."""
        for line in told.read_text(encoding="utf-8").splitlines():
            kind, _, reservation = line.partition(" ")
            (self.held if kind == "h" else self.confirmed).add(reservation)
        self.unheard += CONNECTIONS


def send(
    url: str, core: int, seconds: float, *, name: str, skus: int, authorization: str, told: Path
) -> Pairs:
    """Hold and confirm one unit at a time of these SKUs, all as likely; `name` is used once.

    Raises:
        RuntimeError: an answer was no success, or there was none.
    """
    command = ["taskset", "-c", str(core), "wrk", "--threads", "1"]
    command += ["--connections", str(CONNECTIONS), "--duration", f"{seconds:g}s"]
    command += ["--timeout", "10s", "--script", str(_SCRIPT), url, "--"]
    command += [name, str(told), str(skus), authorization]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("{"))
    found = msgspec.json.decode(line, type=Pairs)
    if found.broken or found.refused or found.late or not found.pairs:
        refusals = [row for row in told.read_text("utf-8").splitlines() if row.startswith("x")]
        raise RuntimeError(f"not every request to {url} was answered: {found} {refusals[:3]}")
    return found
