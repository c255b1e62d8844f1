"""Hold and confirm: pairs a second of the gateway against FastAPI with `SELECT … FOR UPDATE`.

Both commit to the same PostgreSQL before they answer, `fsync` and `synchronous_commit` on. Each has
one core for all that it needs: the gateway with its Valkey and the ledger, the peer with its
tables. They take turns; the load comes from another core, 32 connections. Two mixes: `spread`, any
of 5,000 SKUs, and `hot`, all of one.

The peer is measured in two forms (`reservation_peer`). The bounds are for the faster one, whose
statement locks, judges and writes in one round trip.

Before anything is measured, all must answer a hold, its repetition and its confirmation alike.
Afterwards nothing may be lost: whatever was answered must be in PostgreSQL, and there may be no
more than what was still under way as rounds ended; the gateway's own exact figures must agree.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import aiohttp
import msgspec

from benchmarks import cores, pairs, reservation_erp
from benchmarks.figures import shown, summary
from benchmarks.reservation_erp import KEY, LEDGER, PEER, QUANTITY, SKUS
from stockspan.embedded.ports import HOST, free_port
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey

BOUNDS: Final = {"spread": 3, "hot": 5}
_MIXES: Final = {"spread": SKUS, "hot": 1}
_PATH: Final = "/v1/reservations"
_POSTGRES: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "jit": "off",
    "random_page_cost": "1.1",
    # No checkpoint falls into a round of one and not of the other.
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
}
_STOCKSPAN: Final = ("-m", "stockspan")
_UVICORN: Final = (
    *("-m", "uvicorn", "benchmarks.reservation_peer:app", "--host", HOST),
    *("--log-level", "warning", "--loop", "uvloop", "--http", "httptools", "--no-access-log"),
    "--port",
)
# Of 8, 16 and 32, five rounds in turns: 309, 352 and 295 pairs/s with many SKUs, 239, 255 and 270
# with one; as a transaction 253, 236 and 208, and 145, 145 and 134. Noise is as large.
_POOL: Final = 16
_NAMES: Final = {
    "gateway": "gateway",
    "peer": "FastAPI, one statement",
    "transaction": "FastAPI, a transaction",
}
_AUTHORIZATION: Final = f"Bearer {KEY}"
_HEADERS: Final = {"Authorization": _AUTHORIZATION, "Content-Type": "application/json"}
_SAMPLE: Final = 300
_ASKED_AT_ONCE: Final = 1_000
_SETTLING_SECONDS: Final = 10.0

# Where each keeps what it promised.
_DATABASES: Final = {"gateway": LEDGER, "peer": PEER, "transaction": PEER}
_PROMISED: Final = {
    LEDGER: "SELECT id, state FROM stockspan.reservation WHERE counted",
    PEER: "SELECT id, state FROM hold WHERE state IN ('held', 'confirmed')",
}


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    rounds, seconds = (3, 2.0) if quick else (7, 4.0)
    two = cores.two_cores()
    with _running(folder, two.server) as (postgres, systems):
        flush = _flush_ms(postgres.data_dir)
        print(f"one flush of this disk (pwrite and fdatasync): {shown(flush, 3)} ms")
        answered = {database: pairs.Answered() for database in (LEDGER, PEER)}
        asyncio.run(_alike(systems, answered))
        sender = _Sender(folder, two.load, postgres, systems, answered)
        told: dict[str, Any] = {}
        for mix in _MIXES:
            print(f"\n-- {mix}", flush=True)
            postgres.psql("CHECKPOINT")
            told[mix] = _told(mix, _measure(sender, mix, rounds, seconds))
        for database, of_all in answered.items():
            _complete(postgres, database, of_all)
        asyncio.run(_agreed(systems["gateway"], answered[LEDGER]))
    return {"bounds": BOUNDS, "rounds": rounds, "flush_ms": summary(flush), **told}


@contextmanager
def _running(folder: Path, core: int) -> Iterator[tuple[EmbeddedPostgres, Mapping[str, str]]]:
    """A loaded gateway and the peer on that core; yields their PostgreSQL and their addresses."""
    ports = free_port(), free_port()
    gateway, peer = (f"http://{HOST}:{port}" for port in ports)
    with ExitStack() as stack:
        with cores.confined(core):
            valkey = stack.enter_context(EmbeddedValkey(folder / "valkey", appendonly=True))
            postgres = stack.enter_context(
                EmbeddedPostgres(folder / "postgres", settings=_POSTGRES)
            )
        reservation_erp.fill(postgres)
        settings = reservation_erp.settings_file(folder, valkey, postgres, ports[0])
        config = ["--config", str(settings)]
        subprocess.run([sys.executable, *_STOCKSPAN, "load", "--once", *config], check=True)
        serve = [*_STOCKSPAN, "serve", *config]
        serving = stack.enter_context(cores.server("gateway", serve, core, folder))
        env = {"BENCHMARK_DSN": postgres.dsn(PEER), "BENCHMARK_POOL": str(_POOL)}
        uvicorn = [*_UVICORN, str(ports[1])]
        peering = stack.enter_context(cores.server("peer", uvicorn, core, folder, env))
        asyncio.run(cores.ready(gateway + "/readyz", serving))
        asyncio.run(cores.ready(peer + "/openapi.json", peering))
        yield (
            postgres,
            {
                "gateway": gateway,
                "peer": peer,
                "transaction": peer + "/transaction",
            },
        )


def _flush_ms(folder: Path) -> list[float]:
    """What one commit must wait for on this disk at the least, many times over."""
    took = []
    block = b"\x00" * 8192
    descriptor = os.open(folder / "flush", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, block * 512, 0)
        os.fsync(descriptor)
        for turn in range(300):
            began = time.perf_counter()
            os.pwrite(descriptor, block, turn * len(block))
            os.fdatasync(descriptor)
            took.append((time.perf_counter() - began) * 1e3)
    finally:
        os.close(descriptor)
    return took


async def _alike(systems: Mapping[str, str], answered: Mapping[str, pairs.Answered]) -> None:
    """Let each hold, repeat and confirm, and see that it does what the others do.

    Raises:
        SystemExit: it does not.
    """
    async with aiohttp.ClientSession(headers=_HEADERS) as session:
        for name, url in systems.items():
            base = url + _PATH
            body = msgspec.json.encode(
                {"lines": [{"sku": reservation_erp.sku(0), "quantity": 1}], "ttl_seconds": 900}
            )
            key = {"Idempotency-Key": f"alike-{name}"}
            held = await _posted(session, base, body, 201, key)
            if await _posted(session, base, body, 201, key) != held:
                sys.exit(f"{name} did not repeat its answer: {held.decode()}")
            found = msgspec.json.decode(held)
            _expect(name, found["state"], "held")
            allocations = [{"location": "W1", "quantity": 1}]
            line = {"sku": reservation_erp.sku(0), "quantity": 1, "allocations": allocations}
            _expect(name, found["lines"], [line])
            order = msgspec.json.encode({"order_ref": f"alike-{name}"})
            confirm = f"{base}/{found['reservation']}/confirm"
            confirmed = await _posted(session, confirm, order, 200)
            _expect(name, msgspec.json.decode(confirmed)["state"], "confirmed")
            _expect(name, await _posted(session, confirm, order, 200), confirmed)
            await _posted(session, confirm, b'{"order_ref":"another"}', 409)
            answered[_DATABASES[name]].held.add(found["reservation"])
            answered[_DATABASES[name]].confirmed.add(found["reservation"])
    print("a hold, its repetition and its confirmation: the same from all")


def _expect(name: str, found: object, wanted: object) -> None:
    if found != wanted:
        sys.exit(f"{name} answered {found!r} and not {wanted!r}")


async def _posted(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes,
    status: int,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    async with session.post(url, data=body, headers=headers) as answer:
        found = await answer.read()
        if answer.status != status:
            sys.exit(f"{url} answered {answer.status}, not {status}: {found.decode()}")
        return found


class _Round(msgspec.Struct, frozen=True):
    """What one system did in one round; commits are a second, of transactions that wrote."""

    pairs: pairs.Pairs
    commits: float


class _Sender:
    """Sends rounds from one core, and keeps what was answered, by database."""

    def __init__(
        self,
        folder: Path,
        core: int,
        postgres: EmbeddedPostgres,
        systems: Mapping[str, str],
        answered: Mapping[str, pairs.Answered],
    ) -> None:
        self._told = folder / "told"
        self._core = core
        self._postgres = postgres
        self._answered = answered
        self.systems = systems

    def round(self, system: str, mix: str, turn: int, seconds: float) -> _Round:
        """Hold and confirm for so long."""
        database = _DATABASES[system]
        before = self._commits()
        found = pairs.send(
            self.systems[system] + _PATH,
            self._core,
            seconds,
            name=f"{mix}-{system}-{turn}",
            skus=_MIXES[mix],
            authorization=_AUTHORIZATION,
            told=self._told,
        )
        self._answered[database].add(self._told)
        return _Round(found, (self._commits() - before) / found.seconds)

    def _commits(self) -> int:
        # Each transaction that writes takes the next number. (pg_stat_database lags by a second.)
        return int(self._postgres.psql("SELECT pg_snapshot_xmax(pg_current_snapshot())"))


def _measure(sender: _Sender, mix: str, rounds: int, seconds: float) -> dict[str, list[_Round]]:
    """The rounds of each; one before them is not counted."""
    found: dict[str, list[_Round]] = {system: [] for system in sender.systems}
    for turn in range(rounds + 1):
        these = {name: sender.round(name, mix, turn, seconds) for name in sender.systems}
        told = " ".join(f"{one.pairs.rate:,.0f}" for one in these.values())
        print(f"  round {turn}: {told}" + ("" if turn else " (not counted)"), flush=True)
        if turn:
            for name, one in these.items():
                found[name].append(one)
    return found


def _told(mix: str, found: Mapping[str, Sequence[_Round]]) -> dict[str, Any]:
    rates = {name: [one.pairs.rate for one in rounds] for name, rounds in found.items()}
    result: dict[str, Any] = {}
    for name, rounds in found.items():
        p50 = median(one.pairs.p50_ms for one in rounds)
        p99 = median(one.pairs.p99_ms for one in rounds)
        commits = [one.commits for one in rounds]
        print(
            f"{_NAMES[name] + ':':34}{shown(rates[name], 0)} pairs/s,"
            f" {median(commits):,.0f} commits/s; a request p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        )
        result[name] = {
            "rate": summary(rates[name]),
            "commits": summary(commits),
            "p50_ms": p50,
            "p99_ms": p99,
        }
    for name in ("peer", "transaction"):
        ratios = [mine / other for mine, other in zip(rates["gateway"], rates[name], strict=True)]
        bound = f" (bound {BOUNDS[mix]})"
        print(f"{'gateway ÷ ' + _NAMES[name] + ':':34}{shown(ratios)}{bound}")
        result[f"{name}_ratio"] = summary(ratios)
    return result


def _complete(postgres: EmbeddedPostgres, database: str, answered: pairs.Answered) -> None:
    """See that PostgreSQL has all that was answered, and hardly more.

    Raises:
        SystemExit: something is lost, or was done that nobody asked for.
    """
    rows = postgres.psql(_PROMISED[database], database).splitlines()
    states = dict(row.split("|") for row in rows)
    lost = [one for one in answered.held if one not in states]
    undone = [one for one in answered.confirmed if states.get(one) != "confirmed"]
    more = len(states) - len(answered.held)
    print(
        f"{database}: {len(answered.held):,} holds answered, {len(lost)} lost;"
        f" {len(answered.confirmed):,} confirmed, {len(undone)} of them not;"
        f" {more} held without an answer as rounds ended"
    )
    if lost or undone or more > answered.unheard:
        sys.exit(f"{database} does not have what was answered: {(lost or undone)[:3]}")
    if database == PEER:
        taken = round(float(postgres.psql("SELECT sum(taken) FROM stock", database)))
        _expect("the peer's stock", taken, len(states))


async def _agreed(gateway: str, answered: pairs.Answered) -> None:
    """See that the gateway's exact figures leave out what was held, and that it knows the holds.

    Raises:
        SystemExit: they do not, though there was time.
    """
    least = len(answered.held)
    deadline = time.monotonic() + _SETTLING_SECONDS
    async with aiohttp.ClientSession(headers=_HEADERS) as session:
        while True:
            taken = SKUS * QUANTITY - await _salable(session, gateway)
            if least <= taken <= least + answered.unheard:
                break
            if time.monotonic() > deadline:
                sys.exit(f"the gateway counts {taken} units as taken, {least} were answered")
            await asyncio.sleep(0.2)
        for reservation in sorted(answered.confirmed)[-_SAMPLE:]:
            async with session.get(f"{gateway}{_PATH}/{reservation}") as answer:
                _expect(reservation, (await answer.json())["state"], "confirmed")
    print(f"gateway: {taken:,} units of all SKUs are taken, and it knows the reservations")


async def _salable(session: aiohttp.ClientSession, gateway: str) -> int:
    found = 0
    for first in range(0, SKUS, _ASKED_AT_ONCE):
        skus = [reservation_erp.sku(first + place) for place in range(_ASKED_AT_ONCE)]
        body = msgspec.json.encode({"skus": skus})
        answer = await _posted(session, f"{gateway}/v1/stock/query", body, 200)
        found += round(sum(item["salable"] for item in msgspec.json.decode(answer)["items"]))
    return found
