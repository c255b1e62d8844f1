"""Sends a call to the gateway, and sends it again where that is harmless, until the deadline.

The only code here that knows aiohttp. Its errors end here: some of them show the request's headers,
the key among them, so none is raised, nor kept as the cause or context of one that is.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, TypeVar

import aiohttp
import msgspec
from yarl import URL

from stockspan_client.pauses import pause, seconds_of
from stockspan_client.problems import (
    PASSING,
    NoAnswerError,
    ProblemError,
    StockspanError,
    UnreadableAnswerError,
    read_problem,
)

T = TypeVar("T")

_GOOD: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED})


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the gateway.

    `path` is percent-encoded already. `repeatable`: asked twice, it does what it does once.
    `thinking` are seconds that the gateway was given on top, to ask the ERP.
    """

    method: str
    path: str
    body: bytes | None = None
    idempotency_key: str | None = None
    repeatable: bool = True
    thinking: float = 0.0


class Link:
    """One gateway, by its base address, and the connections to it.

    `deadline` is for a call with all its tries, `patience` for one try, both in seconds.
    """

    def __init__(
        self,
        base: str,
        key: str | None,
        *,
        deadline: float,
        patience: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._base = base
        self._key = key
        self._deadline = deadline
        self._patience = patience
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Needs a running loop; connections are made when they are needed, and kept."""
        if self._session is not None:
            raise RuntimeError("it is in use already")
        headers = {"Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        self._session = aiohttp.ClientSession(
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # ours is exact, and is in `_try`
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, call: Call, read: Callable[[bytes], T]) -> T:
        """A good answer, read.

        Raises:
            StockspanError: there is none, for the reason of the last try.
        """
        end = _now() + self._deadline + call.thinking
        failures = 0
        while isinstance(answer := await self._try(call, read, end - _now()), StockspanError):
            failures += 1
            wait = pause(failures, _told(answer), random.random())  # noqa: S311 - spreads, no secret
            if not (call.repeatable and answer.passing) or _now() + wait >= end:
                answer.idempotency_key = call.idempotency_key
                raise answer
            await self._sleep(wait)
        return answer

    async def _try(self, call: Call, read: Callable[[bytes], T], left: float) -> T | StockspanError:
        """Ask once: the answer, or what came in its place."""
        if self._session is None:
            raise RuntimeError("it is used within `async with` alone")
        patience = min(self._patience + call.thinking, left)
        try:
            async with (
                asyncio.timeout(patience),
                self._session.request(
                    call.method,
                    URL(self._base + call.path, encoded=True),
                    data=call.body,
                    headers=_headers(call),
                    allow_redirects=False,
                ) as response,
            ):
                body = await response.read()
                if response.status in _GOOD:
                    return _understood(response.status, body, read)
                return _failure(response.status, body, response.headers.get("Retry-After"))
        except TimeoutError:
            return NoAnswerError(f"{self._base} did not answer within {patience:.3g} s")
        except aiohttp.ClientConnectorError as error:
            return NoAnswerError(str(error))
        except (aiohttp.ClientError, OSError) as error:
            # No more than its name: it may show what was sent.
            return NoAnswerError(f"{self._base} broke off: {type(error).__name__}")


def _headers(call: Call) -> dict[str, str]:
    headers = {}
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    if call.idempotency_key is not None:
        headers["Idempotency-Key"] = call.idempotency_key
    return headers


def _understood(status: int, body: bytes, read: Callable[[bytes], T]) -> T | StockspanError:
    try:
        return read(body)
    except (msgspec.DecodeError, UnicodeError, IndexError) as error:
        return UnreadableAnswerError(status, str(error))


def _failure(status: int, body: bytes, retry_after: str | None) -> StockspanError:
    problem = read_problem(body, seconds_of(retry_after, datetime.now(UTC)))
    if problem is not None:
        return problem
    if status in PASSING:
        # A proxy's own words: behind it nobody answered.
        return NoAnswerError(f"status {status}, without a problem of the gateway's")
    return UnreadableAnswerError(status, "neither an answer nor a problem")


def _told(error: StockspanError) -> float | None:
    return error.retry_after if isinstance(error, ProblemError) else None


def _now() -> float:
    return asyncio.get_running_loop().time()
