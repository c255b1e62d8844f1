from pathlib import Path

import pytest

from loaders.errors import SpoolError
from loaders.spool import BLOCK_SIZE, Spool, in_blocks


async def test_commands_come_back_in_blocks(tmp_path: Path) -> None:
    commands = [b"%06d" % number * 50 for number in range(2000)]
    with Spool(tmp_path / "deep" / "spool") as spool:
        spool.add(commands[:700])
        spool.add(commands[700:])
        blocks = [block async for block in spool.blocks()]
        again = [block async for block in spool.blocks()]
    assert b"".join(block.wire for block in blocks) == b"".join(commands)
    assert sum(block.commands for block in blocks) == spool.commands == 2000
    assert all(len(block.wire) < BLOCK_SIZE + 300 for block in blocks)
    assert blocks == again == list(in_blocks(commands))


async def test_an_empty_spool_has_no_blocks(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        assert [block async for block in spool.blocks()] == []


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.add([b"x" * BLOCK_SIZE])
        assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_ours_alone(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool"):
        assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700


def test_no_place_to_stage_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match=r"cannot be staged in .*file: "):
        Spool(tmp_path / "file")


def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with spool, Path("/dev/full").open("r+b", buffering=0) as full:
        spool._file.close()
        spool._file = full  # type: ignore[assignment] # a file that takes nothing
        with pytest.raises(SpoolError, match="No space left"):
            spool.add([b"x" * BLOCK_SIZE])
