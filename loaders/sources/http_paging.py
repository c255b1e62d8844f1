"""From page to page of an ERP's answer, until its end is certain.

A page that was seen before is an ERP that does not page as the settings say: without an end in
sight the whole reading fails, and nothing takes effect.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from yarl import URL

from gateway.config.expressions import Expression, ExpressionError
from gateway.config.http_sections import CursorPaging, LinkPaging, NoPaging, PagePaging, Paging
from loaders.sources.http_call import AnswerError
from loaders.sources.http_erp import target


class Page(msgspec.Struct, frozen=True):
    """What must be known of a page to find the next one; `digest` tells two contents apart.

    `body` is the JSON as it came, None for a page that is not there.
    """

    url: URL
    body: object
    rows: int
    digest: bytes
    next_link: URL | None = None


class Walk(Protocol):
    """One way through the pages of one reading."""

    def begin(self, url: URL) -> URL:
        """The address of the first page."""

    def after(self, page: Page) -> URL | None:
        """The address of the page after this one; None at the end. Raises `AnswerError`."""


def walk(paging: Paging) -> Walk:
    """A new walk, as the feed's settings say."""
    match paging:
        case NoPaging():
            return _OnePage()
        case PagePaging():
            return _ByNumber(paging)
        case CursorPaging():
            return _ByCursor(paging)
        case LinkPaging():
            return _ByLink(paging)


class _OnePage:
    def begin(self, url: URL) -> URL:
        return url

    def after(self, page: Page) -> URL | None:
        del page
        return None


class _ByNumber:
    """Ends at an empty page, or at a short one after a full one.

    A first page that is short may be all there is, or as much as the ERP gives at once whatever
    it is asked for: only a look at the second page tells.
    """

    def __init__(self, paging: PagePaging) -> None:
        self._paging = paging
        self._number: int = paging.first
        self._base = URL()
        self._short: int | None = None
        self._seen: set[bytes] = set()

    def begin(self, url: URL) -> URL:
        self._base = _sized(url, self._paging)
        return self._address()

    def after(self, page: Page) -> URL | None:
        if page.rows == 0:
            return None
        param, size = self._paging.param, self._paging.size
        _require_new(
            self._seen,
            page.digest,
            f"the page is one that was read before: does the ERP know {param}?",
        )
        if size is not None and self._is_last(page.rows, size):
            return None
        _require_few(len(self._seen), self._paging.most_pages)
        self._number += 1
        return self._address()

    def _is_last(self, rows: int, size: int) -> bool:
        if rows > size:
            raise AnswerError(f"the page has {rows} rows, which is more than size ({size})")
        if self._short is not None:
            raise AnswerError(
                f"the ERP gives {self._short} rows a page, and size says {size}: set it to that"
            )
        first = self._number == self._paging.first
        if first and rows < size:
            self._short = rows
        return rows < size and not first

    def _address(self) -> URL:
        return self._base.update_query({self._paging.param: str(self._number)})


class _ByCursor:
    def __init__(self, paging: CursorPaging) -> None:
        self._paging = paging
        self._next = Expression(paging.next)
        self._base = URL()
        self._seen: set[bytes] = set()

    def begin(self, url: URL) -> URL:
        self._base = _sized(url, self._paging)
        return self._base

    def after(self, page: Page) -> URL | None:
        cursor = _found("paging.next", self._next, page.body)
        if cursor is None or cursor in ("", False):
            return None
        if not isinstance(cursor, str | int):
            raise AnswerError(f"paging.next finds no cursor but {kind_of(cursor)}")
        text = str(cursor)
        _require_new(self._seen, text.encode(), "the cursor is one that was there before")
        _require_few(len(self._seen), self._paging.most_pages)
        return self._base.update_query({self._paging.param: text})


class _ByLink:
    def __init__(self, paging: LinkPaging) -> None:
        self._paging = paging
        self._next = None if paging.next is None else Expression(paging.next)
        self._seen: set[bytes] = set()

    def begin(self, url: URL) -> URL:
        self._seen.add(str(url).encode())
        return url

    def after(self, page: Page) -> URL | None:
        if self._next is None:
            link = None if page.next_link is None else str(page.next_link)
        else:
            found = _found("paging.next", self._next, page.body)
            if found is not None and not isinstance(found, str):
                raise AnswerError(f"paging.next finds no address but {kind_of(found)}")
            link = found
        if not link:
            return None
        url = target(page.url, link, "the next page leads")
        _require_new(self._seen, str(url).encode(), "the next page is one that was read before")
        _require_few(len(self._seen) - 1, self._paging.most_pages)
        return url


def kind_of(value: object) -> str:
    """What a JSON value is, in JSON's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number"


def _sized(url: URL, paging: PagePaging | CursorPaging) -> URL:
    if paging.size_param is None:
        return url
    return url.update_query({paging.size_param: str(paging.size)})


def _found(setting: str, expression: Expression, body: object) -> object:
    try:
        return expression.find(body)
    except ExpressionError as error:
        raise AnswerError(f"{setting} {expression.text!r}: {error}") from None


def _require_new(seen: set[bytes], mark: bytes, otherwise: str) -> None:
    if mark in seen:
        raise AnswerError(f"{otherwise} (a loop)")
    seen.add(mark)


def _require_few(pages: int, most: int) -> None:
    if pages >= most:
        raise AnswerError(f"there are more pages than most_pages ({most})")
