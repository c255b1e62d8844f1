"""`stockspan demo` as a process: what it survives, how it ends, why it refuses."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stockspan.demo.folder import open_folder
from stockspan.embedded.ports import HOST, free_port, is_free
from stockspan.failure import Failure
from tests.quiet_article import QUIET, follows
from tests.running_demo import COMMAND, STOP_SECONDS, RunningDemo, descendants, post, running, until
from tests.unmeasured import unmeasured

pytestmark = pytest.mark.timeout(240)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_lives_through_what_kills_its_parts_and_ends_whole(tmp_path: Path) -> None:
    first = RunningDemo(tmp_path / "data", "--workers", "2")
    try:
        first.wait_ready()
        for quantity, name in enumerate(("valkey", "postgres", "load", "serve"), start=11):
            victim = first.processes()[name]
            os.kill(victim, signal.SIGKILL)
            until(
                lambda: first.processes().get(name) not in {None, victim},  # noqa: B023 - called before the next turn
                f"{name} is back",
            )
            follows(first, quantity)
        _ends_whole(first, 0, signal.SIGTERM)
        assert not (first.data_dir / "demo.json").exists()
        for url in ("gateway", "ingest", "shop", "valkey", "erp_dsn"):
            assert is_free(urlsplit(first.facts[url]).port or 0)
    finally:
        first.stop()

    second = RunningDemo(tmp_path / "data")
    try:
        # It goes on where it was, and is killed.
        second.wait_ready()
        assert second.facts["keys"] == first.facts["keys"]
        assert second.facts["jwt"] == first.facts["jwt"]
        assert second.stock(QUIET)["salable"] == 14
        _ends_whole(second, -signal.SIGKILL, signal.SIGKILL)
    finally:
        second.stop()


def _ends_whole(demo: RunningDemo, status: int, number: signal.Signals) -> None:
    """No process of it is left."""
    started = descendants(demo.process.pid)
    assert len(started) >= 4
    assert demo.stop(number) == status, demo.output.read_text()
    until(lambda: not any(running(pid) for pid in started), "all processes end")


def test_stopped_while_starting_leaves_nothing(tmp_path: Path) -> None:
    demo = RunningDemo(tmp_path / "data")
    until(lambda: "valkey" in demo.processes(), "its first server runs")
    started = descendants(demo.process.pid)
    # Asked twice, as by somebody in a hurry.
    demo.process.send_signal(signal.SIGTERM)
    assert demo.stop(signal.SIGINT) == 0, demo.output.read_text()
    assert [pid for pid in started if running(pid)] == []
    assert not (demo.data_dir / "demo.json").exists()


def test_without_a_data_dir_its_folder_goes_with_it(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [*COMMAND, "--port", "0", "--empty"],
        stdout=subprocess.DEVNULL,
        env={**unmeasured(), "TMPDIR": str(tmp_path)},
    )
    try:
        until(lambda: any(tmp_path.glob("stockspan-demo-*/demo.json")), "ready", 90)
        (folder,) = tmp_path.glob("stockspan-demo-*")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(STOP_SECONDS) == 0
    assert list(tmp_path.iterdir()) == []


def test_empty_takes_pushes_into_its_one_channel(tmp_path: Path) -> None:
    # Settings in the user's own environment must not reach the demo's processes.
    stray = {"STOCKSPAN_STORE__URL": "redis://127.0.0.1:1/0", "STOCKSPAN_GATEWAY__PORT": "1"}
    demo = RunningDemo(tmp_path / "data", "--empty", env={**unmeasured(), **stray})
    try:
        facts = demo.wait_ready().facts
        assert facts["erp_dsn"] is None
        assert facts["shop"] is None
        assert facts["sample"] == {"skus": [], "customers": [], "channels": ["default"]}
        settings = tomllib.loads((demo.data_dir / "stockspan.toml").read_text())
        assert settings["channels"] == {"default": {"currency": "EUR", "locale": "en"}}
        assert not settings.keys() & {"feeds", "sources"}
        assert facts["jwt"]["private_key"].startswith("-----BEGIN PRIVATE KEY-----")
        assert settings.keys() >= {"prices", "customer_tokens", "price_tokens"}

        key = {"Authorization": f"Bearer {facts['keys']['ingest']}"}
        place, level = {"location": "W1"}, {"sku": "N-1", "location": "W1", "quantity": 25}
        for kind, record in (("locations", place), ("stock", level)):
            status, counts = post(f"{facts['ingest']}/ingest/{kind}", json.dumps(record), key)
            assert (status, counts["accepted"]) == (200, 1)
        until(lambda: demo.stock("N-1").get("salable") == 25, "the pushed level is answered")
    finally:
        assert demo.stop() == 0


def _refused(*arguments: str, env: dict[str, str] | None = None) -> str:
    ran = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(env or {})},
    )
    assert ran.returncode == 1
    lines = ran.stderr.splitlines()
    assert len(lines) == 1, ran.stderr
    return lines[0]


class TestRefusing:
    def test_port_in_use(self, tmp_path: Path) -> None:
        with socket.create_server((HOST, free_port())) as taken:
            port = taken.getsockname()[1]
            said = _refused("--port", str(port), env={"TMPDIR": str(tmp_path)})
        assert (
            said
            == f"stockspan: --port {port}: cannot listen on {HOST}:{port} (Address already in use)"
        )
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("port", ["-1", "65536"])
    def test_no_port(self, port: str) -> None:
        assert _refused(f"--port={port}") == f"stockspan: --port {port}: must be 0 to 65535"

    def test_no_worker(self) -> None:
        assert _refused("--workers=0") == "stockspan: --workers 0: must be at least 1"

    def test_data_dir_is_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_text("mine")
        for path in (file, file / "below"):
            said = _refused("--port", "0", "--data-dir", str(path))
            assert said == f"stockspan: --data-dir {path}: is not a folder"
        assert file.read_text() == "mine"

    def test_data_dir_cannot_be_written(self) -> None:
        # Even root makes no folder here.
        said = _refused("--port", "0", "--data-dir", "/proc/stockspan")
        assert said.startswith("stockspan: --data-dir /proc/stockspan: cannot be written (")

    def test_no_room_for_a_temporary_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", "/proc")
        with pytest.raises(Failure, match="/proc: cannot be written"), open_folder(None):
            pass

    def test_server_that_does_not_start(self, tmp_path: Path) -> None:
        broken = tmp_path / "data/postgres/pgdata"
        broken.mkdir(parents=True)
        (broken.parent / "password").write_text("unused\n")
        said = _refused("--port", "0", "--data-dir", str(tmp_path / "data"))
        assert said.startswith("stockspan: PostgreSQL did not start (exit status ")
        assert not (tmp_path / "data/demo.json").exists()
