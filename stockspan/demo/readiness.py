"""Waiting until the demo answers, and saying what stands in the way when it does not."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import Final

import aiohttp

from stockspan.demo.program import Program
from stockspan.failure import Failure

_DEADLINE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.1
_TRY_SECONDS: Final = 5.0


async def gateway_ready(url: str, *programs: Program) -> None:
    """Wait until GET `url` is answered 200.

    Raises:
        Failure: one of the programs ended, or it took too long.
    """
    said = "no answer"
    until = time.monotonic() + _DEADLINE_SECONDS
    timeout = aiohttp.ClientTimeout(total=_TRY_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        while time.monotonic() < until:
            _check_alive(programs)
            try:
                async with session.get(url) as response:
                    if response.status == HTTPStatus.OK:
                        return
                    said = f"{response.status} {(await response.text())[:300]}"
            except (aiohttp.ClientError, TimeoutError) as error:
                said = str(error) or "no answer"
            await asyncio.sleep(_POLL_SECONDS)
    raise Failure(f"{url} was not ready within {_DEADLINE_SECONDS:g} s: {said}")


async def push_ready(host: str, port: int, *programs: Program) -> None:
    """Wait until the loaders' own address takes connections. Raises Failure as above."""
    until = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < until:
        _check_alive(programs)
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(_POLL_SECONDS)
        else:
            writer.close()
            await writer.wait_closed()
            return
    raise Failure(f"the loaders' address {host}:{port} was not ready in {_DEADLINE_SECONDS:g} s")


def _check_alive(programs: tuple[Program, ...]) -> None:
    for program in programs:
        if not program.alive():
            words = program.last_words() or f"nothing in {program.log}"
            raise Failure(f"{program.name} ended while starting: {words}")
