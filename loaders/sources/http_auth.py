"""Who asks: the `Authorization` header of a source, fetched and renewed where it has to be."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from gateway.config.http_sections import Auth, BasicAuth, BearerAuth, ClientCredentials
from loaders.sources.http_body import read_body
from loaders.sources.http_call import AnswerError, Call

_SHORTEST: Final = 1.0
_LONGEST: Final = 86_400.0
_AS_SHIPPED: Final = 300.0
"""Seconds a token is good for whose issuer does not say."""
_MARGIN: Final = 60.0
"""So many seconds before its end a token is renewed, but not before half of its life."""
_LARGEST: Final = 1 << 20
_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,60}")


class Authorization(Protocol):
    """What a call needs of those who ask."""

    async def header(self, session: aiohttp.ClientSession, feed: str) -> str | None:
        """The value of the header; None for none. Raises `SourceError`."""

    def refused(self, header: str | None) -> bool:
        """The ERP refused this one; whether it is worth asking again with another."""


class _Fixed:
    def __init__(self, header: str | None) -> None:
        self._header = header

    async def header(self, session: aiohttp.ClientSession, feed: str) -> str | None:
        del session, feed
        return self._header

    def refused(self, header: str | None) -> bool:
        del header
        return False


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int | float | str | None = None


class _Refusal(msgspec.Struct, frozen=True):
    error: str = ""


class ClientTokens:
    """OAuth 2 tokens of a client, one at a time for all feeds of the source."""

    def __init__(self, settings: ClientCredentials, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._header: str | None = None
        self._renew_at = 0.0
        self._fetching = asyncio.Lock()

    async def header(self, session: aiohttp.ClientSession, feed: str) -> str | None:
        """The header with a token that is good for some time.

        Raises:
            SourceError: there is none to be had.
        """
        # Feeds that want one at the same time wait for the one that is being fetched.
        async with self._fetching:
            if self._header is None or self._clock() >= self._renew_at:
                self._header = await self._fetched(session, feed)
            return self._header

    def refused(self, header: str | None) -> bool:
        """The ERP may have withdrawn it before its time; the next call fetches another."""
        if header == self._header:
            self._header = None
        return True

    async def _fetched(self, session: aiohttp.ClientSession, feed: str) -> str:
        settings = self._settings
        form = {"grant_type": "client_credentials", **settings.parameters}
        if settings.scope is not None:
            form["scope"] = settings.scope
        headers = {}
        if settings.secret_in == "header":  # noqa: S105 - a place, no secret
            # RFC 6749, 2.3.1: both are form-encoded before they are joined.
            pair = [quote(text, safe="") for text in (settings.client_id, settings.client_secret)]
            headers["Authorization"] = aiohttp.encode_basic_auth(*pair)
        else:
            form |= {"client_id": settings.client_id, "client_secret": settings.client_secret}
        call = Call(feed, URL(settings.token_url), "POST")
        asked_at = self._clock()
        with call.translated():
            async with session.post(
                call.url, data=form, headers=headers, allow_redirects=False
            ) as response:
                body = await read_body(response, _LARGEST)
            token = _token(response.status, body)
        self._renew_at = asked_at + _good_for(token)
        return f"Bearer {token.access_token}"


def authorization(settings: Auth | None, clock: Callable[[], float]) -> Authorization:
    """What a source's settings say about who asks."""
    match settings:
        case None:
            return _Fixed(None)
        case BearerAuth():
            return _Fixed(f"Bearer {settings.token}")
        case BasicAuth():
            return _Fixed(aiohttp.encode_basic_auth(settings.username, settings.password))
        case ClientCredentials():
            return ClientTokens(settings, clock)


def _token(status: int, body: bytes) -> _Token:
    if status != 200:
        try:
            code = msgspec.json.decode(body, type=_Refusal).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            code = ""
        said = f" ({code})" if _CODE.fullmatch(code) else ""
        raise AnswerError(f"no token to be had, the answer is {status}{said}")
    try:
        token = msgspec.json.decode(body, type=_Token)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise AnswerError("the answer holds no access_token") from None
    if token.token_type.lower() != "bearer" or not re.fullmatch(r"[!-~]+", token.access_token):
        raise AnswerError("the token is none that can be sent as Bearer")
    return token


def _good_for(token: _Token) -> float:
    try:
        life = _AS_SHIPPED if token.expires_in is None else float(token.expires_in)
    except ValueError:
        life = _AS_SHIPPED
    life = min(max(life, _SHORTEST), _LONGEST)
    return max(life - _MARGIN, life / 2)
