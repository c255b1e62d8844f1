"""Requests sent when they are due, whatever becomes of those before: an open loop.

wrk waits for an answer before it asks again, so a slow server is asked less, and what would have
waited is never counted. Here each request has its moment (exponential gaps, from a seed), and its
time counts from then on: also while it waits for a connection, because all have something under
way. `python -m benchmarks.open_loop <plan as JSON>` prints what came of it as one line of JSON.

It turns round on its core without rest: sleeping is precise to a millisecond, and the core is its
own.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from array import array
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop

from benchmarks.figures import percentile

CONNECTIONS: Final = 256
"""Fewer than a gateway takes of one address."""

_LENGTH: Final = b"\r\nContent-Length: "
_END: Final = b"\r\n\r\n"
_PATIENCE: Final = 10.0
"""Seconds that the last answers may take."""


class Plan(msgspec.Struct, frozen=True):
    """So many requests a second, for so long: those in `file`, in turn, beginning with `first`."""

    host: str
    port: int
    file: str
    rate: float
    seconds: float
    connections: int = CONNECTIONS
    first: int = 0
    seed: int = 1


class Times(msgspec.Struct, frozen=True):
    """How long answers of one kind took from when they were due, in milliseconds."""

    count: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    longest_ms: float = 0.0


class Outcome(msgspec.Struct, frozen=True):
    """What came of it.

    `behind_ms`: the p99 of how late they were sent where a connection was free, which is the
    sender's own. `unanswered` were under way, or not sent yet, when it gave up.
    """

    offered: int
    seconds: float
    good: Times
    refused: Times
    others: Times
    unanswered: int
    behind_ms: float

    @property
    def goodput(self) -> float:
        """Good answers a second."""
        return self.good.count / self.seconds


def write_requests(path: Path, requests: Sequence[bytes]) -> Path:
    """A file of whole requests, for a plan."""
    path.write_bytes(msgspec.msgpack.encode(list(requests)))
    return path


def sent(plan: Plan, core: int) -> Outcome:
    """Carry it out in a process of its own on that core."""
    command = ["taskset", "-c", str(core), sys.executable, "-m", "benchmarks.open_loop"]
    command.append(msgspec.json.encode(plan).decode())
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Outcome)


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, sender: _Sender) -> None:
        self._sender = sender
        self._got = b""
        self._missing = 0
        self._status = b""
        self.due = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            data = self._got + data if self._got else data
            end = data.find(_END)
            if end < 0:
                self._got = data
                return
            self._got = b""
            self._status = data[9:12]
            start = data.find(_LENGTH, 0, end + 2)
            length = int(data[start + len(_LENGTH) : data.find(b"\r", start + 2)])
            self._missing = end + len(_END) + length - len(data)
        if not self._missing:
            self._sender.answered(self, self._status)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._sender.lost(exc)


class _Sender:
    def __init__(self, plan: Plan) -> None:
        self._requests: list[bytes] = msgspec.msgpack.decode(
            Path(plan.file).read_bytes(), type=list[bytes]
        )
        self._at = plan.first % len(self._requests)
        chance, moment = random.Random(plan.seed), 0.0
        self._due = array("d")
        while moment < plan.seconds:
            self._due.append(moment)
            moment += chance.expovariate(plan.rate)
        self._plan = plan
        self._next = 0
        self._waiting: deque[float] = deque()
        self._free: deque[_Connection] = deque()
        self._times: dict[bytes, list[float]] = {}
        self._behind: list[float] = []
        self._open = 0
        self._answered = 0
        self._began = 0.0
        self._done = asyncio.Event()

    async def run(self) -> Outcome:
        """All of the plan."""
        loop = asyncio.get_running_loop()
        plan = self._plan
        for _ in range(plan.connections):
            _, one = await loop.create_connection(lambda: _Connection(self), plan.host, plan.port)
            self._free.append(one)
        self._began = time.perf_counter()
        loop.call_soon(self._tick)
        await self._done.wait()
        return self._outcome()

    def answered(self, one: _Connection, status: bytes) -> None:
        """It is free again."""
        now = time.perf_counter()
        self._times.setdefault(status, []).append(now - one.due)
        self._answered += 1
        if self._waiting:
            self._send(one, self._waiting.popleft())
        else:
            self._free.append(one)

    def lost(self, exc: BaseException | None) -> None:
        """It was closed, which is none of the plan."""
        if not self._done.is_set():
            sys.exit(f"a connection was lost: {exc}")

    def _tick(self) -> None:
        now = time.perf_counter()
        gone = now - self._began
        due, free, at = self._due, self._free, self._next
        count = len(due)
        while at < count and due[at] <= gone:
            moment = self._began + due[at]
            at += 1
            if free:
                self._behind.append(now - moment)
                self._send(free.popleft(), moment)
            else:
                self._waiting.append(moment)
        self._next = at
        is_over = at == count and self._answered == count
        if is_over or gone > self._plan.seconds + _PATIENCE:
            self._done.set()
            return
        asyncio.get_running_loop().call_soon(self._tick)

    def _send(self, one: _Connection, due: float) -> None:
        one.due = due
        one.transport.write(self._requests[self._at])
        self._at = (self._at + 1) % len(self._requests)

    def _outcome(self) -> Outcome:
        times = self._times
        others = [one for status, some in times.items() for one in some]
        return Outcome(
            len(self._due),
            self._plan.seconds,
            _times(times.pop(b"200", [])),
            _times(times.pop(b"503", [])),
            _times([one for some in times.values() for one in some]),
            len(self._due) - len(others),
            percentile(self._behind, 0.99) * 1000,
        )


def _times(found: Sequence[float]) -> Times:
    if not found:
        return Times()
    return Times(
        len(found),
        percentile(found, 0.5) * 1000,
        percentile(found, 0.99) * 1000,
        max(found) * 1000,
    )


def main() -> None:
    """Carry out the plan given."""
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(_Sender(plan).run())
    print(msgspec.json.encode(outcome).decode())


if __name__ == "__main__":
    main()
