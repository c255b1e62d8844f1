"""Who calls: which of our processes is at the other end of a connection (Linux)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

from tests.running_demo import descendants

UNKNOWN: Final = "unknown"
_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


class Caller(Protocol):
    """A program: its name, and its process now."""

    name: str

    @property
    def pid(self) -> int: ...


class Callers:
    """Counts connections by whose they are; `note` is for `FaultProxy.noted`.

    What belongs to none of the programs, or to the children of their processes, is `unknown`.
    """

    def __init__(self, programs: Sequence[Caller]) -> None:
        self.counts: Counter[str] = Counter()
        self._programs = programs

    def note(self, port: int) -> None:
        """A connection came from this port of this machine."""
        inode = _inode(port)
        self.counts[UNKNOWN if inode is None else self._owner(inode)] += 1

    def _owner(self, inode: str) -> str:
        for program in self._programs:
            if _holds((program.pid, *descendants(program.pid)), f"socket:[{inode}]"):
                return program.name
        return UNKNOWN


def _inode(port: int) -> str | None:
    for table in _TABLES:
        for line in table.read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port and fields[9] != "0":
                return fields[9]
    return None


def _holds(pids: Iterable[int], link: str) -> bool:
    for pid in pids:
        try:
            for handle in Path(f"/proc/{pid}/fd").iterdir():
                if str(handle.readlink()) == link:
                    return True
        except OSError:
            # It ended, or closed something, while it was looked at.
            continue
    return False
