"""Some SKUs from an ERP's REST API: the feed's own mapping, asked for the SKUs by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from yarl import URL

from gateway.config.feed_sections import Feed
from gateway.config.http_sections import HttpSource
from gateway.config.refresh_sections import SKU, SkuQuery
from loaders.reading import Reading, at_hand
from loaders.sources.http_call import Call, address
from loaders.sources.http_erp import HttpErp, HttpLimits
from loaders.sources.http_page import PageReader
from loaders.sources.mapping import FieldMap

_NOT_THERE: Final = frozenset({int(HTTPStatus.NOT_FOUND)})
_DOTS: Final = frozenset({".", ".."})
"""Segments of a path that mean another one, however they are written."""


class HttpSkus:
    """Reads some SKUs of one feed. `clock` gives seconds that only ever go up."""

    def __init__(
        self,
        name: str,
        feed: Feed,
        query: SkuQuery,
        source: HttpSource,
        limits: HttpLimits,
        clock: Callable[[], float],
    ) -> None:
        """Get ready; nothing is asked yet.

        Raises:
            SourceError: the mapping does not fit the feed's kind.
        """
        self._name = name
        self._query = query
        self._base = source.url
        self._path = feed.path if query.path is None else query.path
        self._erp = HttpErp(name, source, limits, clock)
        rows = feed.rows if query.rows is None else query.rows
        self._page = PageReader(rows, FieldMap(name, feed.kind, feed.mapping, feed.watermark))

    async def some(self, skus: Sequence[str]) -> Reading:
        """What the ERP has on these SKUs now, in as many calls as it takes, side by side.

        Raises:
            SourceError: it cannot be read.
        """
        calls = [self._lines(url) for url in self._addresses(skus)]
        return Reading(at_hand([chunk for answer in await _all(calls) for chunk in answer]))

    async def close(self) -> None:
        """Drop the connections."""
        await self._erp.close()

    def _addresses(self, skus: Sequence[str]) -> Iterator[URL]:
        query = self._query
        if query.param is None:
            for sku in skus:
                if sku not in _DOTS:
                    yield address(self._base, self._path.replace(SKU, quote(sku, safe="")))
            return
        values = [value for sku in skus if (value := query.value(sku)) is not None]
        for at in range(0, len(values), query.most):
            joined = query.join.join(values[at : at + query.most])
            yield address(self._base, self._path).update_query({query.param: joined})

    async def _lines(self, url: URL) -> Sequence[bytes]:
        # Where the SKU is in the path, nothing there is an answer.
        also = _NOT_THERE if self._query.param is None else frozenset[int]()
        answer = await self._erp.get(url, also=also)
        if answer.status == HTTPStatus.NOT_FOUND:
            return ()
        call = Call(self._name, answer.url)
        with call.translated():
            content = await asyncio.to_thread(self._page.read, answer.body)
        if answer.next_link is not None:
            raise call.wrong("the answer goes on on another page: lower most of sku_query")
        return tuple(content.chunks(deleted=True))


async def _all(calls: Sequence[Coroutine[None, None, Sequence[bytes]]]) -> list[Sequence[bytes]]:
    """What all of these come to; the first that fails ends the others."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
