"""A child of the benchmarks: one snapshot by the real loader, timed from inside.

Prints {"seconds": …, "peak_mib": …}. A process of its own, so that the memory is the loader's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop

from gateway.config.file import load_settings
from loaders.load import load


async def _load(path: Path) -> float:
    settings = load_settings(path)
    began = time.perf_counter()
    code = await load(settings, once=True, shutdown=asyncio.Event())
    took = time.perf_counter() - began
    if code:
        sys.exit(code)
    return took


def main() -> None:
    """Load once."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seconds = runner.run(_load(Path(sys.argv[1])))
    print(json.dumps({"seconds": seconds, "peak_mib": _peak_mib()}))


def _peak_mib() -> float:
    # Not getrusage(): its maximum also counts what the parent had when it forked.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
