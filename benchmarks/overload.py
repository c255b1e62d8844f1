"""Too much of it: ten times what a worker can do, and what half of that feels like.

Requests come by schedule (`open_loop`), and their time counts from when they were due.

- **Ten times the load**: 50-line price queries, each some hundred times as dear as being refused,
  so that one core can offer ten times what another answers. Goodput is what was answered with 200
  then, against the most that is answered when nobody asks for more (wrk, 32 connections).
- **Half the load**: hot badges at half of what the gateway can do at most, against an aiohttp
  handler with a constant body at half of what that can: p99 of both.

The server has one core, the sender another; both take turns in each round.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks import badge_shop, cores, open_loop, price_erp
from benchmarks.figures import shown, summary
from benchmarks.open_loop import Outcome, Plan
from benchmarks.price_world import CATALOGUE, PriceWorld
from stockspan.embedded.ports import HOST, free_port
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey

BOUNDS: Final = {"goodput": 0.85, "p99": 1.5}

_TIMES: Final = 10
_PATH: Final = "/v1/prices/query"
_QUERIES: Final = 2_000
"""All of them are warm before any is counted: at ten times the load any of them may be answered."""
_WARM: Final = 6_000
"""Queries that a worker answers before any is counted: it remembers what it resolved."""

_WARM_SECONDS: Final = 4.0
_HOT: Final = 1_000
_SHORTER: Final = 5
"""Rounds at half the load are so many times as many and as short: a stall of the machine that takes
a hundredth of a round decides its p99, and so most rounds are to have none."""


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    rounds, seconds = (3, 2.0) if quick else (7, 5.0)
    two = cores.two_cores()
    told: dict[str, Any] = {"bounds": BOUNDS, "rounds": rounds, "times": _TIMES}
    told["overload"] = _overload(_made(folder, "prices"), two, rounds, seconds)
    told["half"] = _half(
        _made(folder, "badges"), two, rounds * _SHORTER, max(0.5, seconds / _SHORTER)
    )
    return told


def _overload(folder: Path, two: cores.Cores, rounds: int, seconds: float) -> dict[str, Any]:
    queries = list(PriceWorld(CATALOGUE).queries(_QUERIES))
    bodies = folder / "bodies.ndjson"
    bodies.write_bytes(b"\n".join(query.body() for query in queries))
    authorization = f"Bearer {price_erp.KEY}"
    ready = [_posted(query.body(), authorization) for query in queries]
    file = open_loop.write_requests(folder / "requests", ready)
    ratios: list[float] = []
    peaks: list[float] = []
    found: list[Outcome] = []
    with _priced(folder, two.server) as url:
        warm = 0
        while warm < _WARM:
            warm += cores.load(
                url + _PATH, two.load, _WARM_SECONDS, bodies=bodies, authorization=authorization
            ).requests
        for turn in range(rounds + 1):
            peak = cores.load(
                url + _PATH, two.load, seconds, bodies=bodies, authorization=authorization
            ).rate
            outcome = _offered(url, file, two.load, _TIMES * peak, seconds)
            print(
                f"  round {turn}: {peak:,.0f} at most, {outcome.offered / seconds:,.0f} offered: "
                f"{outcome.goodput:,.0f} answered (p99 {outcome.good.p99_ms:.0f} ms), refused in "
                f"{outcome.refused.p50_ms:.1f} ms (p99 {outcome.refused.p99_ms:.1f})"
                + ("" if turn else " (not counted)"),
                flush=True,
            )
            if turn:
                _require_answered(outcome)
                peaks.append(peak)
                found.append(outcome)
                ratios.append(outcome.goodput / peak)
    print(f"goodput ÷ peak at {_TIMES} × the load: {shown(ratios)} (bound {BOUNDS['goodput']})")
    return {
        "peak": summary(peaks),
        "goodput_to_peak": summary(ratios),
        "good_p99_ms": summary([one.good.p99_ms for one in found]),
        "refused_p50_ms": summary([one.refused.p50_ms for one in found]),
        "refused_p99_ms": summary([one.refused.p99_ms for one in found]),
        "sender_behind_ms": summary([one.behind_ms for one in found]),
    }


def _half(folder: Path, two: cores.Cores, rounds: int, seconds: float) -> dict[str, Any]:
    numbers = random.Random(1).sample(range(2 * _HOT), _HOT)
    hot = badge_shop.targets(folder / "hot", [[number] for number in numbers])
    sized = folder / "sized"
    sized.write_text("/sized", encoding="utf-8")
    p99: dict[str, list[float]] = {"gateway": [], "constant": []}
    behind: list[float] = []
    with badge_shop.running(folder, 2 * _HOT, two.server) as urls:
        subjects: Mapping[str, tuple[Path, Path]] = {
            name: (file, open_loop.write_requests(folder / f"{name}.raw", _gets(file)))
            for name, file in (("gateway", hot), ("constant", sized))
        }
        for turn in range(rounds + 1):
            for name, (file, ready) in subjects.items():
                peak = cores.load_targets(urls[name], two.load, seconds, file).rate
                outcome = _offered(urls[name], ready, two.load, peak / 2, seconds)
                _require_answered(outcome)
                print(
                    f"  round {turn}: {name}: {peak:,.0f} at most, at half of it p50 "
                    f"{outcome.good.p50_ms:.2f} ms, p99 {outcome.good.p99_ms:.2f} ms"
                    + ("" if turn else " (not counted)"),
                    flush=True,
                )
                if turn:
                    p99[name].append(outcome.good.p99_ms)
                    behind.append(outcome.behind_ms)
    ratios = [one / two for one, two in zip(p99["gateway"], p99["constant"], strict=True)]
    print(f"p99 at half load, hot badges ÷ constant body: {shown(ratios)} (bound {BOUNDS['p99']})")
    return {
        "p99_ratio": summary(ratios),
        **{f"{name}_p99_ms": summary(some) for name, some in p99.items()},
        "sender_behind_ms": summary(behind),
    }


def _offered(url: str, file: Path, core: int, rate: float, seconds: float) -> Outcome:
    place = urlsplit(url)
    assert place.hostname is not None  # noqa: S101 - ours
    assert place.port is not None  # noqa: S101 - ours
    return open_loop.sent(Plan(place.hostname, place.port, str(file), rate, seconds), core)


def _require_answered(outcome: Outcome) -> None:
    """Return if each was answered, in one of the two ways.

    Raises:
        RuntimeError: some were not.
    """
    if outcome.unanswered or outcome.others.count:
        raise RuntimeError(f"not every request was answered: {outcome}")


def _posted(body: bytes, authorization: str) -> bytes:
    head = (
        f"POST {_PATH} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _gets(targets: Path) -> Sequence[bytes]:
    lines = targets.read_text("utf-8").splitlines()
    return [f"GET {line} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() for line in lines]


@contextmanager
def _priced(folder: Path, core: int) -> Iterator[str]:
    """The address of a gateway on that core, which was loaded from a database."""
    port = free_port()
    with cores.confined(core):
        valkey = EmbeddedValkey(folder / "valkey", appendonly=False)
        postgres = EmbeddedPostgres(folder / "postgres")
        valkey.start()
    try:
        with postgres:
            asyncio.run(price_erp.fill(postgres.dsn(), PriceWorld(CATALOGUE)))
            settings = price_erp.settings_file(folder, valkey, postgres.dsn(), port)
            load = [sys.executable, "-m", "stockspan", "load", "--once", "--config", str(settings)]
            subprocess.run(load, check=True)
        serve = ["-m", "stockspan", "serve", "--config", str(settings)]
        with cores.server("gateway", serve, core, folder) as child:
            url = f"http://{HOST}:{port}"
            asyncio.run(cores.ready(url + "/readyz", child))
            yield url
    finally:
        valkey.stop()


def _made(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir()
    return place
