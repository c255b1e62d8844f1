"""scripts/*: plain sh, one clear line when something is missing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "scripts").iterdir())
# What scripts/setup uses besides the shell itself and Python.
TOOLS = ("sh", "cat", "cksum", "dirname", "env", "mkdir", "rm", "tail")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what scripts/setup reads, in a folder whose name has a space."""
    folder = tmp_path / "a checkout"
    for name in ("pyproject.toml", "requirements/dev.txt", "scripts/setup"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with the few tools the script needs, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    return folder


def setup(checkout: Path, tools: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts" / "setup"],
        cwd="/",
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )


def fake_python(tools: Path, script: str) -> None:
    path = tools / "python3"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_executable_plain_sh(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert script.read_text("utf-8").startswith("#!/bin/sh\n")
    subprocess.run(["/bin/sh", "-n", script], check=True)


def test_without_python_setup_says_what_to_install(checkout: Path, tools: Path) -> None:
    ran = setup(checkout, tools)
    assert ran.returncode == 1
    assert ran.stderr.startswith("setup: no Python 3.11 or newer found: install one")
    assert ran.stderr.count("\n") == 1


def test_an_old_python_is_no_python(checkout: Path, tools: Path) -> None:
    fake_python(tools, "exit 1")
    assert setup(checkout, tools).stderr.startswith("setup: no Python 3.11 or newer found")


def test_without_venv_setup_names_the_package(checkout: Path, tools: Path) -> None:
    fake_python(tools, 'case "$2" in *ensurepip*) exit 1 ;; esac')
    ran = setup(checkout, tools)
    assert ran.returncode == 1
    assert "apt-get install python3-venv" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not (checkout / ".venv").exists()


def test_a_failed_step_is_shown_and_not_taken_for_done(checkout: Path, tools: Path) -> None:
    fake_python(tools, 'case "$*" in *"-m venv"*) echo "disk full" >&2; exit 7 ;; esac')
    ran = setup(checkout, tools)
    assert ran.returncode == 1
    assert "disk full" in ran.stderr
    assert "this step failed" in ran.stderr
    assert not (checkout / ".venv" / ".packages").exists()
