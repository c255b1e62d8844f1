"""Claims on both kinds of store: one who works on a key, and all who come after."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from gateway.domain.errors import StoreUnavailableError
from gateway.store.claims import Claim, Claims
from gateway.store.client import StoreClient
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane

KEYS = Keyspace("ss")
BODY = hashlib.sha256(b"{}").digest()
OTHER_BODY = hashlib.sha256(b"[]").digest()
DAY_MS = 86_400_000


@pytest.fixture
async def claims(client: StoreClient) -> AsyncIterator[Claims]:
    lane = Lane(client, KEYS)
    yield Claims(lane, KEYS)
    await lane.end()


async def test_one_life_of_a_key(claims: Claims) -> None:
    assert await claims.take("shop", "k", BODY) is Claim.NEW
    assert await claims.take("shop", "k", BODY) is Claim.RUNNING
    assert await claims.take("shop", "k", OTHER_BODY) is Claim.OTHER
    claims.done("shop", "k", BODY)
    assert await claims.take("shop", "k", BODY) is Claim.DONE
    assert await claims.take("shop", "k", OTHER_BODY) is Claim.OTHER
    assert await claims.take("shop", "k", BODY) is Claim.DONE


async def test_a_claim_that_was_dropped_is_anybodys(claims: Claims) -> None:
    await claims.take("shop", "k", BODY)
    claims.drop("shop", "k")
    assert await claims.take("shop", "k", OTHER_BODY) is Claim.NEW
    claims.drop("shop", "another")


async def test_of_many_at_once_one_works(claims: Claims) -> None:
    found = await asyncio.gather(*(claims.take("shop", "k", BODY) for _ in range(100)))
    assert Counter(found) == {Claim.NEW: 1, Claim.RUNNING: 99}


# Where caller and key are simply joined, or joined by any sign, these are one.
PAIRS = [
    ("ab", "c"),
    ("a", "bc"),
    ("", "abc"),
    ("abc", ""),
    ("a:b", "c"),
    ("a", "b:c"),
    ("1:a", "b"),
    ("1", "1:ab"),
    ("a\0b", "c"),
    ("a", "\0bc"),
    ("ä", "b"),
    ("a\u0308", "b"),
    ("a}{b", "*"),
    ("*", "a}{b"),
]


async def test_no_two_callers_keys_meet(claims: Claims) -> None:
    for caller, key in PAIRS:
        assert await claims.take(caller, key, BODY) is Claim.NEW, (caller, key)
    for caller, key in PAIRS[::2]:
        claims.done(caller, key, BODY)
    for number, (caller, key) in enumerate(PAIRS):
        expected = Claim.RUNNING if number % 2 else Claim.DONE
        assert await claims.take(caller, key, BODY) is expected


async def test_two_callers_may_use_one_key(claims: Claims) -> None:
    assert await claims.take("shop", "k", BODY) is Claim.NEW
    assert await claims.take("other", "k", OTHER_BODY) is Claim.NEW
    claims.done("shop", "k", BODY)
    assert await claims.take("other", "k", OTHER_BODY) is Claim.RUNNING


async def test_a_claim_is_given_up_soon_and_an_answer_remembered_for_a_day(
    client: StoreClient, claims: Claims
) -> None:
    async def lives() -> int:
        keys = await client.redis.keys("ss:i:*")
        assert len(keys) == 1
        found: int = await client.redis.pttl(keys[0])
        return found

    await claims.take("shop", "k", BODY)
    assert 0 < await lives() <= 5_000
    claims.done("shop", "k", BODY)
    assert await claims.take("shop", "k", BODY) is Claim.DONE
    assert DAY_MS - 60_000 < await lives() <= DAY_MS
    # Asking again does not make it any shorter.
    await claims.take("shop", "k", BODY)
    assert await lives() > DAY_MS - 60_000


async def test_neither_caller_nor_key_is_in_the_stores_key(
    client: StoreClient, claims: Claims
) -> None:
    await claims.take("shop", "k" * 10_000, BODY)
    (key,) = await client.redis.keys("ss:i:*")
    assert len(key) < 64


async def test_something_else_at_the_key_is_told(client: StoreClient, claims: Claims) -> None:
    await claims.take("shop", "k", BODY)
    (key,) = await client.redis.keys("ss:i:*")
    await client.redis.delete(key)
    await client.redis.rpush(key, b"not ours")
    with pytest.raises(StoreUnavailableError):
        await claims.take("shop", "k", BODY)
    claims.done("shop", "k", BODY)
    assert await claims.take("shop", "k", BODY) is Claim.DONE
