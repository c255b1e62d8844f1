"""An ERP that leaves files: the stock of a folder, with the manifest that proves it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_NAME: Final = "stock.ndjson"


class FileErp:
    """Writes into `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()

    def write(self, rows: Sequence[Mapping[str, Any] | bytes], cut: int | None = None) -> None:
        """All of it, or only so many bytes, under a manifest that promises all."""
        whole = ndjson(rows)
        promise = {"count": len(rows), "sha256": hashlib.sha256(whole).hexdigest()}
        self._put(_NAME, whole[:cut])
        self._put("manifest.json", json.dumps({"stock": promise}).encode())

    def _put(self, name: str, content: bytes) -> None:
        new = self.path / f"{name}.new"
        new.write_bytes(content)
        new.rename(self.path / name)


def ndjson(rows: Sequence[Mapping[str, Any] | bytes]) -> bytes:
    """A line for each; bytes as they are."""
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return b"".join(line + b"\n" for line in lines)
