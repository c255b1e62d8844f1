"""The embedded servers: start, stop, kill, the same port and data again, and honest failures."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stockspan.embedded import privileges
from stockspan.embedded.errors import ServerNotInstalled, ServerNotStarted
from stockspan.embedded.ports import HOST, free_port, is_free
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey

_DEADLINE = 20.0
_QUICK = {"fsync": "off"}


def _until(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + _DEADLINE
    while not condition():
        assert time.monotonic() < until, f"not within {_DEADLINE:g} s: {what}"
        time.sleep(0.01)


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A zombie whose new parent has not fetched it yet no longer runs.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists()


class TestValkey:
    def test_asks_for_its_password_which_is_not_among_its_arguments(self, tmp_path: Path) -> None:
        with EmbeddedValkey(tmp_path) as server:
            arguments = Path(f"/proc/{server.pid}/cmdline").read_text()
            with socket.create_connection((HOST, server.port), timeout=2) as stranger:
                stranger.sendall(b"PING\r\n")
                assert stranger.recv(64).startswith(b"-NOAUTH")
            assert server.password not in arguments
            assert stat.S_IMODE((tmp_path / "valkey.conf").stat().st_mode) == 0o600
        assert not server.alive()

    @pytest.mark.parametrize("end", [EmbeddedValkey.stop, EmbeddedValkey.kill])
    def test_keeps_port_and_data(
        self, tmp_path: Path, end: Callable[[EmbeddedValkey], None]
    ) -> None:
        with EmbeddedValkey(tmp_path / "a folder") as server:
            url, first = server.url, server.pid
            assert server.command("SET", "key", "42") == b"+OK"
            end(server)
            assert not server.alive()
            server.start()
            assert (server.url, server.command("STRLEN", "key")) == (url, b":2")
            assert server.pid != first

    def test_without_appendonly_a_restart_is_empty(self, tmp_path: Path) -> None:
        with EmbeddedValkey(tmp_path, appendonly=False) as server:
            server.command("SET", "key", "42")
            server.stop()
            server.start()
            assert server.command("DBSIZE") == b":0"

    def test_any_password_works(self, tmp_path: Path) -> None:
        with EmbeddedValkey(tmp_path, password='p" \\#@/é') as server:
            assert server.command("PING") == b"+PONG"
            assert "%22%20%5C%23%40%2F%C3%A9@" in server.url

    def test_flush_empties_it(self, tmp_path: Path) -> None:
        with EmbeddedValkey(tmp_path) as server:
            server.command("SET", "key", "42")
            server.flush()
            assert server.command("DBSIZE") == b":0"

    def test_port_in_use_is_one_clear_error(self, tmp_path: Path) -> None:
        with socket.create_server((HOST, free_port())) as taken:
            server = EmbeddedValkey(tmp_path, port=taken.getsockname()[1])
            with pytest.raises(ServerNotStarted) as failure:
                server.start()
        assert failure.value.summary == "Valkey did not start (exit status 1)"
        assert "Address already in use" in failure.value.detail
        assert not server.alive()


class TestPostgres:
    def test_listens_on_loopback_alone_and_asks_for_its_password(self, tmp_path: Path) -> None:
        with EmbeddedPostgres(tmp_path, settings=_QUICK) as server:
            assert server.psql("SHOW listen_addresses") == HOST
            assert server.psql("SHOW unix_socket_directories") == ""
            assert server.psql("SHOW server_encoding") == "UTF8"
            assert server.psql("SELECT upper('ärm')") == "ÄRM"
            assert stat.S_IMODE((tmp_path / "password").stat().st_mode) == 0o600
            (tmp_path / "password").write_text("not the password\n")
            with pytest.raises(RuntimeError, match="password authentication failed"):
                server.psql("SELECT 1")
        assert not server.alive()

    def test_keeps_port_and_data_over_stop_and_kill(self, tmp_path: Path) -> None:
        with EmbeddedPostgres(tmp_path, settings=_QUICK) as server:
            dsn = server.dsn("postgres")
            server.psql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
            server.stop()
            assert not server.alive()
            server.start()
            server.psql("INSERT INTO kept VALUES (2)")
            server.kill()
            assert not server.alive()
            server.start()
            assert server.psql("SELECT sum(n) FROM kept") == "3"
            assert server.dsn("postgres") == dsn

    def test_another_start_from_the_same_folder_continues(self, tmp_path: Path) -> None:
        with EmbeddedPostgres(tmp_path, settings=_QUICK) as server:
            server.psql("CREATE DATABASE kept")
        with EmbeddedPostgres(tmp_path, settings=_QUICK) as again:
            assert again.psql("SELECT 1", database="kept") == "1"

    def test_lock_that_names_another_process_by_now_is_no_hindrance(self, tmp_path: Path) -> None:
        with EmbeddedPostgres(tmp_path, settings=_QUICK) as server:
            server.kill()
            lock = tmp_path / "pgdata/postmaster.pid"
            with subprocess.Popen(["sleep", "600"]) as other:  # noqa: S607 - any process will do
                lines = [str(other.pid), *lock.read_text().splitlines()[1:]]
                lock.write_text("\n".join(lines))
                server.start()
                other.kill()
            assert server.psql("SELECT 1") == "1"

    def test_interrupted_initdb_is_made_again(self, tmp_path: Path) -> None:
        half = tmp_path / "pgdata.making"
        half.mkdir()
        (half / "PG_VERSION").write_text("18\n")
        with EmbeddedPostgres(tmp_path, settings=_QUICK) as server:
            assert server.psql("SELECT 1") == "1"
        assert not half.exists()

    def test_stops_although_clients_are_connected(self, tmp_path: Path) -> None:
        with EmbeddedPostgres(tmp_path, settings=_QUICK) as server:
            line = server.psql_line()
            client = subprocess.Popen(
                [*line.split(), "-c", "SELECT pg_sleep(600)"], stderr=subprocess.DEVNULL
            )
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)'"
            _until(lambda: server.psql(waiting) == "1", "the client sleeps in the server")
            server.stop()
            assert client.wait(_DEADLINE) != 0
        assert "database system is shut down" in (tmp_path / "postgres.log").read_text()

    def test_port_in_use_is_one_clear_error(self, tmp_path: Path) -> None:
        with socket.create_server((HOST, free_port())) as taken:
            server = EmbeddedPostgres(tmp_path, port=taken.getsockname()[1])
            with pytest.raises(ServerNotStarted) as failure:
                server.start()
        assert failure.value.summary == "PostgreSQL did not start (exit status 1)"
        assert "Address already in use" in failure.value.detail

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user to change from")
    def test_root_hands_the_server_to_nobody_and_changes_no_folder_above(
        self, tmp_path: Path
    ) -> None:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        with EmbeddedPostgres(closed / "postgres", settings=_QUICK) as server:
            status = Path(f"/proc/{server.pid}/status").read_text()
            assert "Uid:\t65534\t65534\t65534\t65534" in status
            assert "CapEff:\t0000000000000002" in status
        assert (stat.S_IMODE(closed.stat().st_mode), closed.stat().st_uid) == (0o700, 0)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root needs setpriv")
    def test_root_without_setpriv_is_told_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(ServerNotInstalled) as failure:
            EmbeddedPostgres(tmp_path / "postgres").start()
        assert "setpriv" in failure.value.summary
        assert "install the package util-linux" in failure.value.detail

    def test_command_of_an_ordinary_user_stays_as_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert privileges.unprivileged(["/bin/postgres"], tmp_path) == ["/bin/postgres"]


_STARTER = """
import signal, sys
from pathlib import Path
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey

folder = Path(sys.argv[1])
valkey, postgres = EmbeddedValkey(folder / "valkey"), EmbeddedPostgres(folder / "postgres")
valkey.start()
postgres.start()
print(valkey.pid, postgres.pid, postgres.port, flush=True)
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_servers_end_when_their_starter_is_killed(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    with starter.stdout:
        valkey, postgres, port = map(int, starter.stdout.readline().split())
    assert not _gone(valkey)
    assert not _gone(postgres)
    starter.send_signal(signal.SIGKILL)
    starter.wait(_DEADLINE)
    _until(lambda: _gone(valkey) and _gone(postgres), "both servers end")
    assert is_free(port)
    assert "received fast shutdown request" in (tmp_path / "postgres/postgres.log").read_text()


def test_valkey_fixture_is_emptied(valkey: EmbeddedValkey, redis_url: str) -> None:
    assert redis_url == valkey.url
    assert valkey.command("DBSIZE") == b":0"


def test_database_fixture_is_a_database_of_its_own(
    postgres: EmbeddedPostgres, database: str
) -> None:
    name = database.rpartition("/")[2]
    assert postgres.dsn(name) == database
    assert postgres.psql("SELECT current_database()", database=name) == name
