"""Audits: some SKUs that are held, by chance, are read live from the ERP; how many are right.

What is published is the share of the last thousand SKUs looked at of which every record was held as
the ERP has it, or had changed so lately that the feed's next delta brings it. It only looks: what
is wrong is left to the next reconcile or snapshot, which the guard judges. An ERP that was emptied
by mistake must not empty the shop by the minute.

It never stands in a checkout's way: it asks on a connection of its own, only while the ERP's budget
of calls is untouched. It runs where the keepers run, and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final, NoReturn

import msgspec
import structlog

from gateway.domain.accuracy import Accuracy
from gateway.domain.errors import StoreUnavailableError
from gateway.store.client import DeposedError
from loaders import states
from loaders.audit_rows import AuditRows
from loaders.errors import LoaderError, SourceError
from loaders.feedbook import Feed, OpenFeed
from loaders.ingest import Ingest
from loaders.outcome import Tally
from loaders.reading import Reading
from loaders.refresh_desk import Asking
from loaders.samples import Samples
from loaders.sieve import Held
from loaders.sources.marks import Mark, mark_in, mark_of

KEPT: Final = 1000
"""The figure is that of so many SKUs, the last ones."""

_SPREAD: Final = 0.1

_log = structlog.get_logger(__name__)


class Sampling(msgspec.Struct, frozen=True):
    """How many SKUs a minute are looked at, so many at once; and the field that tells what is new.

    What is newer than the feed's watermark, less `overlap` seconds, is for the next delta to bring.
    """

    rate: float
    at_once: int = 1
    watermark: str | None = None
    overlap: float = 0.0

    def is_newer(self, line: bytes, since: Mark | None) -> bool:
        """Whether the next delta of a feed that has read to `since` brings this row."""
        if since is None or self.watermark is None:
            return False
        mark = mark_of(line, self.watermark)
        return mark is not None and mark.form == since.form and mark.after(since)


class Audit:
    """Audits one feed of stock. `clock` gives seconds that only ever go up."""

    def __init__(
        self,
        feed: Feed,
        asking: Asking,
        sampling: Sampling,
        samples: Samples,
        ingest: Ingest,
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self._feed = feed
        self._asking = asking
        self._sampling = sampling
        self._samples = samples
        self._ingest = ingest
        self._clock = clock
        self._random = random
        self._last: deque[bool] = deque(maxlen=KEPT)

    async def run(self) -> NoReturn:
        """Look at some SKUs now and then, until cancelled."""
        try:
            while True:
                spread = self._random.uniform(1 - _SPREAD, 1 + _SPREAD)
                await asyncio.sleep(60 * self._sampling.at_once / self._sampling.rate * spread)
                try:
                    await self.look()
                except (LoaderError, StoreUnavailableError, DeposedError):
                    continue  # the keepers say so
                except Exception:  # noqa: BLE001 - a mistake of ours must not end every feed
                    _log.exception("an audit failed", action="feed.broken", feed=self._feed.name)
        finally:
            await self._asking.reader.close()

    async def look(self) -> Accuracy | None:
        """Look at some SKUs, if the ERP may be asked now; what is published of the feed then.

        Raises:
            LoaderError, StoreUnavailableError, DeposedError: it could not be read, or noted.
        """
        opened = await self._ingest.book.open(self._feed)
        if opened.state.verified_through_ms is None:
            return None
        # Before the ERP is asked: what a delta writes meanwhile is newer than what it had read.
        held = await self._samples.draw(opened.state.number, self._sampling.at_once)
        if not held or not self._may_ask():
            return None
        rows = await self._compared(opened, held, await self._read(list(held)))
        self._last.extend(rows.verdicts().values())
        accuracy = Accuracy(len(self._last), sum(self._last), self._samples.clock_ms())
        await self._ingest.book.update(opened, states.audited(accuracy))
        return accuracy

    def _may_ask(self) -> bool:
        """Whether nobody else has asked just now; then a call is taken."""
        now = self._clock()
        if not self._asking.budget.is_idle(now) or not self._asking.breaker.allows(now):
            return False
        self._asking.budget.take(now)
        return True

    async def _read(self, skus: Sequence[str]) -> Reading:
        try:
            async with asyncio.timeout(self._asking.timeout):
                reading = await self._asking.reader.some(skus)
        except TimeoutError as error:
            self._asking.breaker.failed()
            raise SourceError("the source does not answer in time") from error
        except SourceError:
            self._asking.breaker.failed()
            raise
        self._asking.breaker.succeeded()
        return reading

    async def _compared(
        self, opened: OpenFeed, held: Mapping[str, Held], reading: Reading
    ) -> AuditRows:
        """What the answer says of what is held.

        Raises:
            SourceError: some row cannot be told from the others by its key.
        """
        mark = mark_in(opened.state.watermark)
        since = None if mark is None else mark.less(self._sampling.overlap)
        tally = Tally(self._feed.name)
        learning = self._ingest.learning
        intake = self._samples.intake(opened.state.number, tally, learning=learning)
        rows = AuditRows(
            intake,
            held,
            opened.state.number,
            lambda line: self._sampling.is_newer(line, since),
        )
        async for chunk in reading.lines:
            for line in chunk.split(b"\n"):
                rows.see(line)
        if tally.keyless:
            raise SourceError(f"feed {self._feed.name}: a row has no key")
        return rows
