"""A `stockspan` subcommand as a child process of the demo."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Final

from stockspan.demo.folder import DataFolder
from stockspan.embedded.child import Child

_STOP_SECONDS: Final = 15.0


class Program:
    """`python -m stockspan SUBCOMMAND --config …`, with its output in the folder's logs."""

    def __init__(self, name: str, subcommand: str, folder: DataFolder) -> None:
        self.name = name
        self._command = [sys.executable, "-m", "stockspan", subcommand]
        self._command += ["--config", str(folder.settings)]
        self._root = folder.root
        self._child = Child(name, folder.logs / f"{subcommand}.log")

    def launch(self) -> None:
        """Start it; it says itself, over HTTP, when it is ready. From the main thread only."""
        self._child.launch(self._command, cwd=self._root, env=_environment())

    def wait_ready(self) -> None:
        """Nothing to wait for: what it needs may come later, it keeps trying."""

    def alive(self) -> bool:
        """True while it runs."""
        return self._child.alive()

    def stop(self) -> None:
        """SIGTERM, then SIGKILL when it has not ended in time."""
        self._child.stop(signal.SIGTERM, _STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL."""
        self._child.kill()

    def last_words(self) -> str:
        """The last line of its log."""
        return self._child.log_tail(lines=1)

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self._child.log


def _environment() -> dict[str, str]:
    # A STOCKSPAN_ variable in the user's shell would win over the demo's own settings.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STOCKSPAN_")}
    return kept | {"PYTHONUNBUFFERED": "1"}
