"""What commands have in common: the word that names their settings, and a loop to run in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import uvloop
from cyclopts import Parameter

from gateway.config.file import find_file, load_settings
from gateway.config.settings import Settings

T = TypeVar("T")

Config = Annotated[
    Path | None,
    Parameter(help="Settings file; else $STOCKSPAN_CONFIG, else ./stockspan.toml if it is there."),
]


def settings_of(config: Path | None) -> Settings:
    """The settings of the file that was named, or else is found.

    Raises:
        SettingsError: something in them is wrong.
    """
    return load_settings(find_file(config, os.environ))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do this to its end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
