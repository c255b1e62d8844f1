"""The file of an archive: whole, or refused with a reason that says where."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import pytest

from gateway.store.feeds import FeedState
from loaders.archive.lines import (
    VERSION,
    ArchivedFeed,
    ArchiveReader,
    ArchiveWriter,
    Header,
    Line,
)
from loaders.errors import ArchiveError

FEED: Final = ArchivedFeed("stock", 1, FeedState("stock", 1, verified_through_ms=7))
HEADER: Final = Header(VERSION, "2026-11-21T10:00:00.000Z", (FEED,))
LINES: Final = (
    Line("stock", 1, 5, msgspec.Raw(b'{"sku":"A","location":"W1","quantity":1}'), 3),
    Line("stock", 1, 6, msgspec.Raw(b'{"sku":"B","location":"W1","delete":true}'), None, 1),
)


def written() -> bytes:
    file = io.BytesIO()
    writer = ArchiveWriter(file, HEADER)
    for line in LINES:
        writer.add(line)
    writer.end()
    return file.getvalue()


def read(archive: bytes) -> list[Line]:
    return list(ArchiveReader(io.BytesIO(archive)))


def refused(archive: bytes) -> str:
    with pytest.raises(ArchiveError) as caught:
        read(archive)
    return str(caught.value)


def packed(lines: bytes) -> bytes:
    """The same bytes in every process: tests are named after them."""
    return gzip.compress(lines, mtime=0)


def changed(change: Callable[[list[bytes]], None], *, sealed: bool = True) -> bytes:
    """An archive with other lines, its last line right again if it is `sealed`."""
    lines = gzip.decompress(written()).splitlines(keepends=True)
    change(lines)
    if sealed:
        digest = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
        counts = {"stock": len(lines) - 2} if len(lines) > 2 else {}
        end = {"end": True, "counts": counts, "sha256": digest}
        lines[-1] = msgspec.json.encode(end) + b"\n"
    return packed(b"".join(lines))


def test_what_was_written_is_read() -> None:
    reader = ArchiveReader(io.BytesIO(written()))
    assert reader.header == HEADER
    assert list(reader) == list(LINES)
    assert reader.counts == {"stock": 2}
    assert written() == written()


def test_a_file_cut_at_any_byte_is_refused() -> None:
    archive = written()
    for size in range(len(archive)):
        said = refused(archive[:size])
        assert "cut off" in said or "no snapshot" in said, size


def test_a_file_damaged_at_any_byte_is_refused() -> None:
    archive = written()
    # The first ten bytes say how it is wrapped: some of them mean nothing.
    for at in range(10, len(archive)):
        damaged = archive[:at] + bytes([archive[at] ^ 1]) + archive[at + 1 :]
        assert refused(damaged), at


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (b"not gzip at all", "this is no snapshot that Stockspan saved: no gzip"),
        (packed(b"<html>\n"), "this is no snapshot that Stockspan saved"),
        (packed(b'{"sku":"A"}\n'), "this is no snapshot that Stockspan saved"),
        (packed(b'{"stockspan_archive":2}\n'), "format 2; this Stockspan reads 1"),
        (packed(b'{"stockspan_archive":1}\n'), "line 1: Object missing required field"),
        (packed(b"x" * (2 << 20)), "line 1: it is longer than 1048576 bytes"),
        (written() + b"more", "damaged after line 4"),
        (written() + written(), "line 4: something comes after the last line"),
    ],
)
def test_another_file_is_told_apart(archive: bytes, said: str) -> None:
    assert said in refused(archive)


def _swap(lines: list[bytes]) -> None:
    lines[1], lines[2] = lines[2], lines[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines.pop(1), "it was changed since it was saved"),
        (lambda lines: lines.insert(1, lines[1]), "it was changed since it was saved"),
        (_swap, "it was changed since it was saved"),
        (lambda lines: lines.pop(), "it is cut off after line 3"),
        (lambda lines: lines.insert(1, b"[]\n"), "line 2: this is no record"),
    ],
)
def test_a_changed_file_is_refused(change: Callable[[list[bytes]], None], said: str) -> None:
    assert said in refused(changed(change, sealed=False))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "stick"},
        {"feed": 256},
        {"at": -1},
        {"at": 1 << 48},
        {"version": 1 << 63},
        {"flags": 16},
        {"more": 1},
    ],
)
def test_a_line_that_could_not_be_held_is_refused(wrong: Mapping[str, Any]) -> None:
    def change(lines: list[bytes]) -> None:
        lines[1] = msgspec.json.encode(msgspec.json.decode(lines[1]) | wrong) + b"\n"

    assert refused(changed(change)) == "line 2: this is no record"
