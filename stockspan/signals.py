"""SIGINT and SIGTERM as an event that the running parts wait for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Final

_SAME: Final = 0.5
"""Seconds in which a second signal is the first: a terminal tells a whole group of processes, and
one of them tells the others."""


def stopping(again: Callable[[], None] | None = None) -> asyncio.Event:
    """An event that is set when the process is asked to end; call it within the loop.

    `again` is called when it is asked once more, by somebody who will not wait.
    """
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    first: float | None = None

    def asked() -> None:
        nonlocal first
        if first is None:
            first = loop.time()
            event.set()
        elif again is not None and loop.time() - first > _SAME:
            again()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    return event
