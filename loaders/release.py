"""What an operator says of a snapshot that is held back: let it take effect after all, or drop it.

It takes effect as it was judged, and is still a reading of its moment: newer versions that deltas
brought since stay, and so does what they wrote or deleted without a version, since it belongs to
the same round. Once another snapshot of the feed has begun, that is no longer known.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from gateway.observability.events import EventKind
from gateway.store.bulk import SCRIPT, Block, Written
from loaders import states
from loaders.errors import ReleaseError
from loaders.feedbook import OpenFeed, named
from loaders.ingest import Ingest
from loaders.kept import Judged, Kept
from loaders.outcome import Outcome


async def release(ingest: Ingest, name: str, by: str = "") -> Outcome:
    """Let the snapshot that is held back of this feed take effect; `by` whom, for the journal.

    Raises:
        ReleaseError: there is none, or it cannot take effect any more.
        LoaderError, StoreUnavailableError, DeposedError: it failed on the way; release it again.
    """
    feed = named(name, await ingest.register.all())
    async with ingest.book.alone(feed) as opened:
        kept = _kept(ingest, opened)
        try:
            outcome = await _apply(ingest, opened, kept)
        finally:
            kept.close()
        await ingest.book.update(opened, states.released(kept.judged, outcome), by=by)
        ingest.shelf.discard(name)
    return outcome


async def discard(ingest: Ingest, name: str, by: str = "") -> None:
    """Drop the snapshot that is held back of this feed; `by` whom, for the journal.

    Raises:
        ReleaseError: there is none.
        LoaderError, StoreUnavailableError, DeposedError: it failed.
    """
    feed = named(name, await ingest.register.all())
    async with ingest.book.alone(feed) as opened:
        if opened.state.held_back is None:
            raise _nothing(name)
        await ingest.book.update(opened, states.discarded, ends=EventKind.FEED_DISCARDED, by=by)
        ingest.shelf.discard(name)


def _kept(ingest: Ingest, opened: OpenFeed) -> Kept:
    name, held = opened.feed.name, opened.state.held
    if opened.state.held_back is None or held is None:
        raise _nothing(name)
    if held.rows == held.rejected:
        raise ReleaseError(f"the snapshot of {name} cannot take effect: {opened.state.held_back}")
    kept = ingest.shelf.open(name) if held.kept else None
    reason = "it is not kept here" if kept is None else _outdated(ingest, opened, kept.judged)
    if kept is not None and reason is None:
        return kept
    if kept is not None:
        kept.close()
    again = "push it again" if opened.feed.pushed else f"stockspan feed sync {name}"
    raise ReleaseError(f"the snapshot of {name} must be read again ({again}): {reason}")


def _outdated(ingest: Ingest, opened: OpenFeed, judged: Judged) -> str | None:
    """Why a kept snapshot is not what is held back now, or cannot take effect; None if it can."""
    state = opened.state
    if judged.script != SCRIPT:
        return "it was kept by another version of Stockspan"
    if (judged.number, judged.epoch) != (state.number, opened.epoch):
        return "it was judged against what the store has lost"
    if state.held is None or judged.arrival_ms != state.held.arrival_ms:
        return "a later one was held back elsewhere"
    if judged.round != ingest.book.round(opened):
        return "another snapshot has begun since"
    return None


async def _apply(ingest: Ingest, opened: OpenFeed, kept: Kept) -> Outcome:
    judged = kept.judged
    await ingest.decide(judged.places, opened)
    parts = [Written(), Written()]
    async with aclosing(kept.blocks()) as blocks:
        done = 0
        async for block in blocks:
            parts[done >= judged.staged] += await ingest.write(
                _one(ingest.encoder.anew(block)), opened
            )
            done += block.commands
    if done != judged.staged + judged.sweeps:
        raise ReleaseError(f"the kept snapshot of {judged.feed} is damaged: drop it")
    written, removed = parts
    return Outcome(
        accepted=written.accepted,
        ignored=judged.rows - judged.rejected - written.accepted,
        quarantined=judged.rejected,
        removed=removed.accepted,
    )


async def _one(block: Block) -> AsyncIterator[Block]:
    yield block


def _nothing(name: str) -> ReleaseError:
    return ReleaseError(f"nothing is held back of the feed {name}")
