"""An ERP's REST API: pages of JSON, mapped to canonical lines.

A page is read whole, then handed on; what does not come to a certain end raises, so that of a
snapshot that was cut short nothing takes effect. What a feed remembers from one reading to the
next (`Memory`) is its watermark, and what to ask with so that the ERP can say "as before".
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import msgspec
from yarl import URL

from gateway.config.expressions import Expression, ExpressionError
from gateway.config.feed_sections import Feed
from gateway.config.http_sections import WATERMARK, HttpSource, NoPaging, PagePaging
from loaders.errors import SourceError
from loaders.reading import Reading, at_hand
from loaders.sources.http_call import AnswerError, Call, address, masked
from loaders.sources.http_erp import Answer, HttpErp, HttpLimits
from loaders.sources.http_page import PageContent, PageReader
from loaders.sources.http_paging import Page, Walk, kind_of, walk
from loaders.sources.mapping import FieldMap, MappedRow
from loaders.sources.marks import Mark, Marks, read_mark

_CONDITIONAL: Final = frozenset({int(HTTPStatus.NOT_MODIFIED)})
_BEYOND: Final = frozenset({int(HTTPStatus.NOT_FOUND)})

_replace = msgspec.structs.replace


class Memory(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of a reading, as the feed's watermark in the store.

    It counts only for the question it was `asked` with: after a change of the settings the same
    answer may mean something else.
    """

    asked: str
    mark: str | None = None
    etag: str | None = None
    modified: str | None = None

    def written(self) -> str:
        return msgspec.json.encode(self).decode()


