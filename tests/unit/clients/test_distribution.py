"""The client can be installed and imported without anything of the gateway's."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.test_architecture import cycles, long_modules, read, vague_names

ROOT = Path(__file__).parents[3]
HOME = ROOT / "clients" / "python"
MODULES = read(HOME, ("stockspan_client",))
ALLOWED = {"aiohttp", "msgspec", "yarl", "stockspan_client", *sys.stdlib_module_names}


def project(path: Path) -> dict[str, Any]:
    described: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))["project"]
    return described


def test_it_imports_nothing_but_what_it_says_it_needs() -> None:
    assert MODULES
    imported = {name.split(".")[0] for module in MODULES.values() for name in module.imports}
    assert imported <= ALLOWED
    needed = {line.split(">")[0] for line in project(HOME / "pyproject.toml")["dependencies"]}
    assert needed == imported - {"stockspan_client"} - sys.stdlib_module_names


def test_it_needs_no_newer_library_than_the_gateway() -> None:
    ours = project(ROOT / "pyproject.toml")["dependencies"]
    theirs = project(HOME / "pyproject.toml")["dependencies"]
    assert [line for line in theirs if not line.startswith("yarl")] == [
        line for line in ours if line.startswith(("aiohttp>", "msgspec>"))
    ]


def test_importing_it_loads_nothing_of_the_gateway() -> None:
    code = "import sys, stockspan_client; print(*{name.split('.')[0] for name in sys.modules})"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True, check=True
    )
    loaded = set(ran.stdout.split())
    assert "stockspan_client" in loaded
    heavy = {"gateway", "loaders", "stockspan", "redis", "asyncpg", "babel", "structlog", "orjson"}
    assert not loaded & heavy


@pytest.mark.parametrize("rule", [cycles, long_modules, vague_names])
def test_the_house_s_rules_hold_here_too(rule: Any) -> None:
    assert list(rule(MODULES)) == []
