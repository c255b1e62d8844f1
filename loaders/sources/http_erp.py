"""An ERP that is asked over HTTP: one answer at a time, within its limits and ours.

Nothing is tried again here, the keeper does that, with two exceptions that are no failures: a
token that the ERP has withdrawn is renewed once, and a 429 that says how long to wait is waited
for, where that is within the deadline of the call.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from gateway.config.http_sections import HttpSource
from loaders.sources.http_auth import Authorization, authorization
from loaders.sources.http_body import ENCODING, read_body
from loaders.sources.http_call import AnswerError, Call, masked
from loaders.sources.http_pace import Pace

_MOST_REDIRECTS: Final = 5
_MOST_PAUSES: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MARKUP: Final = (b"<!", b"<h", b"<H", b"<?")
_ASKED_FOR: Final = "application/json"

_REFUSALS: Final[Mapping[int, str]] = {
    400: "the ERP does not understand this address: are its parameters right?",
    401: "the ERP refuses the credentials (401)",
    403: "these credentials may not read this (403)",
    404: "there is no such address (404)",
    405: "this address cannot be read with GET (405)",
    429: "the ERP is called too often (429) and does not say how long to wait: lower rate",
}


class Answer(msgspec.Struct, frozen=True):
    """One answer; it has a body where its status is 200.

    `url` is what was asked, `next_link` what its `Link` header calls the next page, `present`
    its own time (`Date`), `etag` and `modified` what to ask with next time.
    """

    url: URL
    status: int
    body: bytes = b""
    next_link: URL | None = None
    location: str | None = None
    retry_after: str | None = None
    present: datetime | None = None
    etag: str | None = None
    modified: str | None = None


class HttpLimits:
    """What all feeds of one source share: how often and how many at once, and who asks."""

    def __init__(self, source: HttpSource, clock: Callable[[], float]) -> None:
        self.pace = Pace(source.rate, source.burst, clock)
        self.slots = asyncio.Semaphore(source.concurrency)
        self.authorization: Authorization = authorization(source.auth, clock)


class HttpErp:
    """One feed's connection to its ERP. `clock` gives seconds that only ever go up."""

    def __init__(
        self, feed: str, source: HttpSource, limits: HttpLimits, clock: Callable[[], float]
    ) -> None:
        self._feed = feed
        self._source = source
        self._limits = limits
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def get(
        self,
        url: URL,
        headers: Mapping[str, str] | None = None,
        also: frozenset[int] = frozenset(),
    ) -> Answer:
        """The answer to one question; `also` are statuses besides 200 that are one.

        Raises:
            SourceError: there is none, or none that could be used.
        """
        call = Call(self._feed, url)
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._authorized(call, headers or {})
            if answer.status == HTTPStatus.OK or answer.status in also:
                return answer
            if answer.status not in _REDIRECTS:
                raise call.wrong(_refusal(answer.status))
            with call.translated():
                call = Call(self._feed, target(call.url, answer.location or "", "redirects"))
        raise call.wrong(f"redirects more than {_MOST_REDIRECTS} times")

    async def close(self) -> None:
        """Drop the connections; the next question opens them again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _authorized(self, call: Call, headers: Mapping[str, str]) -> Answer:
        authority = self._limits.authorization
        header = await authority.header(self._opened(call), self._feed)
        answer = await self._patient(call, _with(headers, header))
        if answer.status == HTTPStatus.UNAUTHORIZED and authority.refused(header):
            header = await authority.header(self._opened(call), self._feed)
            answer = await self._patient(call, _with(headers, header))
        return answer

    async def _patient(self, call: Call, headers: Mapping[str, str]) -> Answer:
        """The answer, after as many pauses as the ERP asks for and the deadline allows."""
        pace = self._limits.pace
        deadline = self._clock() + self._source.timeout
        for _ in range(_MOST_PAUSES + 1):
            if self._clock() + pace.rests > deadline:
                raise call.wrong(
                    f"the ERP asks to be left alone for {pace.rests:.0f} s more (429), "
                    f"which is longer than timeout"
                )
            async with self._limits.slots:
                await pace.turn()
                answer = await self._once(call, headers)
            if answer.status != HTTPStatus.TOO_MANY_REQUESTS:
                return answer
            seconds = _pause(answer)
            if seconds is None:
                return answer
            pace.rest(seconds)
        raise call.wrong(f"the ERP asked for more than {_MOST_PAUSES} pauses (429): lower rate")

    async def _once(self, call: Call, headers: Mapping[str, str]) -> Answer:
        session = self._opened(call)
        with call.translated():
            async with session.get(call.url, headers=headers, allow_redirects=False) as response:
                body = b""
                if response.status == HTTPStatus.OK:
                    body = await read_body(response, self._source.largest_body)
                    _require_data(response, body)
                link = response.links.get("next")
                said = response.headers
                return Answer(
                    call.url,
                    response.status,
                    body,
                    None if link is None else URL(link["url"]),
                    said.get("Location"),
                    said.get("Retry-After"),
                    _moment(said.get("Date")),
                    said.get("ETag"),
                    said.get("Last-Modified"),
                )

    def _opened(self, call: Call) -> aiohttp.ClientSession:
        if self._session is None:
            source = self._source
            try:
                trusted = ssl.create_default_context(cafile=source.ca_file)
            except (OSError, ssl.SSLError) as error:
                reason = error.strerror or "it holds no certificate in PEM"
                raise call.wrong(f"ca_file {source.ca_file} cannot be used: {reason}") from error
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=trusted, limit=source.concurrency),
                timeout=aiohttp.ClientTimeout(
                    total=source.timeout, sock_connect=source.connect_timeout
                ),
                headers={
                    "User-Agent": "stockspan",
                    "Accept": _ASKED_FOR,
                    "Accept-Encoding": ENCODING,
                    **source.headers,
                },
                # Nothing of one answer is carried into the next question.
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


def target(base: URL, address: str, what: str) -> URL:
    """Where an answer points, which must be on the same host: credentials go along.

    Raises:
        AnswerError: it is no address, or leads elsewhere.
    """
    try:
        url = base.join(URL(address))
        elsewhere = url.origin() != base.origin()
    except ValueError:
        raise AnswerError(f"{what} to no address") from None
    if not address:
        raise AnswerError(f"{what} to no address")
    if elsewhere:
        raise AnswerError(f"{what} to another host ({masked(url.origin())}), which is not followed")
    return url


def _with(headers: Mapping[str, str], authorization: str | None) -> Mapping[str, str]:
    return headers if authorization is None else {**headers, "Authorization": authorization}


def _require_data(response: aiohttp.ClientResponse, body: bytes) -> None:
    if response.content_type.endswith("html") or body.lstrip()[:2] in _MARKUP:
        raise AnswerError("the answer is a page (HTML), no data: is it the page to sign in?")


def _refusal(status: int) -> str:
    if status in _REFUSALS:
        return _REFUSALS[status]
    try:
        name = f" ({HTTPStatus(status).phrase})"
    except ValueError:
        name = ""
    return f"the ERP answers {status}{name}"


def _pause(answer: Answer) -> float | None:
    """Seconds to wait before the next call, as the ERP asks; None where it does not say."""
    said = (answer.retry_after or "").strip()
    if re.fullmatch(r"\d{1,6}", said, re.ASCII):
        return float(said)
    until = _moment(said)
    if until is None:
        return None
    return max(0.0, (until - (answer.present or datetime.now(UTC))).total_seconds())


def _moment(said: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(said or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
