"""requirements/*.txt: pinned, with hashes, without addresses, agreeing with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = ("runtime", "build", "docs", "dev")


def entries(lock: str) -> dict[str, str]:
    """Name to version and the rest of the entry: `1.2 ; marker --hash=…`."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
    lines = re.sub(r"(?m)^\s*#.*\n?", "", text).replace("\\\n", " ").splitlines()
    return {name: rest for name, _, rest in (line.partition("==") for line in lines)}


def versions(lock: str) -> dict[str, str]:
    return {name: rest.split()[0] for name, rest in entries(lock).items()}


def names(requirements: list[str]) -> set[str]:
    return {_name(requirement) for requirement in requirements}


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~;\s]", requirement)[0].lower().replace("_", "-")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_is_pinned_with_hashes(lock: str) -> None:
    assert entries(lock)
    for name, rest in entries(lock).items():
        assert re.fullmatch(r"[a-z0-9-]+", name)
        assert re.match(r"\d[\w.]*\s", rest), name
        assert "--hash=sha256:" in rest, name


@pytest.mark.parametrize("lock", LOCKS)
def test_no_address_is_written_down(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
    assert re.search(r"://|--(extra-)?index|--find-links|--trusted", text) is None


@pytest.mark.parametrize("lock", ["runtime", "build"])
def test_the_locks_agree(lock: str) -> None:
    assert versions(lock).items() <= versions("dev").items()


def test_the_locks_hold_what_the_project_asks_for() -> None:
    runtime = names(PROJECT["project"]["dependencies"])
    build = names(PROJECT["build-system"]["requires"])
    extras = PROJECT["project"]["optional-dependencies"]
    extra = names([each for extra in extras.values() for each in extra])
    dev = names([each for each in PROJECT["dependency-groups"]["dev"] if isinstance(each, str)])
    assert runtime <= entries("runtime").keys()
    assert build <= entries("build").keys()
    assert runtime | extra | dev | build <= entries("dev").keys()
    # The site's generator is wanted for nothing else.
    docs = names(PROJECT["dependency-groups"]["docs"])
    assert docs <= entries("docs").keys() - entries("dev").keys()


def test_the_demo_s_servers_stay_out_of_the_runtime() -> None:
    demo = names(PROJECT["project"]["optional-dependencies"]["demo"])
    assert not demo & entries("runtime").keys()
