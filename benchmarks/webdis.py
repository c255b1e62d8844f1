"""webdis, a gateway from HTTP to Redis in C, as Debian ships it.

Its configuration is the package's own but for what it must be told here: which ports, which
password, and where it may write. Found where it is installed (Debian: apt-get install webdis).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from benchmarks import cores
from stockspan.embedded.child import Child
from stockspan.embedded.ports import HOST, free_port
from stockspan.embedded.private_file import write_private

MISSING: Final = "webdis is not installed (Debian: apt-get install webdis): left out"
_SHIPPED: Final = Path("/etc/webdis/webdis.json")


def found() -> str | None:
    """Where the program is; None where it is not."""
    return shutil.which("webdis")


@contextmanager
def running(program: str, store: str, core: int, folder: Path) -> Iterator[tuple[str, Child]]:
    """Its address, with that store behind it, on that core alone."""
    port = free_port()
    config = folder / "webdis.json"
    write_private(config, json.dumps(configured(_SHIPPED, store, port, folder)))
    child = Child("webdis", folder / "webdis-output.log")
    with cores.confined(core):
        child.launch([program, str(config)], cwd=folder, env=dict(os.environ))
    try:
        yield f"http://{HOST}:{port}", child
    finally:
        child.stop(signal.SIGTERM, 5.0)


def configured(package: Path, store: str, port: int, folder: Path) -> dict[str, Any]:
    """The package's configuration, and what takes the place of its own words."""
    shipped: dict[str, Any] = json.loads(package.read_text("utf-8")) if package.exists() else {}
    address = urlsplit(store)
    return {
        **shipped,
        "redis_host": address.hostname,
        "redis_port": address.port,
        "redis_auth": unquote(address.password or ""),
        "http_host": HOST,
        "http_port": port,
        "daemonize": False,
        "pidfile": str(folder / "webdis.pid"),
        "logfile": str(folder / "webdis.log"),
    }
