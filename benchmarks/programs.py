"""The loaders and a gateway as they run, each a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(settings: Path) -> Iterator[None]:
    """Both, with this file of settings; ended, and waited for, at the end."""
    children = [
        subprocess.Popen([sys.executable, "-m", "stockspan", part, "--config", str(settings)])
        for part in ("load", "serve")
    ]
    try:
        yield
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(timeout=30)
