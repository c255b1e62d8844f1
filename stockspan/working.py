"""A process that serves: the only gateway of its address, or one of several workers."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import structlog

from gateway.api.connections import Patience
from gateway.api.server import Address, run_worker
from gateway.api.siblings import Siblings
from gateway.config.settings import Gateway, Settings
from gateway.wiring.assembly import assemble
from stockspan.invocation import run
from stockspan.signals import stopping
from stockspan.traced import traced
from stockspan.workers.port import free, taken
from stockspan.workers.pulse import Pulse
from stockspan.workers.tether import WorkerEnd
from stockspan.workers.worker import TRACE_SIGNAL

_COLLECT_EVERY: Final = (50_000, 20, 100)
"""Objects more, and young collections, before the next collection of each generation."""

log = structlog.get_logger()


class Seat(msgspec.Struct, frozen=True):
    """Which of several workers this one is.

    It accepts from `sockets` (numbers of open files), meets the others in `folder`, and has
    `replaced` so many before it.
    """

    place: int
    folder: Path
    sockets: Sequence[int]
    replaced: int = 0


def alone(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM; a second one ends it at once.

    Raises:
        Failure: the address is in use or not allowed.
    """
    with traced(settings):
        return run(_alone(settings))


def work(settings: Settings, seat: Seat) -> int:
    """Serve as one of several workers, until told to stop or the supervisor ends.

    Raises:
        Failure: it was not started by a supervisor.
    """
    with suppress(OSError, ValueError):  # standard error is closed, or no file
        faulthandler.register(TRACE_SIGNAL)
    with traced(settings):
        return run(_work(settings, seat))


async def _alone(settings: Settings) -> int:
    gateway = settings.gateway
    port = free(gateway.host, gateway.port)
    await _work_on(settings, stopping(again=_give_up), Address(gateway.host, port))
    return 0


def _give_up() -> NoReturn:
    """End at once, whatever is under way."""
    log.warning("stopped before all requests were answered", action="gateway.cut")
    sys.stderr.flush()
    os._exit(1)


async def _work(settings: Settings, seat: Seat) -> int:
    shutdown = stopping()
    end = WorkerEnd.at_standard_input()
    orphaned = asyncio.Event()
    end.when_cut(orphaned.set)
    gateway = settings.gateway
    every = Pulse(gateway.stuck_after, 0).every
    siblings = Siblings(seat.folder, seat.place, gateway.workers, seat.replaced)
    sockets = tuple(socket.socket(fileno=number) for number in seat.sockets)
    going_on: list[asyncio.Task[None]] = [
        asyncio.create_task(_leave(shutdown, end)),
        asyncio.create_task(_follow(orphaned, shutdown)),
    ]
    try:
        await _work_on(
            settings,
            shutdown,
            Address(gateway.host, sockets=sockets, siblings=siblings),
            # What is heard of it first is that it listens.
            lambda: going_on.append(asyncio.create_task(end.beat(every))),
        )
    finally:
        for task in going_on:
            task.cancel()
        if orphaned.is_set():
            siblings.abandon()
    return 0


async def _follow(orphaned: asyncio.Event, shutdown: asyncio.Event) -> None:
    await orphaned.wait()
    shutdown.set()


async def _leave(shutdown: asyncio.Event, end: WorkerEnd) -> None:
    await shutdown.wait()
    end.leave()


def _spare_the_collector() -> None:
    """Let Python's cyclic garbage collector look less often, and not at what stays for good.

    A worker keeps hundreds of thousands of copies that are no garbage and form no cycles; walking
    them all again and again cost a quarter of a price query.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_EVERY)


async def _work_on(
    settings: Settings,
    shutdown: asyncio.Event,
    address: Address,
    begun: Callable[[], object] = lambda: None,
) -> None:
    _spare_the_collector()

    def listening(port: int) -> None:
        log.info("the gateway listens", action="gateway.started", host=address.host, port=port)
        begun()

    gateway = settings.gateway
    try:
        await run_worker(
            assemble(settings),
            address,
            shutdown,
            cors_origins=gateway.cors_origins,
            patience=_patience(gateway),
            grace=gateway.drain_timeout,
            on_listening=listening,
        )
    except OSError as error:
        # Free a moment ago, when it was asked for.
        raise taken(address.host, address.port, error) from None
    log.info("the gateway has stopped", action="gateway.stopped")


def _patience(gateway: Gateway) -> Patience:
    return Patience(
        gateway.head_timeout,
        gateway.body_timeout,
        gateway.answer_timeout,
        gateway.connections_per_address,
        longest_wait=gateway.longest_wait,
    )
