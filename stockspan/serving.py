"""`stockspan serve`: one gateway in this process, or several that share its port.

Workers are processes of their own with SO_REUSEPORT, each with its own event loop. One that dies
is replaced. A worker's standard input is a pipe from here: when it closes, because this process
ended in whatever way, the worker ends too, so nothing is left behind.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Final

import structlog
import uvloop

from gateway.api.connections import Patience
from gateway.api.server import Address, run_worker
from gateway.config.settings import Settings
from gateway.wiring.assembly import assemble
from gateway.wiring.token_keys import require_token_keys
from stockspan.failure import Failure
from stockspan.signals import stopping

_PATIENCE: Final = 10.0
"""Seconds a worker has to finish its requests."""

_PAUSE: Final = 0.5
"""Seconds before a dead worker is replaced, so that a broken one does not spin."""

_COLLECT_EVERY: Final = (50_000, 20, 100)
"""Objects more, and young collections, before the next collection of each generation."""

log = structlog.get_logger()


def serve(settings: Settings, config: Path | None) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises:
        SettingsError: a key of tokens cannot be used.
        Failure: the address is in use or not allowed.
    """
    # Found here, it ends the command; found by workers, each would be replaced for ever.
    require_token_keys(settings)
    host, port = settings.gateway.host, _claim(settings.gateway.host, settings.gateway.port)
    if settings.gateway.workers == 1:
        return _run_loop(_serve_here(settings, host, port))
    return _run_loop(_supervise(settings.gateway.workers, host, port, config))


def work(settings: Settings) -> int:
    """Serve as one of several workers, until standard input closes."""
    return _run_loop(_work(settings))


def _claim(host: str, port: int) -> int:
    """The port, known to be free: workers share it with whoever else would, so ask first."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            bound: int = probe.getsockname()[1]
            return bound
    except OSError as error:
        raise _taken(host, port, error) from None


def _taken(host: str, port: int, error: OSError) -> Failure:
    return Failure(f"gateway.port: cannot listen on {host}:{port} ({error.strerror or error})")


def _run_loop(work: Coroutine[None, None, int]) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


async def _serve_here(settings: Settings, host: str, port: int) -> int:
    await _work_on(settings, stopping(), Address(host, port))
    return 0


async def _work(settings: Settings) -> int:
    shutdown = stopping()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    orphaned = asyncio.create_task(_set_at_end(reader, shutdown))
    gateway = settings.gateway
    await _work_on(settings, shutdown, Address(gateway.host, gateway.port, reuse_port=True))
    orphaned.cancel()
    return 0


def _spare_the_collector() -> None:
    """Let Python's cyclic garbage collector look less often, and not at what stays for good.

    A worker keeps hundreds of thousands of copies that are no garbage and form no cycles; walking
    them all again and again cost a quarter of a price query.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_EVERY)


async def _work_on(settings: Settings, shutdown: asyncio.Event, address: Address) -> None:
    _spare_the_collector()

    def listening(port: int) -> None:
        log.info("the gateway listens", action="gateway.started", host=address.host, port=port)

    gateway = settings.gateway
    patience = Patience(
        gateway.head_timeout,
        gateway.body_timeout,
        gateway.answer_timeout,
        gateway.connections_per_address,
    )
    try:
        await run_worker(
            assemble(settings),
            address,
            shutdown,
            cors_origins=gateway.cors_origins,
            patience=patience,
            on_listening=listening,
        )
    except OSError as error:
        # Free a moment ago, when it was asked for.
        raise _taken(address.host, address.port, error) from None
    log.info("the gateway has stopped", action="gateway.stopped")


async def _set_at_end(reader: asyncio.StreamReader, event: asyncio.Event) -> None:
    while await reader.read(64):
        continue
    event.set()


async def _supervise(count: int, host: str, port: int, config: Path | None) -> int:
    shutdown = stopping()
    command = [sys.executable, "-m", "stockspan", "worker", "--host", host, "--port", str(port)]
    if config is not None:
        command += ["--config", str(config)]
    async with asyncio.TaskGroup() as workers:
        for place in range(count):
            workers.create_task(_keep_working(place, command, shutdown))
    return 0


async def _keep_working(place: int, command: list[str], shutdown: asyncio.Event) -> None:
    asked_to_end = asyncio.create_task(shutdown.wait())
    while not shutdown.is_set():
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
        ended = asyncio.create_task(process.wait())
        await asyncio.wait({ended, asked_to_end}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            log.warning("worker died", action="worker.died", place=place, code=ended.result())
            await asyncio.wait({asked_to_end}, timeout=_PAUSE)
            continue
        await _end(process, ended)


async def _end(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    process.terminate()
    done, _ = await asyncio.wait({ended}, timeout=_PATIENCE)
    if not done:
        process.kill()
        await ended
