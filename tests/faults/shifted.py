"""Clocks of other processes, which a scenario sets while they run.

Python imports `sitecustomize` before anything else in a process that has its folder on its path;
this one adds to what the machine's clock says what lies in a file that is shared memory.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Final

_SHIFT: Final = """\
import mmap, os, struct, time

if "SHIFTED_CLOCK" in os.environ:
    with open(os.environ["SHIFTED_CLOCK"], "rb") as file:
        _shared = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    _read = struct.Struct("d").unpack_from
    _time, _time_ns, _monotonic = time.time, time.time_ns, time.monotonic
    time.time = lambda: _time() + _read(_shared)[0]
    time.time_ns = lambda: _time_ns() + int(_read(_shared)[0] * 1e9)
    if "SHIFTED_WHOLLY" in os.environ:
        time.monotonic = lambda: _monotonic() + _read(_shared)[0]
"""


class ShiftedClock:
    """One clock, for as many processes as have its `env`, and `folder` on their path.

    With `whole_env` the clock that only goes up is shifted as well, as if the time had really
    passed; uvloop has its own, so that what is on its way is not late by that.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "sitecustomize.py").write_text(_SHIFT, "utf-8")
        file = folder / "shift"
        file.write_bytes(bytes(8))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 8)
        self.env: Final = {"SHIFTED_CLOCK": str(file)}
        self.whole_env: Final = {**self.env, "SHIFTED_WHOLLY": "1"}

    def shift(self, seconds: float) -> None:
        """It is so much ahead of the machine's from now on, or behind it."""
        struct.pack_into("d", self._shared, 0, seconds)
