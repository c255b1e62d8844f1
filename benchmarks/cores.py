"""Servers on one core alone, the load from another: what a request a second means then.

wrk sends (Debian's package `wrk`): a C program on one thread that took a third of its core with the
fastest server measured here, so the core of the server is the limit.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from stockspan.embedded.child import Child

CONNECTIONS: Final = 32
_SCRIPT: Final = Path(__file__).with_name("wrk.lua")
_TARGETS: Final = Path(__file__).with_name("targets.lua")
_DRAWN: Final = Path(__file__).with_name("drawn.lua")


class Cores(msgspec.Struct, frozen=True):
    """The core of the server measured, and that of the load."""

    server: int
    load: int


class Load(msgspec.Struct, frozen=True):
    """What a round gave; `broken` are connections, `refused` answers that were no success."""

    requests: int
    seconds: float
    broken: int
    refused: int
    late: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


class Draw(msgspec.Struct, frozen=True):
    """SKUs drawn by chance from so many; that share of them, of a hundred, from the hot ones."""

    skus: int
    hot: int = 0
    hot_share: int = 0
    seed: int = 1


def two_cores() -> Cores:
    """The first and the last core that we may use.

    Raises:
        SystemExit: there are not two, or taskset or wrk is missing.
    """
    if sys.platform != "linux" or not shutil.which("taskset") or not shutil.which("wrk"):
        sys.exit("this needs Linux with taskset and wrk (Debian, Ubuntu: apt-get install wrk)")
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        sys.exit("this needs two cores: one for the server, one for the load")
    return Cores(allowed[0], allowed[-1])


@contextmanager
def confined(core: int) -> Iterator[None]:
    """Whatever is started meanwhile, and all that it starts, runs on that core alone."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def server(
    name: str,
    command: Sequence[str],
    core: int | Sequence[int],
    folder: Path,
    env: Mapping[str, str] | None = None,
) -> Iterator[Child]:
    """A Python program on that core, or on these; `command` follows the interpreter's name."""
    child = Child(name, folder / f"{name}.log")
    taskset = shutil.which("taskset") or "taskset"
    on = str(core) if isinstance(core, int) else ",".join(map(str, core))
    child.launch([taskset, "-c", on, sys.executable, *command], env={**os.environ, **(env or {})})
    try:
        yield child
    finally:
        child.stop(signal.SIGTERM, 15.0)


async def ready(url: str, server: Child) -> None:
    """Return when a GET of it succeeds.

    Raises:
        SystemExit: the server has ended.
    """
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            if not server.alive():
                sys.exit(f"{server.name} has ended:\n{server.log_tail()}")
            try:
                async with session.get(url) as answer:
                    if answer.ok:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)


def load(
    url: str,
    core: int,
    seconds: float,
    *,
    bodies: Path | None = None,
    first: int = 0,
    authorization: str = "",
) -> Load:
    """Send from that core for so long: the lines of `bodies` from `first` on, else plain GETs.

    Raises:
        RuntimeError: an answer was no success, or there was none.
    """
    words = (_SCRIPT, bodies or "-", first, authorization)
    return _sent(_wrk(url, core, seconds, CONNECTIONS, words), url)


def load_targets(
    url: str, core: int, seconds: float, targets: Path, connections: int = CONNECTIONS
) -> Load:
    """GET the addresses in that file from that core for so long, in turn.

    Raises:
        RuntimeError: an answer was no success, or there was none.
    """
    return _sent(_wrk(url, core, seconds, connections, (_TARGETS, targets)), url)


def load_drawn(url: str, core: int, seconds: float, draw: Draw) -> Load:
    """GET badges from that core for so long, drawn by chance.

    Raises:
        RuntimeError: an answer was no success, or there was none.
    """
    words = (_DRAWN, draw.skus, draw.hot, draw.hot_share, draw.seed)
    return _sent(_wrk(url, core, seconds, CONNECTIONS, words), url)


def _wrk(
    url: str, core: int, seconds: float, connections: int, script: Sequence[object]
) -> list[str]:
    """The command: wrk on that core, with a script and its arguments."""
    name, *arguments = map(str, script)
    command = ["taskset", "-c", str(core), "wrk", "--threads", "1"]
    command += ["--connections", str(connections), "--duration", f"{seconds:g}s"]
    return [*command, "--timeout", "10s", "--script", name, url, "--", *arguments]


def _sent(command: Sequence[str], url: str) -> Load:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("{"))
    found = msgspec.json.decode(line, type=Load)
    if found.broken or found.refused or found.late or not found.requests:
        raise RuntimeError(f"not every request to {url} was answered: {found}")
    return found
