"""Clocks: gateways whose clocks are an hour fast and an hour slow; holds live by the store's."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from tests.faults.plays import Play, Stage, play
from tests.faults.programs import GatewayProgram
from tests.faults.reports import Report
from tests.faults.shoppers import Habits
from tests.faults.world import Shape

_HOUR: Final = 3600
_OFF_SECONDS: Final = 1.0
_TTL: Final = 2
_PLACE: Final = "W1"
_THERE: Final = 5
_WANTED: Final = 3
_PATIENCE_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.02

# Run by Python before anything else in a process that has it on its path.
_SKEW: Final = """\
import os, time
_off = float(os.environ.get("CLOCK_OFF_SECONDS", "0"))
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _off
time.time_ns = lambda: _time_ns() + int(_off * 1_000_000_000)
"""


async def clocks(
    stage: Stage, *, seconds: float = 3.0, clients: int = 16, skus: int = 20
) -> Report:
    """Trade, and measure holds by the clock of the store."""
    skew = stage.folder / "skew"
    skew.mkdir()
    (skew / "sitecustomize.py").write_text(_SKEW, "utf-8")
    fast, slow = ({"CLOCK_OFF_SECONDS": str(off)} for off in (_HOUR, -_HOUR))
    shape = Shape(gateways=2, path=(skew,), env=(fast, slow))
    async with play(stage, "clocks", skus=skus, habits=Habits(pause=0.03), shape=shape) as ours:
        ours.report.faults["clocks off by an hour"] += 2
        async with ours.trade(clients):
            await asyncio.sleep(seconds)
        for place, gateway in enumerate(ours.world.gateways):
            await _measure(ours, f"T-{place}", gateway)
        await ours.rest.come()
        return ours.judge()


async def _measure(ours: Play, sku: str, gateway: GatewayProgram) -> None:
    """A hold's life from its making till its units are free again."""
    ours.erp.stocked[sku] = [_PLACE]
    await ours.erp.update(sku, _PLACE, quantity=_THERE)
    body = {"lines": [{"sku": sku, "quantity": _WANTED}], "ttl_seconds": _TTL}
    before = await _store_time(ours)
    op = await ours.prober.ask_for(f"clock-{sku}", body, gateway)
    after = await _store_time(ours)
    expires = datetime.fromisoformat(op.answer["expires_at"]).timestamp()
    if not before + _TTL - _OFF_SECONDS <= expires <= after + _TTL + _OFF_SECONDS:
        ours.find(f"{gateway.name}: ends {expires - before:.3f} s after its start")
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            began = await _store_time(ours)
            read = await ours.prober.read_at(sku, _PLACE)
            ended = await _store_time(ours)
            if read.answer.get("salable") == _THERE:
                break
            if read.status == 200 and began > expires + _OFF_SECONDS:
                ours.find(f"{gateway.name}: held {began - expires:.3f} s too long")
                break
            await asyncio.sleep(_POLL_SECONDS)
    if ended < expires:
        ours.find(f"{gateway.name}: free {expires - ended:.3f} s too early")
    ours.report.recoveries.append(max(0.0, ended - expires))


async def _store_time(ours: Play) -> float:
    seconds, microseconds = await ours.world.redis.time()
    return float(seconds) + microseconds / 1_000_000
