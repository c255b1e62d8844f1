"""Asking the loaders for figures fresh from the ERP: both ends of a refresh request.

A request is a message, not a record: it is worth nothing once its deadline is over, so nothing is
kept of it, nothing grows where no loader runs, and the store says at once whether anybody heard it.
What came of it is told on the change channel, behind the changes that it made: copies are evicted
before whoever waits is woken.

A figure counts for a request only if it was read after the request was posted. So every request has
a name, and is answered by that name, never by the SKU.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Final

import msgspec
from redis.asyncio.cluster import RedisCluster

from gateway.domain.confirmations import Confirmation, Unconfirmed
from gateway.domain.errors import StoreUnavailableError
from gateway.gathering import Gathering
from gateway.store.channels import ChannelListener
from gateway.store.client import StoreClient
from gateway.store.keys import Change, ChangeKind, Keyspace, encode_change
from gateway.store.refresh_codec import (
    LONGEST_MS,
    MOST_SKUS,
    Refreshed,
    RefreshRequest,
    decode_request,
    encode_request,
    read_refreshed,
    refreshed_text,
)

_AT_ONCE: Final = 1_000
"""So many callers are gathered into messages in one go."""


class _Asked(msgspec.Struct, frozen=True):
    skus: Sequence[str]
    until: float


class _Post:
    """A request that was posted, and what has come of it so far."""

    def __init__(self) -> None:
        self.skus: dict[str, None] = {}
        self.callers = 0
        self.until = 0.0
        self.told: dict[str, Confirmation] = {}
        self.feeds = 0
        self.done = asyncio.Event()

    def has_room_for(self, asked: _Asked) -> bool:
        return not self.skus or len(self.skus.keys() | asked.skus) <= MOST_SKUS

    def add(self, asked: _Asked) -> None:
        self.skus.update(dict.fromkeys(asked.skus))
        self.callers += 1
        self.until = max(self.until, asked.until)

    def hear(self, refreshed: Refreshed) -> None:
        for sku in self.skus:
            read = dict.fromkeys(refreshed.read.get(sku, ()), refreshed.as_of_ms)
            told = Confirmation(read, refreshed.refused.get(sku))
            held = self.told.get(sku)
            self.told[sku] = told if held is None else held | told
        self.feeds += 1
        if self.feeds >= refreshed.feeds:
            self.done.set()

    def refuse(self, reason: Unconfirmed) -> None:
        self.told = dict.fromkeys(self.skus, Confirmation(refused=reason))
        self.done.set()


class RefreshRequests:
    """The gateway's end: posts requests and waits for what comes of them.

    `listening` says whether the change channel is heard now; what it tells goes to `hear`. What is
    told there and is not ours is counted in `corrupt`.
    """

    def __init__(self, client: StoreClient, keys: Keyspace, listening: Callable[[], bool]) -> None:
        self._client = client
        self._channel = keys.refresh
        self._listening = listening
        self._gathering = Gathering[_Asked, _Post](self._post, most=_AT_ONCE)
        self._name = secrets.token_hex(8)
        self._numbers = count()
        self._posts: dict[str, _Post] = {}
        self.corrupt = 0

    async def ask(self, skus: Iterable[str], seconds: float) -> Mapping[str, Confirmation]:
        """What the ERP says of each SKU from now on; waits so long and no longer, fails never.

        Those who ask in one turn, or while a message is under way, share the next one.
        """
        wanted = tuple(dict.fromkeys(skus))
        if not self._listening():
            # What came of it would not be heard.
            return dict.fromkeys(wanted, Confirmation(refused=Unconfirmed.NO_LOADER))
        post: _Post | None = None
        missing = Confirmation(refused=Unconfirmed.DEADLINE)
        try:
            async with asyncio.timeout(seconds):
                until = asyncio.get_running_loop().time() + seconds
                post = await self._gathering.ask(_Asked(wanted, until))
                await post.done.wait()
        except TimeoutError:
            pass
        except StoreUnavailableError:
            missing = Confirmation(refused=Unconfirmed.NO_LOADER)
        told = {} if post is None else post.told
        if post is None or not post.done.is_set():
            return {sku: told[sku] | missing if sku in told else missing for sku in wanted}
        return {sku: told[sku] for sku in wanted}

    def hear(self, change: Change) -> None:
        """Wake those who wait for what the change channel tells here."""
        refreshed = read_refreshed(change.name)
        if refreshed is None:
            self.corrupt += 1
            return
        for name in refreshed.requests:
            post = self._posts.get(name)
            if post is not None:
                post.hear(refreshed)

    async def end(self) -> None:
        """Give up what is under way."""
        await self._gathering.end()

    async def _post(self, asked: Sequence[_Asked]) -> Sequence[_Post]:
        """One message for all of these, or as many as it takes."""
        posts = [_Post()]
        places: list[_Post] = []
        for one in asked:
            if not posts[-1].has_room_for(one):
                posts.append(_Post())
            posts[-1].add(one)
            places.append(posts[-1])
        for post in posts:
            await self._publish(post)
        return places

    async def _publish(self, post: _Post) -> None:
        loop = asyncio.get_running_loop()
        within_ms = max(1, min(LONGEST_MS, int((post.until - loop.time()) * 1000)))
        name = f"{self._name}-{next(self._numbers)}"
        # It may be answered before the store has said who heard it.
        self._posts[name] = post
        loop.call_at(post.until, self._posts.pop, name, None)
        request = RefreshRequest(name, tuple(post.skus), within_ms, post.callers)
        async with self._client.asking() as redis:
            heard = await redis.publish(self._channel, encode_request(request))
        # A cluster's node counts only those who listen at itself.
        if heard == 0 and not isinstance(self._client.redis, RedisCluster):
            post.refuse(Unconfirmed.NO_LOADER)


class RefreshInbox:
    """The loaders' end: hears requests, and tells what came of them.

    What is heard and is not ours is passed over, and counted in `corrupt`.
    """

    def __init__(self, client: StoreClient, keys: Keyspace) -> None:
        self._client = client
        self._keys = keys
        self.corrupt = 0

    async def listen(self, take: Callable[[RefreshRequest], None]) -> None:
        """Hand every request on until cancelled; what comes while the link is broken is lost."""

        def hear(message: bytes | None) -> None:
            if message is None:
                return
            request = decode_request(message)
            if request is None:
                self.corrupt += 1
            else:
                take(request)

        await ChannelListener(self._client, self._keys.refresh, hear).run()

    async def tell(self, refreshed: Refreshed) -> None:
        """Let those who wait know.

        Raises:
            StoreUnavailableError: the store did not answer.
        """
        message = encode_change(Change(ChangeKind.REFRESHED, refreshed_text(refreshed)))
        async with self._client.asking() as redis:
            await redis.publish(self._keys.changes, message)
