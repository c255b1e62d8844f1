"""What a snapshot is made of while it is read, and while it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway.store.bulk import Block
from loaders.intake import Intake
from loaders.placements import Placements
from loaders.progress import Meter
from loaders.reading import NoLines, Reading
from loaders.sieve import Sieve


async def staging(
    reading: Reading, intake: Intake, lists: Placements, sieve: Sieve | None
) -> AsyncIterator[list[bytes]]:
    """The commands of a reading, chunk by chunk; with a sieve, of what differs from what is held.

    What a reading tells of as `newer` is left to the next delta.

    Raises:
        SourceError: the source failed on the way.
        StoreUnavailableError: the store went away.
    """
    async for lines in reading.lines:
        rows = intake.read(lines)
        await lists.settle(rows.each)
        drafted = intake.draft(rows)
        yield intake.commands(drafted) if sieve is None else await sieve.through(drafted)
    async for lines in reading.newer or NoLines():
        intake.spare(intake.read(lines))


async def metered(blocks: AsyncIterator[Block], meter: Meter) -> AsyncIterator[Block]:
    """The same blocks; the meter is told of each that was written."""
    async for block in blocks:
        yield block
        meter.written(block.commands)
