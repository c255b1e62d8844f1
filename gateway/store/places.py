"""What lies at many places at once, for who compares it with what is to be written there."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from gateway.store.bulk import Place
from gateway.store.client import StoreClient, is_wrong_type, translated

_AT_A_TIME: Final = 1000


async def values_at(client: StoreClient, places: Sequence[Place]) -> list[bytes | None]:
    """The values at these places, in order; None where there is none, or another type.

    Raises:
        StoreUnavailableError: no answer within the deadline, which each thousand has anew.
    """
    found: list[bytes | None] = []
    for at in range(0, len(places), _AT_A_TIME):
        found += await _values(client, places[at : at + _AT_A_TIME])
        await asyncio.sleep(0)
    return found


async def _values(client: StoreClient, places: Sequence[Place]) -> list[bytes | None]:
    found: dict[int, bytes | None] = {}
    strings = [number for number, place in enumerate(places) if not place.field]
    if strings:
        values = await client.get_many([places[number].key for number in strings])
        found.update(zip(strings, values, strict=True))
    fields: defaultdict[bytes, list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        if place.field:
            fields[place.key].append(number)
    if fields:
        asked = [(key, [places[one].field for one in numbers]) for key, numbers in fields.items()]
        for numbers, some in zip(fields.values(), await _fields(client, asked), strict=True):
            found.update(zip(numbers, some, strict=True))
    return [found[number] for number in range(len(places))]


async def _fields(
    client: StoreClient, asked: Sequence[tuple[bytes, Sequence[bytes]]]
) -> list[Sequence[bytes | None]]:
    """The values of some fields of each of these hashes."""
    async with client.asking() as redis:
        pipeline = redis.pipeline(transaction=False)
        for key, fields in asked:
            pipeline.hmget(key, fields)
        replies = await pipeline.execute(raise_on_error=False)
    found: list[Sequence[bytes | None]] = []
    for (_, fields), reply in zip(asked, replies, strict=True):
        if is_wrong_type(reply):
            found.append([None] * len(fields))
        elif isinstance(reply, Exception):
            with translated():
                raise reply
        else:
            found.append(reply)
    return found
