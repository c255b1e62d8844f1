"""SIGINT and SIGTERM as an event that the running parts wait for."""

from __future__ import annotations

import asyncio
import signal


def stopping() -> asyncio.Event:
    """An event that is set when the process is asked to end; call it within the loop."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, event.set)
    return event
