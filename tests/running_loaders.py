"""The loaders as they run, in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from gateway.config.settings import Settings
from loaders.load import load

_SECONDS: Final = 30


@asynccontextmanager
async def running_loaders(settings: Settings) -> AsyncIterator[None]:
    """For as long as the context lasts; then they must stop in good order."""
    shutdown = asyncio.Event()
    task = asyncio.create_task(load(settings, once=False, shutdown=shutdown))
    try:
        yield
    finally:
        shutdown.set()
        code = await asyncio.wait_for(task, _SECONDS)
    assert code == 0
