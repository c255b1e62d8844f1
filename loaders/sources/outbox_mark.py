"""How far an outbox was read, and how far what it says may be believed.

A transaction's rows are seen once it has committed, in whatever order that comes. So the outbox is
read no further than the oldest transaction that still runs (`xmin` of the reader's own snapshot):
all before it are finished, and none of them can write any more. That is the mark from which the
next reading goes on. Where a mark tells nothing any more, a snapshot must be taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from loaders.errors import WholeNeededError

_WORTH_TELLING_MS: Final = 60_000
"""A change that has waited for so long for another transaction is told of."""

_MOST_LOOKS: Final = 500


class Mark(msgspec.Struct, frozen=True):
    """How far an outbox was read: through every transaction before `xact`.

    `timeline` names the history of the database, `missed` is how many changes its triggers had
    failed to note. `anchored`: there was a row before the mark, and as one always stays, it is
    there as long as nothing was taken away behind it.
    """

    xact: int
    timeline: str
    missed: int = 0
    anchored: bool = False

    @property
    def text(self) -> str:
        """As a feed's watermark."""
        return msgspec.json.encode(self).decode()


class Look(msgspec.Struct, frozen=True):
    """What the outbox and its database are like now.

    Transactions before `xmin` are finished, those from `following` on had not begun. `anchors`:
    there is a row before `xmin`; `anchored`: there is one before the mark. `waits`: there are
    changes that an older transaction keeps from being read. `changed` are the first that can be
    read: each a table and, as JSON, columns of a row; without these any row may have changed.
    """

    xmin: int
    following: int
    timeline: str
    missed: int
    anchored: bool
    anchors: bool
    waits: bool
    changed: Sequence[Sequence[str | None]]


def decoded(watermark: str | None) -> Mark | None:
    """The mark that a watermark is; None: it is another thing."""
    try:
        return msgspec.json.decode(watermark or "", type=Mark)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


class Progress:
    """What must be remembered from one look to the next.

    `clock_ms` gives milliseconds since the epoch.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._misses = _Misses()
        self._reach = _Reach(clock_ms)

    def begins(self) -> None:
        """A look is about to be taken: it shows what was there after now."""
        self._reach.begins()

    def mark(self, look: Look, before: Mark | None = None) -> Mark:
        """From where to go on after all that is seen by this look."""
        missed = max(self._misses.settled(look), before.missed if before else 0)
        return Mark(look.xmin, look.timeline, missed, look.anchors)

    def require(self, mark: Mark | None, look: Look) -> Mark:
        """The mark, if what came since can be told from the outbox.

        Raises:
            WholeNeededError: it cannot.
        """
        if mark is None:
            raise WholeNeededError("nothing says how far the outbox was read")
        if mark.timeline != look.timeline or mark.xact > look.xmin:
            raise WholeNeededError("the database was put back, or another has taken its place")
        if mark.anchored and not look.anchored:
            raise WholeNeededError("the outbox was emptied, or made anew")
        if self._misses.settled(look) > mark.missed:
            raise WholeNeededError("triggers failed to note changes")
        return mark

    def whole(self) -> None:
        """A snapshot begins: it sees all that has committed, whatever still runs."""
        self._reach.whole()

    def reached(self, look: Look) -> tuple[int, int | None]:
        """The moment through which all is known, and since when changes have waited too long."""
        return self._reach.reached(look)


class _Misses:
    """How many changes were missed by transactions that are finished by now.

    The count itself is of no transaction; only what these missed is sure to be in a snapshot.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._until = 0
        self._settled = 0

    def settled(self, look: Look) -> int:
        if look.missed != self._seen:
            self._seen, self._until = look.missed, look.following
        if look.xmin >= self._until:
            self._settled = self._seen
        return self._settled


class _Reach:
    """Through which moment everything is known.

    What committed before a look is known once all transactions that had begun by then are
    finished; and at once, where nothing waits.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._first_ms = clock_ms()
        self._reached_ms = 0
        self._looks: list[tuple[int, int]] = []
        self._began_ms = 0

    def begins(self) -> None:
        self._began_ms = self._clock_ms()

    def whole(self) -> None:
        self._looks.clear()
        self._reached_ms = self._clock_ms()

    def reached(self, look: Look) -> tuple[int, int | None]:
        now = self._began_ms
        if not look.waits:
            self._looks.clear()
            self._reached_ms = now
            return now, None
        while self._looks and self._looks[0][0] <= look.xmin:
            self._reached_ms = self._looks.pop(0)[1]
        if len(self._looks) < _MOST_LOOKS:
            self._looks.append((look.following, now))
        since = max(self._reached_ms, self._first_ms)
        return self._reached_ms, since if now - since >= _WORTH_TELLING_MS else None