class HttpReader:
    """Reads one feed. `clock` gives seconds that only ever go up, `now_ms` the time of day."""

    def __init__(
        self,
        name: str,
        feed: Feed,
        source: HttpSource,
        limits: HttpLimits,
        clock: Callable[[], float],
        now_ms: Callable[[], int],
    ) -> None:
        """Get ready; nothing is asked yet.

        Raises:
            SourceError: the mapping does not fit the feed's kind.
        """
        self._name = name
        self._feed = feed
        self._erp = HttpErp(name, source, limits, clock)
        self._now_ms = now_ms
        self._url = address(source.url, feed.path)
        self._pages = PageReader(feed.rows, FieldMap(name, feed.kind, feed.mapping, feed.watermark))
        self._count = None if feed.paging.count is None else Expression(feed.paging.count)
        self._asked = _fingerprint(source.url, feed)

    @property
    def asks(self) -> str:
        """What is asked, as it may be shown."""
        return f"GET {masked(walk(self._feed.paging).begin(self._url))}"

    @asynccontextmanager
    async def snapshot(self, done: str | None) -> AsyncIterator[Reading | None]:
        """Everything; `confirmed` alone, where the ERP says that nothing has changed."""
        reading = Reading(as_of_ms=self._now_ms())
        conditions = self._conditions(self._remembered(done))
        way = walk(self._feed.paging)
        first = await self._erp.get(
            way.begin(self._url), conditions, _CONDITIONAL if conditions else frozenset()
        )
        if first.status == HTTPStatus.NOT_MODIFIED:
            reading.confirmed = True
            reading.watermark = done
        else:
            reading.lines = self._everything(way, first, reading)
        yield reading

    @asynccontextmanager
    async def delta(self, watermark: str | None) -> AsyncIterator[Reading | None]:
        """What is newer than the watermark, less the overlap; None where none can be asked for."""
        feed = self._feed
        if feed.watermark is None or feed.delta_param is None:
            yield None
            return
        reading = Reading(as_of_ms=self._now_ms(), watermark=watermark)
        memory = self._remembered(watermark)
        mark = None if memory.mark is None else read_mark(memory.mark)
        url = self._url
        if mark is not None:
            value = feed.delta_value.replace(WATERMARK, mark.since(feed.overlap))
            url = url.update_query({feed.delta_param: value})
        way = walk(feed.paging)
        first = await self._following(way.begin(url))
        if first is not None:
            reading.lines = self._newer(way, first, reading, memory)
        yield reading

    @asynccontextmanager
    async def reconcile(self, watermark: str) -> AsyncIterator[Reading | None]:
        """Every page; None where none can be told from what is newer."""
        memory = self._remembered(watermark)
        mark = None if memory.mark is None else read_mark(memory.mark)
        if mark is None:
            yield None
            return
        way = walk(self._feed.paging)
        first = await self._erp.get(way.begin(self._url))
        since = mark.less(self._feed.overlap)
        newer: list[bytes] = []
        yield Reading(self._older(way, first, since, newer), newer=_collected(newer))

    @asynccontextmanager
    async def sample(self, most: int) -> AsyncIterator[Reading]:
        """The first rows, of the first page."""
        first = await self._erp.get(walk(self._feed.paging).begin(self._url))
        with Call(self._name, first.url).translated():
            content = await asyncio.to_thread(self._pages.read, first.body)
        yield Reading(at_hand(content.chunks(deleted=False, most=most)))

    async def check(self) -> list[str]:
        """What is wrong with the first page, one line each."""
        try:
            async with self.sample(1):
                return []
        except SourceError as error:
            return [str(error)]
        finally:
            await self.close()

    async def close(self) -> None:
        """Drop the connections."""
        await self._erp.close()

    async def _everything(self, way: Walk, first: Answer, reading: Reading) -> AsyncIterator[bytes]:
        marks = Marks()
        rows = 0
        async for content in self._contents(way, first, marks):
            rows += len(content.rows)
            for lines in content.chunks(deleted=False):
                yield lines
        watermark = self._feed.watermark
        if watermark is not None and rows and marks.greatest is None:
            what = f"no row has a watermark: {watermark} is never a time or a whole number"
            raise Call(self._name, first.url).wrong(what)
        memory = Memory(self._asked, _text(marks))
        if isinstance(self._feed.paging, NoPaging):
            # Of several pages, the first one says nothing about the others.
            memory = _replace(memory, etag=first.etag, modified=first.modified)
        reading.watermark = memory.written()

    async def _newer(
        self, way: Walk, first: Answer, reading: Reading, memory: Memory
    ) -> AsyncIterator[bytes]:
        marks = Marks(None if memory.mark is None else read_mark(memory.mark))
        async for content in self._contents(way, first, marks):
            for lines in content.chunks(deleted=True):
                yield lines
        reading.watermark = _replace(memory, mark=_text(marks)).written()

    async def _older(
        self, way: Walk, first: Answer, since: Mark, newer: list[bytes]
    ) -> AsyncIterator[bytes]:
        """What a delta since then would leave out; the lines of the rest are put into `newer`."""
        async for content in self._contents(way, first, Marks()):
            older: list[MappedRow] = []
            for row in content.rows:
                mark = read_mark(row.mark)
                if mark is not None and mark.form == since.form and mark.after(since):
                    newer.append(row.line)
                else:
                    older.append(row)
            for lines in _replace(content, rows=older).chunks(deleted=False):
                yield lines

    async def _contents(self, way: Walk, first: Answer, marks: Marks) -> AsyncIterator[PageContent]:
        """Every page from the first to a certain end."""
        answer: Answer | None = first
        rows = 0
        while answer is not None:
            call = Call(self._name, answer.url)
            present = answer.present or datetime.fromtimestamp(self._now_ms() / 1000, UTC)
            with call.translated():
                content = await asyncio.to_thread(self._pages.read, answer.body)
                rows += len(content.rows)
                for row in content.rows:
                    marks.see(row.mark, present)
                url = way.after(
                    Page(
                        answer.url,
                        content.body,
                        len(content.rows),
                        content.digest,
                        answer.next_link,
                    )
                )
            yield content
            answer = None if url is None else await self._following(url)
            if answer is None:
                with call.translated():
                    self._require_count(content.body, rows)

    async def _following(self, url: URL) -> Answer | None:
        """The answer of an address at which there may be nothing; None for that."""
        paging = self._feed.paging
        ends = isinstance(paging, PagePaging) and paging.not_found_ends
        answer = await self._erp.get(url, also=_BEYOND if ends else frozenset())
        return None if answer.status == HTTPStatus.NOT_FOUND else answer

    def _require_count(self, body: object, rows: int) -> None:
        if self._count is None:
            return
        try:
            counted = self._count.find(body)
        except ExpressionError as error:
            raise AnswerError(f"paging.count {self._count.text!r}: {error}") from None
        if counted != rows:
            said = counted if isinstance(counted, int) else kind_of(counted)
            raise AnswerError(f"the ERP counts {said} rows, {rows} have come")

    def _remembered(self, watermark: str | None) -> Memory:
        try:
            memory = msgspec.json.decode(watermark or "", type=Memory)
        except msgspec.DecodeError:
            memory = Memory("")
        return memory if memory.asked == self._asked else Memory(self._asked)

    def _conditions(self, memory: Memory) -> Mapping[str, str]:
        conditions = {"If-None-Match": memory.etag, "If-Modified-Since": memory.modified}
        return {name: value for name, value in conditions.items() if value is not None}


def _fingerprint(base: str, feed: Feed) -> str:
    asked = feed.model_dump_json(include={"kind", "path", "rows", "mapping", "paging", "watermark"})
    return hashlib.sha256(f"{base}\n{asked}".encode()).hexdigest()[:16]


def _text(marks: Marks) -> str | None:
    return None if marks.greatest is None else marks.greatest.text


async def _collected(lines: list[bytes]) -> AsyncIterator[bytes]:
    """What was put in there by the time this is asked."""
    if lines:
        yield b"\n".join(lines)
