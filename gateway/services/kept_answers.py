"""Strangers' answers as they are sent, kept until something changes them.

An answer is kept in the pieces between which its `as_of` stands, because a feed is verified again
and again while its answers stay as they are. What may end it, and what it may say of its age, is in
docs/adr/0023.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.near_cache import AdmittingCache, NearCache
from gateway.services.directory import Snapshot
from gateway.services.hearing import Hearing
from gateway.services.sheets import Sheet, Sheets
from gateway.services.stock_answers import Circumstances, Lasting, StockAnswer
from gateway.store.keys import Change, ChangeKind

LONGEST_MS: Final = 30_000
"""No answer is kept for longer. Nothing we know of makes that necessary: it is for the mistake that
we do not know of, and costs a SKU in demand one reading in half a minute."""

STAGGER_MS: Final = 64
"""So much sooner an answer ends for each step of its digest's first byte, 16 seconds at the most:
what a crowd has asked for at once must not end at once, and leave the next crowd with nothing."""

_UNKNOWN_FOR_MS: Final = 5_000
"""So long an unknown SKU is believed to be unknown: as long as caches are told to believe it."""

_UNKNOWN_SKUS: Final = 10_000
_CIRCUMSTANCES: Final = 8
"""So many answers are kept of a SKU: languages and channels, but not every quantity there is."""

_TOUCHED_EVERY: Final = 16

_ROUGHLY_MS: Final = 100
_OF_KEY: Final = 130
_OF_ANSWER: Final = 170
"""What a SKU weighs beside its name, and an answer: objects, and places in tables."""

_OF_SKU: Final = frozenset({ChangeKind.SKU, ChangeKind.PRODUCT})


class Wording(msgspec.Struct, frozen=True, gc=False):
    """What is told of a SKU after its name: `as_of` goes between `middle` and `end`.

    The same is told of many SKUs: they share it.
    """

    middle: bytes
    end: bytes


class Shown(msgspec.Struct, frozen=True, gc=False):
    """An item to be shown; times as in `StockAnswer`. `digest` is of all of it but `as_of`."""

    sku: str
    wording: Wording
    digest: bytes
    as_of_ms: int
    fresh_for_ms: int
    last_known: bool = False
    until_ms: int = 0
    """Until when it is told so, if nothing changes; 0 for this time alone."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """An answer that is kept since `kept_ms`, and for how long it can be right.

    `other` is of the same SKU in other circumstances. There are many of these, so what can be
    shared is: the circumstances, the wording, the times.
    """

    circumstances: Circumstances
    wording: Wording
    digest: bytes
    as_of_ms: int
    fresh_for_ms: int
    kept_ms: int
    lasting: Lasting
    other: Kept | None = None


class KeptAnswers:
    """The answers that one worker keeps, `capacity` bytes of them; 0 for none.

    `on_told` is told of SKUs that are told from here: now and then, which is often for those in
    demand.
    """

    def __init__(
        self,
        capacity: int,
        hearing: Hearing,
        clock_ms: Callable[[], int],
        on_told: Callable[[Iterable[str]], None],
    ) -> None:
        self._capacity = capacity
        self._hearing = hearing
        self._clock_ms = clock_ms
        self._on_told = on_told
        self._asked = 0
        self._kept: AdmittingCache[str, Kept] = AdmittingCache(capacity, _weight)
        self._sheets = Sheets()
        self._unknown: NearCache[str, int] = NearCache(_UNKNOWN_SKUS)
        self._directory = Snapshot()

    @property
    def entries(self) -> int:
        """Of how many SKUs answers are kept."""
        return len(self._kept)

    @property
    def may_tell(self) -> bool:
        """Whether any of it may be told now."""
        return self._hearing.is_close and self._capacity > 0

    def find(
        self, skus: Sequence[str], circumstances: Circumstances, now_ms: int
    ) -> list[Shown | None]:
        """What may be shown of each of these SKUs, right as of when it says.

        Only if anything may be told (`may_tell`).
        """
        found: list[Shown | None] = []
        lasting, through_ms = None, None
        for sku, kept in zip(skus, self._kept.get_all(skus), strict=True):
            while kept is not None and kept.circumstances != circumstances:
                kept = kept.other  # noqa: PLW2901 - one after the other
            if kept is None:
                found.append(None)
                continue
            if kept.lasting is not lasting:
                lasting = kept.lasting
                through_ms = self._hearing.through_ms(lasting.feeds)
            found.append(_told(sku, kept, through_ms, now_ms))
        self._asked += 1
        if not self._asked % _TOUCHED_EVERY:
            self._on_told([sku for sku, told in zip(skus, found, strict=True) if told])
        return found

    def sheet(self, circumstances: Circumstances, now_ms: int) -> Sheet | None:
        """What is written out already; only if anything may be told (`may_tell`)."""
        return self._sheets.get(circumstances, self._hearing.proof, now_ms)

    def write_out(
        self,
        shown: Sequence[Shown],
        texts: Sequence[bytes],
        circumstances: Circumstances,
        now_ms: int,
    ) -> None:
        """Have what was found just now, and is these texts, on the sheet."""
        sheet = self.sheet(circumstances, now_ms)
        if sheet is None:
            first = shown[0]
            sheet = Sheet(self._hearing.proof, now_ms, first.as_of_ms, first.fresh_for_ms)
            self._sheets.put(circumstances, sheet)
        for item, text in zip(shown, texts, strict=True):
            # What ends before the sheet does, or is of another moment, is put together each time.
            if (
                item.until_ms >= sheet.ends_ms
                and item.as_of_ms == sheet.as_of_ms
                and item.fresh_for_ms == sheet.fresh_for_ms
            ):
                sheet.write(item.sku, text, item.digest)

    def is_unknown(self, sku: str, now_ms: int) -> bool:
        """Whether nothing was known of this SKU just now, if that may be told (`may_tell`)."""
        since_ms = self._unknown.get(sku)
        return since_ms is not None and since_ms <= now_ms < since_ms + _UNKNOWN_FOR_MS

    def ticket(self) -> int | None:
        """To be taken before reading what is to be kept; None where nothing may be."""
        # While changes may go unheard, what is read now may be out of date before it arrives.
        return self._kept.ticket() if self.may_tell else None

    def keep(
        self, answer: StockAnswer, shown: Shown, circumstances: Circumstances, ticket: int
    ) -> None:
        """Keep what was read with this ticket, if it stays right for a while."""
        lasting, now_ms = answer.lasting, self._clock_ms()
        if lasting is None or lasting.until_ms <= now_ms:
            return
        circumstances = _shared(circumstances)
        others = _without(self._kept.get(answer.sku), circumstances, _CIRCUMSTANCES - 1)
        # Rounded, so that what is kept in the same moment shares its time.
        kept_ms = _number(now_ms // _ROUGHLY_MS * _ROUGHLY_MS)
        kept = Kept(
            circumstances,
            shown.wording,
            shown.digest,
            shown.as_of_ms,
            shown.fresh_for_ms,
            kept_ms,
            lasting,
            others,
        )
        self._kept.keep(answer.sku, kept, ticket)

    def keep_unknown(self, sku: str, ticket: int) -> None:
        """Keep that nothing was known of this SKU."""
        self._unknown.keep(sku, self._clock_ms(), ticket)

    def on_change(self, change: Change | None) -> None:
        """Forget what is out of date; None means that anything may be."""
        if change is None:
            self._hearing.on_break()
            self._clear()
        elif change.kind in _OF_SKU:
            self._kept.evict(change.name)
            self._sheets.strike(change.name)
            self._unknown.evict(change.name)

    def on_renewed(self, directory: Snapshot | None) -> None:
        """The directory is this now; None: the store did not answer."""
        if directory is not None:
            before, self._directory = self._directory, directory
            if (before.epoch, before.locations) != (directory.epoch, directory.locations):
                # What was made with the one before, and is still on its way, is not kept either.
                self._clear()
        self._hearing.on_renewed(directory)

    def _clear(self) -> None:
        # Both are told of the same changes, so a ticket of one is a ticket of the other.
        self._kept.clear()
        self._sheets.clear()
        self._unknown.clear()


def _told(sku: str, kept: Kept, through_ms: int | None, now_ms: int) -> Shown | None:
    """What is kept, right through `through_ms` as far as was heard; None if it is not any more."""
    lasting = kept.lasting
    longest_ms = LONGEST_MS - STAGGER_MS * kept.digest[0]
    until_ms = min(kept.kept_ms + longest_ms, lasting.until_ms)
    if through_ms is None or not kept.kept_ms <= now_ms < until_ms:
        return None
    as_of_ms = kept.as_of_ms
    if through_ms > as_of_ms:
        as_of_ms = min(through_ms, now_ms)
    if not lasting.older_than_ms < now_ms - as_of_ms <= lasting.up_to_ms:
        return None
    until_ms = min(until_ms, as_of_ms + lasting.up_to_ms + 1)
    return Shown(sku, kept.wording, kept.digest, as_of_ms, kept.fresh_for_ms, until_ms=until_ms)


def _without(kept: Kept | None, circumstances: Circumstances, most: int) -> Kept | None:
    """So many of these answers at the most, the latest first, but none of these circumstances."""
    if kept is None or not most:
        return None
    if kept.circumstances == circumstances:
        return _without(kept.other, circumstances, most)
    other = _without(kept.other, circumstances, most - 1)
    return kept if other is kept.other else replace(kept, other=other)


def _weight(sku: str, kept: Kept) -> int:
    weight = _OF_KEY + len(sku) + _OF_ANSWER
    while kept.other is not None:
        kept = kept.other
        weight += _OF_ANSWER
    return weight


@lru_cache(maxsize=1024)
def _shared(circumstances: Circumstances) -> Circumstances:
    return circumstances


@lru_cache(maxsize=16)
def _number(number: int) -> int:
    return number
