"""Stockspan's own processes in a world: started from a checkout or from a changed copy of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import aiohttp

from stockspan.embedded.child import Child
from stockspan.embedded.ports import HOST, free_port
from tests.faults.proxy import FaultProxy
from tests.unmeasured import unmeasured

CHECKOUT: Final = Path(__file__).parents[2]
_POLL_SECONDS: Final = 0.02
_READY_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 20.0
_BROKEN: Final = (".broken", "request.failed", "Traceback (most")
_LINE: Final = 2000


class Program:
    """`python -m stockspan …` with its log; `package` is the folder whose code it runs."""

    def __init__(self, name: str, folder: Path, package: Path, *words: str) -> None:
        self.name = name
        self._package = package
        self._command = [sys.executable, "-m", "stockspan", *words]
        self._child = Child(name, folder / f"{name}.log")
        self.path = [package]
        self.env: dict[str, str] = {}

    @property
    def pid(self) -> int:
        """Of the latest launch."""
        return self._child.pid

    def lines(self) -> list[str]:
        """What it has written."""
        return self._child.log.read_text("utf-8", "replace").splitlines()

    def launch(self) -> None:
        """Start it, from the main thread; waits for nothing."""
        self._child.launch(self._command, cwd=self._package, env=_environment(self.path, self.env))

    def alive(self) -> bool:
        """Whether it runs."""
        return self._child.alive()

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._child.kill()

    def stop(self) -> None:
        """Ask it to end, as a supervisor would; returns when it has."""
        self._child.stop(signal.SIGTERM, _STOP_SECONDS)

    def freeze(self) -> None:
        """Let it stand still, all that it has begun included."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def require_alive(self) -> None:
        """Return if it runs; fails with the end of its log."""
        if not self.alive():
            raise RuntimeError(f"{self.name} ended: {self._child.log_tail()}")


class GatewayProgram(Program):
    """A gateway at a port of its own, with proxies of its own to the store and to the ledger."""

    def __init__(
        self,
        name: str,
        folder: Path,
        package: Path,
        config: Path,
        ways: tuple[FaultProxy, FaultProxy],
    ) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.store, self.ledger = ways
        place = ("--config", str(config), "--host", HOST, "--port", str(self.port))
        super().__init__(name, folder, package, "serve", *place)

    async def ready(self, session: aiohttp.ClientSession) -> float:
        """Wait until it says that it is ready; seconds that took."""
        return await until_answered(session, f"{self.url}/readyz", self)


async def until_answered(
    session: aiohttp.ClientSession, url: str, program: Program, seconds: float = _READY_SECONDS
) -> float:
    """Wait until `url` is answered 200; seconds that took.

    Raises:
        RuntimeError: the program ended.
        TimeoutError: it took too long.
    """
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while True:
            program.require_alive()
            try:
                timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
                async with session.get(url, timeout=timeout) as response:
                    if response.status == 200:
                        return time.monotonic() - began
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(_POLL_SECONDS)


def accidents(programs: Iterable[Program]) -> Iterator[str]:
    """What no scenario excuses: a program that ended, and a mistake of ours that was caught."""
    for program in programs:
        if not program.alive():
            yield f"{program.name} ended"
        broken = [line for line in program.lines() if any(one in line for one in _BROKEN)]
        yield from (f"{program.name}: {line[:_LINE]}" for line in broken[:3])


def _environment(path: Sequence[Path], more: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value for name, value in unmeasured().items() if not name.startswith("STOCKSPAN_")
    }
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONUNBUFFERED": "1", **more}
