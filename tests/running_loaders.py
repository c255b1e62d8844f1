"""The loaders as they run, in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from gateway.config.settings import Settings
from loaders.load import load

_SECONDS: Final = 30


def from_a_folder(redis_url: str, folder: Path) -> Settings:
    """Stock that is taken from `drop` in this folder, which is made, as soon as it lies there."""
    (folder / "drop").mkdir()
    return Settings(
        store={"url": redis_url, "timeout": 5.0},
        loaders={"spool_dir": folder / "spool"},
        sources={"drop": {"type": "files", "directory": folder / "drop"}},
        feeds={"stock": {"kind": "stock", "source": "drop", "delta_every": "20ms"}},
    )


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
