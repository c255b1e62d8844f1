"""One child process: launched with its output in a log file, watched, stopped.

The child gets a session of its own, so that Ctrl-C in a terminal reaches only us and we stop
the children in order. On Linux it is tethered: when this process ends in any way, SIGKILL
included, the kernel signals the child.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from stockspan.embedded import tether

_TAIL_BYTES: Final = 8_192


class Child:
    """A process of ours under a name, with a log. May be launched again after it ended."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """The process id of the latest launch. Raises RuntimeError before the first."""
        return self._launched().pid

    def launch(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start `command` (its first word an absolute path); does not wait for anything.

        Call it from the main thread: the kernel's tether hangs on the thread that forks.
        `death_signal` is what the child gets when we are gone. Raises OSError.
        """
        if self.alive():
            raise RuntimeError(f"{self.name} is already running as process {self.pid}")
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(f"{self.name} must be launched from the main thread")
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                _tethered(command, death_signal),
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def alive(self) -> bool:
        """True while the launched process runs."""
        return self._process is not None and self._process.poll() is None

    def ended(self, within: float) -> int | None:
        """Wait up to `within` seconds for the end: the exit status, or None while it runs."""
        try:
            return self._launched().wait(within)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, ask: signal.Signals, deadline: float) -> None:
        """Ask it to end, wait `deadline` seconds, then kill it. Harmless when it has ended."""
        if self.alive():
            self._launched().send_signal(ask)
            self.ended(deadline)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the process and to what is left of its session's first process group."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
        self._sweep(self._process.pid)
        self._process.wait()

    def log_tail(self, lines: int = 6) -> str:
        """The last lines written since the latest launch."""
        try:
            with self.log.open("rb") as output:
                size = output.seek(0, os.SEEK_END)
                output.seek(max(self._log_start, size - _TAIL_BYTES))
                text = output.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.strip().splitlines()[-lines:])

    @staticmethod
    def _sweep(group: int) -> None:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            # Nobody left in the group; macOS answers EPERM for a group of zombies.
            return

    def _launched(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never launched")
        return self._process


def _tethered(command: Sequence[str], death_signal: signal.Signals) -> list[str]:
    if sys.platform != "linux":
        return list(command)
    script = str(Path(tether.__file__))
    python = [sys.executable, "-I", "-S", script]
    return [*python, str(int(death_signal)), str(os.getpid()), *command]
