"""What a source hands to a sync: lines of JSON, and what is known about them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

Proof = Callable[[int], str | None]
"""Asked after the last line, with the rows counted: why the end is not proved, or None."""


def proved_by_end(_rows: int) -> str | None:
    """For sources that raise when they are cut short: to have come to the end is the proof."""
    return None


class NoLines:
    """The lines of a source that has none."""

    def __aiter__(self) -> NoLines:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


async def at_hand(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """The lines of a source that has answered already; empty chunks are left out."""
    for lines in chunks:
        if lines:
            yield lines


@dataclass(slots=True)
class Reading:
    """One reading of a source.

    `lines` yields chunks of whole lines. `watermark` is the greatest one seen, right once the
    lines are through; `done` names what was read, so that it is not read again even if it was held
    back. `as_of_ms` is how old the figures are, where that is not "just now". `confirmed`: there
    are no lines, as all that the last snapshot brought is right still.

    With `newer` it is for a reconcile: those lines, right once the others are through, are what the
    next delta brings, and `lines` is all the rest, as of the same moment.

    With `current` the lines are what the source has now, read after whatever came of it before.
    `waits`: it has more, which cannot be told yet, since `waits_since_ms` where that is long.
    """

    lines: AsyncIterator[bytes] = field(default_factory=NoLines)
    proof: Proof = proved_by_end
    unknown_fields: Mapping[str, int] = field(default_factory=dict)
    watermark: str | None = None
    done: str | None = None
    as_of_ms: int | None = None
    confirmed: bool = False
    newer: AsyncIterator[bytes] | None = None
    current: bool = False
    waits: bool = False
    waits_since_ms: int | None = None


class SkuReader(Protocol):
    """What a refresh needs of a source that can be asked for some SKUs. It raises `SourceError`."""

    async def some(self, skus: Sequence[str]) -> Reading:
        """What the source has on these SKUs now, in one call; it may be cancelled at any time."""

    async def close(self) -> None:
        """Let go of the source; the next call opens it again."""


class FeedReader(Protocol):
    """What a sync needs of the source of one feed. All of it raises `SourceError`."""

    def snapshot(self, done: str | None) -> AbstractAsyncContextManager[Reading | None]:
        """Read everything; None when all there is was `done` before."""

    def delta(self, watermark: str | None) -> AbstractAsyncContextManager[Reading | None]:
        """Read what is new since `watermark`; None when the source knows only snapshots.

        Raises `WholeNeededError` where only a snapshot can tell; also from the lines.
        """

    def reconcile(self, watermark: str) -> AbstractAsyncContextManager[Reading | None]:
        """Read everything, told apart by whether a delta since `watermark` would bring it.

        None when the source has no deltas.
        """

    async def check(self) -> list[str]:
        """What is wrong with the feed, one line each; empty when it can be read."""

    async def close(self) -> None:
        """Let go of the source; the next reading opens it again."""


class SampledReader(FeedReader, Protocol):
    """What a look at a feed needs besides."""

    @property
    def asks(self) -> str:
        """What the source is asked, as it may be shown: in one line, without secrets."""

    def sample(self, most: int) -> AbstractAsyncContextManager[Reading]:
        """Read the first rows, at most so many: to be looked at, not to be taken over."""
