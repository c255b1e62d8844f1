"""The folder of files: manifest, proof, CSV, cuts."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.config.feed_sections import Feed as FeedSettings
from gateway.config.feed_sections import FilesSource
from loaders.errors import SourceError
from loaders.feedbook import Feed
from loaders.outcome import Outcome
from loaders.sources.files import FilesReader

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

STOCK = Feed("drop", "stock")
ROWS = [{"sku": f"S{n}", "location": "W1", "quantity": n, "version": 1} for n in range(6)]
CSV = b"sku,location,quantity,version,shade\n" + b"".join(
    b"S%d,W1,%d,1,x\n" % (n, n) for n in range(6)
)


def ndjson(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def promise(data: bytes, count: int) -> dict[str, Any]:
    return {"stock": {"count": count, "sha256": hashlib.sha256(data).hexdigest()}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "drop").mkdir()
    return tmp_path / "drop"


def reader(folder: Path) -> FilesReader:
    feed = FeedSettings(kind="stock", source="files")
    return FilesReader("drop", feed, FilesSource(type="files", directory=folder))


def drop(folder: Path, data: bytes, count: int, name: str = "stock.ndjson", at: int = 1) -> None:
    (folder / name).write_bytes(data)
    (folder / "manifest.json").write_text(json.dumps(promise(data, count)))
    os.utime(folder / "manifest.json", (1_700_000_000 + at, 1_700_000_000 + at))


async def take(warehouse: Warehouse, folder: Path) -> Outcome | None:
    await warehouse.register(STOCK)
    done = (await warehouse.state(STOCK)).watermark
    async with reader(folder).snapshot(done) as reading:
        return None if reading is None else await warehouse.ingest.snapshot(STOCK, reading)


async def test_a_drop_is_taken_once_and_is_as_old_as_its_manifest(
    warehouse: Warehouse, folder: Path
) -> None:
    drop(folder, ndjson(ROWS), 6)
    outcome = await take(warehouse, folder)
    assert outcome is not None
    assert outcome.accepted == 6
    assert (await warehouse.state(STOCK)).verified_through_ms == 1_700_000_001_000
    assert await take(warehouse, folder) is None
    # Dropped again, it is verified again.
    drop(folder, ndjson(ROWS[1:]), 5, at=2)
    outcome = await take(warehouse, folder)
    assert outcome is not None
    assert (outcome.ignored, outcome.removed) == (5, 1)
    assert (await warehouse.state(STOCK)).verified_through_ms == 1_700_000_002_000


async def test_csv_is_taken_too(warehouse: Warehouse, folder: Path) -> None:
    drop(folder, CSV, 6, "stock.csv")
    outcome = await take(warehouse, folder)
    assert outcome is not None
    assert (outcome.accepted, outcome.unknown_fields) == (6, {"shade": 1})
    assert await warehouse.quantity("S5") == 5


async def test_csv_rows_are_rejected_alone(warehouse: Warehouse, folder: Path) -> None:
    data = CSV + b"X,W1,many,1,x\nY,W1\nZ\xff,W1,1,1,x\n" + b'"Q\n",W1,1,1,x\n'
    drop(folder, data, 10, "stock.csv")
    outcome = await take(warehouse, folder)
    assert outcome is not None
    assert (outcome.accepted, outcome.quarantined) == (6, 4)
    assert [r.line for r in outcome.rejections] == [7, 8, 9, 10]
    assert [r.reason for r in outcome.rejections][1:3] == ["must be a JSON object", "is not UTF-8"]
    assert outcome.rejections[1].value == '"2 cells under 5 columns: Y"'


@pytest.mark.parametrize(("name", "data"), [("stock.ndjson", ndjson(ROWS)), ("stock.csv", CSV)])
async def test_a_file_cut_at_any_byte_changes_nothing(
    warehouse: Warehouse, folder: Path, name: str, data: bytes
) -> None:
    old = [{"sku": "OLD", "location": "W1", "quantity": 1}]
    if name.endswith("ndjson"):
        drop(folder, ndjson(old), 1, name)
    else:
        drop(folder, b"sku,location,quantity\nOLD,W1,1\n", 1, name)
    await take(warehouse, folder)
    before = await warehouse.everything()
    drop(folder, data, 6, name, at=2)
    for cut in range(len(data)):
        (folder / name).write_bytes(data[:cut])
        outcome = await take(warehouse, folder)
        assert outcome is not None
        assert outcome.reason is not None
        assert not outcome.applied
    assert await warehouse.everything() == before
    (folder / name).write_bytes(data)
    outcome = await take(warehouse, folder)
    assert outcome is not None
    assert (outcome.accepted, outcome.removed) == (6, 1)


async def test_another_hash_or_count_says_which(warehouse: Warehouse, folder: Path) -> None:
    drop(folder, ndjson(ROWS), 7)
    outcome = await take(warehouse, folder)
    assert outcome is not None
    assert outcome.reason == "stock.ndjson has 6 rows, manifest.json says 7"
    drop(folder, ndjson(ROWS), 6)
    (folder / "stock.ndjson").write_bytes(ndjson(ROWS).replace(b"S5", b"S6"))
    outcome = await take(warehouse, folder)
    assert outcome is not None
    assert outcome.reason == "stock.ndjson has another sha256 than manifest.json says"


async def test_what_is_held_back_is_not_read_again(warehouse: Warehouse, folder: Path) -> None:
    drop(folder, b"", 0)
    outcome = await take(warehouse, folder)
    assert outcome is not None
    assert outcome.reason == "the snapshot is empty"
    assert await take(warehouse, folder) is None


@pytest.mark.parametrize(
    ("manifest", "files", "told"),
    [
        (None, ["stock.ndjson"], "manifest.json cannot be read: No such file"),
        ("{", ["stock.ndjson"], "must hold"),
        ('{"stock": 5}', ["stock.ndjson"], "must hold"),
        ('{"stock": {"count": "1"}}', ["stock.ndjson"], "must hold"),
        ("{}", ["stock.ndjson"], "says nothing of stock"),
        (json.dumps(promise(b"", 0)), [], "neither"),
        (json.dumps(promise(b"", 0)), ["stock.ndjson", "stock.csv"], "both"),
    ],
)
async def test_a_folder_that_is_wrong_is_one_line(
    folder: Path, manifest: str | None, files: list[str], told: str
) -> None:
    for name in files:
        (folder / name).touch()
    if manifest is not None:
        (folder / "manifest.json").write_text(manifest)
    with pytest.raises(SourceError, match=told):
        async with reader(folder).snapshot(None):
            pass
    (line,) = await reader(folder).check()
    assert line.startswith("feed drop: ")


async def test_an_open_quote_spoils_the_file_not_the_store(
    warehouse: Warehouse, folder: Path
) -> None:
    drop(folder, CSV + b'"open,W1\n', 7, "stock.csv")
    with pytest.raises(SourceError, match="line 8"):
        await take(warehouse, folder)
    assert await warehouse.everything() == {}


async def test_files_bring_no_deltas(folder: Path) -> None:
    async with reader(folder).delta(None) as reading:
        assert reading is None
