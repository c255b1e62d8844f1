"""What operators ask of the loader that leads, and its answers: the store carries both.

A request is a key that lives no longer than the one who asks waits for it, so that nothing is done
after he went away; a list says which requests there are. The answer is a list of one, which wakes
him.
"""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import Final

import msgspec

from gateway.store.client import StoreClient
from gateway.store.keys import Keyspace

_MOST: Final = 100
"""So many wait at most; those before them are forgotten, and never answered."""
_ANSWERS_LIVE: Final = 60


class Act(StrEnum):
    """What can be asked of a feed."""

    RELEASE = "release"
    DISCARD = "discard"
    SYNC = "sync"


class FeedRequest(msgspec.Struct, frozen=True):
    """One request, by the name under which its answer is waited for; `by` is who wants it."""

    name: str
    act: Act
    feed: str
    by: str = ""


class Answer(msgspec.Struct, frozen=True):
    """Whether it was done, and what is to be said of it."""

    done: bool
    text: str


_encode = msgspec.json.Encoder().encode
_request = msgspec.json.Decoder(FeedRequest).decode
_answer = msgspec.json.Decoder(Answer).decode


class FeedRequests:
    """The requests of one store."""

    def __init__(self, client: StoreClient, keys: Keyspace) -> None:
        self._client = client
        self._keys = keys

    async def ask(self, act: Act, feed: str, wait: float, by: str = "") -> Answer | None:
        """The leader's answer; None if there was none within so many seconds.

        `by` is who wants it, for the journal.

        Raises:
            StoreUnavailableError: no answer of the store within the deadline.
        """
        request = FeedRequest(secrets.token_hex(8), act, feed, by)
        async with self._client.asking() as redis:
            life_ms = max(1, int(wait * 1000))
            await redis.set(self._keys.request(request.name), _encode(request), px=life_ms)
            await redis.rpush(self._keys.asked, request.name)
            await redis.ltrim(self._keys.asked, -_MOST, -1)
        async with self._client.asking(wait + self._client.deadline) as redis:
            told = await redis.blpop([self._keys.answer_to_request(request.name)], timeout=wait)
        return None if told is None else _answer(told[1])

    async def next(self) -> FeedRequest | None:
        """Take the next request that somebody still waits for; None if there is none.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        while True:
            async with self._client.asking() as redis:
                name: bytes | None = await redis.lpop(self._keys.asked)
                if name is None:
                    return None
                key = self._keys.request(name.decode(errors="replace"))
                text: bytes | None = await redis.getdel(key)
            if text is not None:
                try:
                    return _request(text)
                except msgspec.MsgspecError:
                    continue

    async def answer(self, request: FeedRequest, answer: Answer) -> None:
        """Tell who asked.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        key = self._keys.answer_to_request(request.name)
        async with self._client.asking() as redis:
            await redis.rpush(key, _encode(answer))
            await redis.expire(key, _ANSWERS_LIVE)
