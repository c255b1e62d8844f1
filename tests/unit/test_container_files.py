"""Dockerfile and compose.yaml, read as files: no engine is needed to see these mistakes."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config.file import load_settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
OURS = ("gateway", "loaders")


def dockerfile_stages() -> list[list[tuple[str, str]]]:
    """Each stage as (instruction, arguments), continuation lines joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^\s*#.*\n", "", text))
    stages: list[list[tuple[str, str]]] = []
    for line in filter(None, joined.splitlines()):
        instruction, _, arguments = line.partition(" ")
        if instruction == "FROM":
            stages.append([])
        stages[-1].append((instruction, arguments.strip()))
    return stages


def last(instruction: str) -> str:
    return [text for name, text in dockerfile_stages()[-1] if name == instruction][-1]


def test_the_image_is_built_in_stages_from_a_named_release() -> None:
    stages = dockerfile_stages()
    assert len(stages) > 1
    for stage in stages:
        assert re.match(r"python:3\.\d+-slim-\w+", stage[0][1])


def test_the_image_runs_as_a_numbered_user_who_is_not_root() -> None:
    user, group = last("USER").split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_the_image_says_how_it_is_and_serves_by_default() -> None:
    assert "/livez" in last("HEALTHCHECK")
    assert (last("ENTRYPOINT"), last("CMD")) == ('["stockspan"]', '["serve"]')


def test_everything_installed_is_pinned_with_hashes_or_is_ours() -> None:
    runs = [text for stage in dockerfile_stages() for name, text in stage if name == "RUN"]
    installs = [step for run in runs for step in run.split("&&") if "pip install" in step]
    assert installs
    for step in installs:
        assert "--require-hashes" in step or "--no-index" in step, step
        assert "--no-deps" in step, step


def test_what_is_copied_exists_and_is_let_in() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split("\n")
    for name, text in dockerfile_stages()[0]:
        if name == "COPY":
            for source in text.split()[:-1]:
                assert f"!{source}" in ignored, source
                assert (ROOT / source).exists(), source


def test_the_image_s_settings_are_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment = dict(word.split("=", 1) for word in last("ENV").split())
    for name, value in environment.items():
        if name.startswith("STOCKSPAN_") and name != "STOCKSPAN_CONFIG":
            monkeypatch.setenv(name, value)
    settings = load_settings(_empty_file(tmp_path))
    assert settings.gateway.host == "0.0.0.0"  # noqa: S104  # inside a container
    assert f"{settings.gateway.port}, timeout" in last("HEALTHCHECK")
    assert last("EXPOSE") == str(settings.gateway.port)


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_every_service_is_watched_and_comes_back(service: str) -> None:
    described = COMPOSE["services"][service]
    assert described["healthcheck"]["test"][0] == "CMD"
    assert described["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_ports_are_open_to_this_machine_alone(service: str) -> None:
    assert all(
        port.startswith("127.0.0.1:") for port in COMPOSE["services"][service].get("ports", [])
    )


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_volumes_are_declared_and_files_exist(service: str) -> None:
    for volume in COMPOSE["services"][service]["volumes"]:
        source = volume.split(":")[0]
        assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


@pytest.mark.parametrize("service", OURS)
def test_ours_run_without_privileges(service: str) -> None:
    described = COMPOSE["services"][service]
    assert described["read_only"] is True
    assert described["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in described["security_opt"]


@pytest.mark.parametrize("service", OURS)
def test_the_settings_load(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPOSE["services"][service]["environment"].items():
        monkeypatch.setenv(name, _with_defaults(value))
    settings = load_settings(ROOT / "deploy" / "stockspan.toml")
    assert settings.store.url == "redis://valkey:6379/0"
    assert set(settings.feeds) == {"products", "locations", "stock"}


def test_each_holds_its_own_credentials_alone() -> None:
    gateway, loaders = (COMPOSE["services"][name]["environment"] for name in ("gateway", "loaders"))
    assert "ERP_PASSWORD" in str(loaders)
    assert "ERP_PASSWORD" not in str(gateway)
    assert "LEDGER_PASSWORD" in str(gateway)
    assert "LEDGER" not in str(loaders)
    assert re.search(r"postgresql://\w+:\w+@", (ROOT / "deploy/stockspan.toml").read_text()) is None


def test_valkey_never_evicts() -> None:
    command = COMPOSE["services"]["valkey"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def _with_defaults(value: str) -> str:
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def _empty_file(folder: Path) -> Path:
    path = folder / "stockspan.toml"
    path.touch()
    return path
