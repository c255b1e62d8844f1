"""The data folder of a demo: who may use it, and what lies where in it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stockspan.embedded.private_file import write_private
from stockspan.failure import Failure


class DataFolder:
    """Paths below `root`; `kept` says whether it outlives the demo."""

    def __init__(self, root: Path, *, kept: bool) -> None:
        self.root = root
        self.kept = kept
        self.settings = root / "stockspan.toml"
        self.ready = root / "demo.json"
        self.keys = root / "keys.json"
        self.customer_tokens = root / "customer-tokens.pem"
        self.price_tokens = root / "price-tokens.pem"
        self.valkey = root / "valkey"
        self.postgres = root / "postgres"
        self.spool = root / "spool"
        self.logs = root / "logs"

    def announce(self, facts: dict[str, Any]) -> None:
        """Write `demo.json`, which says by its being there that all is ready."""
        write_private(self.ready, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")

    def withdraw(self) -> None:
        """Take `demo.json` away: what it names does not answer (yet, or any more)."""
        self.ready.unlink(missing_ok=True)


@contextmanager
def open_folder(data_dir: Path | None) -> Iterator[DataFolder]:
    """The given folder, made when missing and kept; else a temporary one, removed at the end.

    Raises:
        Failure: it is no folder, cannot be written, or another demo runs in it.
    """
    if data_dir is None:
        with _temporary() as root:
            yield _furnished(root, kept=False)
        return
    root = data_dir.absolute()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Failure(_unusable(root, error)) from None
    try:
        _claim(lock, root)
        folder = _furnished(root, kept=True)
        try:
            yield folder
        finally:
            folder.withdraw()
    finally:
        os.close(lock)


@contextmanager
def _temporary() -> Iterator[Path]:
    try:
        root = Path(tempfile.mkdtemp(prefix="stockspan-demo-"))
    except OSError as error:
        raise Failure(_unusable(Path(tempfile.gettempdir()), error)) from None
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _claim(lock: int, root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Failure(f"--data-dir {root}: another demo is running in this folder") from None


def _furnished(root: Path, *, kept: bool) -> DataFolder:
    folder = DataFolder(root, kept=kept)
    try:
        folder.withdraw()
        folder.spool.mkdir(exist_ok=True)
        folder.logs.mkdir(exist_ok=True)
    except OSError as error:
        raise Failure(_unusable(root, error)) from None
    return folder


def _unusable(root: Path, error: OSError) -> str:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"--data-dir {root}: is not a folder"
    return f"--data-dir {root}: cannot be written ({error.strerror or error})"
