"""Files with secrets: readable by their owner alone, and whole at every moment."""

from __future__ import annotations

from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Put `text` in `path`, mode 0600; a reader sees the old file or the new. Raises OSError."""
    making = path.with_name(f".{path.name}.making")
    making.unlink(missing_ok=True)
    making.touch(mode=0o600, exist_ok=False)
    making.write_text(text, "utf-8")
    making.replace(path)
