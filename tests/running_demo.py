"""`stockspan demo` as a real process, for the tests that need all of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from tests.unmeasured import unmeasured

READY_SECONDS: Final = 90.0
STOP_SECONDS: Final = 30.0
_CHILDREN: Final = {
    "/valkey-server ": "valkey",
    "/bin/postgres ": "postgres",
    " stockspan load ": "load",
    " stockspan serve ": "serve",
}
COMMAND: Final = (sys.executable, "-m", "stockspan", "demo")


def until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Look again until `condition` holds; fails with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


def running(pid: int) -> bool:
    """Whether the process runs; one that ended and waits to be fetched does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> list[int]:
    """The processes that `pid` started, and those that they started."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found = list(parents.get(pid, []))
    for child in found:
        found += parents.get(child, [])
    return found


def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Status and JSON body of GET `url`; status 0 when nobody answers."""
    return _ask("GET", url, None, headers or {})


def post(url: str, body: str, headers: dict[str, str]) -> tuple[int, Any]:
    """Status and JSON body of POST `url`."""
    return _ask("POST", url, body.encode(), headers)


def _ask(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, Any]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(method, f"{parts.path or '/'}?{parts.query}", body, headers)
        response = connection.getresponse()
        text = response.read()
        is_json = "json" in (response.headers["Content-Type"] or "")
        return response.status, json.loads(text) if is_json else text.decode()
    except OSError:
        return 0, None
    finally:
        connection.close()


class RunningDemo:
    """Started with `arguments`, in `data_dir`; `wait_ready` reads its demo.json into `facts`.

    `env` is its environment; its coverage is measured where that says so.
    """

    def __init__(self, data_dir: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.output = data_dir.with_name(f"{data_dir.name}.output")
        command = [*COMMAND, "--port", "0", "--data-dir", str(data_dir), *arguments]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                env=unmeasured() if env is None else env,
            )
        self.facts: dict[str, Any] = {}

    def wait_ready(self) -> RunningDemo:
        """Wait for demo.json; fails with the output when the demo ends instead."""
        ready = self.data_dir / "demo.json"

        def there_or_ended() -> bool:
            return ready.exists() or self.process.poll() is not None

        until(there_or_ended, f"{ready} is there", READY_SECONDS)
        assert ready.exists(), self.output.read_text()
        self.facts = json.loads(ready.read_text())
        return self

    def processes(self) -> dict[str, int]:
        """The demo's own children by what they are: valkey, postgres, load, serve."""
        found = {}
        for pid in descendants(self.process.pid):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
                parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            for sign, name in _CHILDREN.items():
                if parent == self.process.pid and sign in words:
                    found[name] = pid
        return found

    def stock(self, sku: str) -> dict[str, Any]:
        """The exact answer for `sku`; empty while nobody gives one."""
        key = self.facts["keys"]["all"]
        status, item = get(
            f"{self.facts['gateway']}/v1/stock/{sku}", {"Authorization": f"Bearer {key}"}
        )
        return dict(item) if status == 200 else {}

    def price(self, sku: str, customer: str, quantity: float = 1) -> dict[str, Any]:
        """What `customer` pays for so many of `sku`; empty while nobody says."""
        key = self.facts["keys"]["all"]
        query = urlencode({"customer": customer, "sku": sku, "quantity": quantity})
        status, item = get(
            f"{self.facts['gateway']}/v1/prices?{query}", {"Authorization": f"Bearer {key}"}
        )
        return dict(item) if status == 200 else {}

    def stop(self, ask: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, give its exit status; it fails when it does not end in time."""
        if self.process.poll() is None:
            self.process.send_signal(ask)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
