"""Several workers at one address, as processes: killed, stopped, told to end, and looked at."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from operator import lt
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.observability.events import EventKind
from gateway.services.event_lookups import EventFilter, newest_events
from gateway.store.client import StoreClient
from gateway.store.event_journal import EventJournal
from gateway.store.keys import Keyspace
from stockspan.embedded.ports import free_port
from stockspan.embedded.valkey import EmbeddedValkey
from tests.integration.command.running_command import COMMAND, clean, stockspan

PREFIX = "workers"
REPLACED = 'stockspan_worker_replaced_total{worker="%d"}'
CLIENTS = 24
HEAD = b"POST /v1/stock/query HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
BODY = b'{"skus": ["A"]}'


class Serving:
    """`stockspan serve --workers 2`, with its log in a file."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path, tmp: Path) -> None:
        self.process = process
        self.port = port
        self.tmp = tmp
        self._log = log

    def places(self) -> dict[int, int]:
        """The process of each place."""
        task = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        found = {}
        for pid in Path(task).read_text("utf-8").split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            numbers = [word[8:] for word in words if word.startswith(b"--place=")]
            found.update({int(number): int(pid) for number in numbers})
        return found

    def told(self, action: str) -> list[dict[str, Any]]:
        """Lines of the log with this action."""
        lines = [line for line in self.log().splitlines() if line.startswith('{"action"')]
        return [line for line in map(json.loads, lines) if line["action"] == action]

    def log(self) -> str:
        return self._log.read_text("utf-8")

    async def samples(self) -> dict[str, float]:
        """What somebody sees who scrapes, whoever answers."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}/metrics") as answer,
        ):
            lines = (await answer.text()).splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    async def until(self, holds: Callable[[dict[str, float]], bool]) -> dict[str, float]:
        """Return what is seen once it is so."""
        async with asyncio.timeout(60):
            while True:
                try:
                    samples = await self.samples()
                except (aiohttp.ClientError, OSError):
                    samples = {}
                if samples and holds(samples):
                    return samples
                await asyncio.sleep(0.05)

    async def until_whole(self) -> dict[str, float]:
        return await self.until(
            lambda seen: all(seen[f'stockspan_worker_up{{worker="{n}"}}'] for n in (0, 1))
        )


@contextmanager
def serving(folder: Path, valkey: EmbeddedValkey, **environment: str) -> Iterator[Serving]:
    port, log, tmp = free_port(), folder / "log", folder / "tmp"
    tmp.mkdir()
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "serve", f"--port={port}", "--workers=2"],
            cwd=folder,
            env={
                **clean(),
                "STOCKSPAN_STORE__URL": valkey.url,
                "STOCKSPAN_STORE__PREFIX": PREFIX,
                "TMPDIR": str(tmp),
                **environment,
            },
            stderr=file,
        )
    try:
        yield Serving(process, port, log, tmp)
    finally:
        process.kill()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def workers(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("workers")
    with serving(folder, valkey, STOCKSPAN_GATEWAY__STUCK_AFTER="2s") as started:
        yield started
        pids = started.places().values()
        started.process.kill()
        # None outlives its supervisor.
        asyncio.run(until(lambda: nothing_left(started, pids)))


class Client:
    """Asks over one connection, and over a new one after an error."""

    def __init__(self, port: int) -> None:
        self.answers = 0
        self.errors: list[str] = []
        self.lost = 0
        self.refused = 0
        self._port = port

    async def load(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            try:
                async with connected(self._port) as connection:
                    await self._stay(*connection, enough)
            except ConnectionRefusedError:
                self.refused += 1
                await asyncio.sleep(0.01)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.errors.append(repr(error))

    async def _stay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, enough: asyncio.Event
    ) -> None:
        """Ask again and again, until told that it was the last time."""
        before, stays = self.answers, True
        try:
            while stays and not enough.is_set():
                stays = await alive(reader, writer)
                self.answers += 1
        except (OSError, asyncio.IncompleteReadError):
            self.lost += self.answers > before
            raise


@asynccontextmanager
async def connected(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def alive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Ask once; whether the connection stays."""
    writer.write(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    await reader.readexactly(len(b'{"alive":true}'))
    return b"\r\nConnection: close\r\n" not in head


@asynccontextmanager
async def loaded(port: int) -> AsyncIterator[list[Client]]:
    enough = asyncio.Event()
    clients = [Client(port) for _ in range(CLIENTS)]
    tasks = [asyncio.create_task(client.load(enough)) for client in clients]
    try:
        await until(lambda: all(client.answers for client in clients))
        yield clients
    finally:
        enough.set()
        await asyncio.gather(*tasks)


async def test_whoever_is_scraped_tells_the_requests_of_all(workers: Serving) -> None:
    name = 'stockspan_http_requests_total{worker="%d",method="GET",route="/livez",status="200"}'
    before = await workers.until_whole()
    for _ in range(40):
        async with connected(workers.port) as connection:
            await alive(*connection)
    for _ in range(4):
        seen = await workers.samples()
        counts = [seen.get(name % n, 0) - before.get(name % n, 0) for n in (0, 1)]
        assert sum(counts) == 40
        assert all(counts)


async def test_a_killed_worker_is_replaced_and_the_other_goes_on(workers: Serving) -> None:
    was = (await workers.until_whole())[REPLACED % 0]
    victim = workers.places()[0]
    async with loaded(workers.port) as clients:
        os.kill(victim, signal.SIGKILL)
        await workers.until(lambda seen: seen.get(REPLACED % 0) == was + 1)
        answers = [client.answers for client in clients]
        await until(lambda: all(map(lt, answers, (client.answers for client in clients))))
    lost = [client.errors for client in clients if client.errors]
    # Those that were connected to it lost a request each, and no connection was refused.
    assert 0 < len(lost) < CLIENTS
    assert all(len(errors) == 1 for errors in lost), lost
    assert not any(client.refused for client in clients)
    assert workers.places()[0] != victim
    (told,) = workers.told(EventKind.WORKER_DIED)
    assert (told["cause"], told["pause"]) == ("SIGKILL", 0.0)
    assert told["subject"].startswith("worker 0 of ")


async def test_a_worker_that_stands_still_is_found_and_nobody_waits_in_vain(
    workers: Serving, valkey: EmbeddedValkey
) -> None:
    await workers.until_whole()
    victim = workers.places()[1]
    os.kill(victim, signal.SIGSTOP)
    # Half of them meet the one that is stopped, and are answered by the one that follows.
    async with asyncio.timeout(60):
        told = await asyncio.gather(*(workers.samples() for _ in range(CLIENTS)))
    down = [seen for seen in told if not seen['stockspan_worker_up{worker="1"}']]
    assert 0 < len(down) < CLIENTS
    for seen in down:
        assert not any('worker="1"' in name and "worker_up" not in name for name in seen)
    await workers.until_whole()
    assert workers.places()[1] != victim
    (line,) = workers.told(EventKind.WORKER_STUCK)
    assert line["subject"].startswith("worker 1 of ")
    client = StoreClient.connect(valkey.url, deadline=10)
    try:
        journal = EventJournal(client, Keyspace(PREFIX))
        wanted = EventFilter(EventKind.WORKER_STUCK, None, None, 10)
        (event,) = await newest_events(journal, wanted)
    finally:
        await client.close()
    assert event.subject == line["subject"]


async def test_a_worker_can_be_asked_where_it_is(workers: Serving) -> None:
    await workers.until_whole()
    before = workers.places()
    os.kill(before[0], signal.SIGUSR1)
    await until(lambda: "most recent call first" in workers.log())
    assert workers.places() == before


async def test_a_worker_that_is_told_to_end_is_followed_before_it_has(workers: Serving) -> None:
    was = (await workers.until_whole())[REPLACED % 0]
    leaving = workers.places()[0]
    async with begun(workers.port) as requests, loaded(workers.port) as clients:
        os.kill(leaving, signal.SIGTERM)
        await until(lambda: bool(workers.told("worker.leaves")))
        assert exists(leaving)
        assert [await finished(*request) for request in requests] == [b"HTTP/1.1 503 "] * 8
        await workers.until(lambda seen: seen.get(REPLACED % 0) == was + 1)
        await until(lambda: not exists(leaving))
    assert not any(client.errors or client.refused for client in clients)


async def test_what_is_under_way_is_answered_before_all_end(
    valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    with serving(tmp_path, valkey) as started:
        await started.until_whole()
        pids = started.places().values()
        async with begun(started.port) as requests, loaded(started.port) as clients:
            started.process.send_signal(signal.SIGTERM)
            await until(lambda: all(client.refused for client in clients))
            assert started.process.poll() is None
            assert [await finished(*request) for request in requests] == [b"HTTP/1.1 503 "] * 8
        assert await asyncio.to_thread(started.process.wait, 30) == 0
        assert nothing_left(started, pids)
        assert not started.told(EventKind.WORKER_DIED)
        assert not any(client.lost for client in clients)


async def test_one_that_cannot_live_leaves_all_to_the_other_until_somebody_will_not_wait(
    valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    settings = tmp_path / "stockspan.toml"
    settings.write_text("", "utf-8")
    with serving(tmp_path, valkey, STOCKSPAN_GATEWAY__DRAIN_TIMEOUT="10m") as started:
        await started.until_whole()
        pids = started.places().values()
        settings.write_text("[gateway]\nprot = 1\n", "utf-8")
        os.kill(started.places()[0], signal.SIGKILL)
        await until(lambda: bool(started.told(EventKind.WORKER_FAILING)))
        died = [(line["cause"], line["pause"]) for line in started.told(EventKind.WORKER_DIED)]
        assert died == [("SIGKILL", 0.0), ("exit 1", 0.5)]
        (told,) = started.told(EventKind.WORKER_FAILING)
        assert (told["cause"], told["pause"], told["level"]) == ("exit 1", 1.0, "error")
        async with begun(started.port) as requests:
            started.process.send_signal(signal.SIGINT)
            await until(lambda: refused(started.port))
            assert started.process.poll() is None
            await asyncio.sleep(0.6)  # at once, the second signal would be taken for the first
            started.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(started.process.wait, 30) == 1
            assert [await cut(reader) for reader, _ in requests] == [True] * 8
        assert nothing_left(started, pids)


Request = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def begun(port: int) -> AsyncIterator[list[Request]]:
    """Requests of which the gateway has the head, and waits for the body."""
    requests: list[Request] = []
    try:
        for _ in range(8):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            requests.append((reader, writer))
            length = f"Content-Length: {len(BODY)}\r\n".encode()
            writer.write(HEAD + b"Expect: 100-continue\r\n" + length + b"\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        yield requests
    finally:
        for _, writer in requests:
            writer.transport.abort()


async def finished(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The beginning of the answer: the store is cold, and says so."""
    writer.write(BODY)
    async with asyncio.timeout(10):
        return (await reader.readuntil(b"\r\n\r\n"))[:13]


async def cut(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


def refused(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def nothing_left(serving: Serving, pids: Iterable[int]) -> bool:
    """Whether the workers have ended, and their folder is gone."""
    return not any(map(exists, pids)) and not any(serving.tmp.iterdir())


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - it is so of other processes
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("workers_", "code"), [("0", 1), ("-1", 1), ("many", 2)])
def test_a_number_of_workers_that_is_none_is_one_line(
    workers_: str, code: int, tmp_path: Path
) -> None:
    done = stockspan("serve", f"--workers={workers_}", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert workers_ in done.stderr
