"""Who leads the loaders: a lease that must be kept, and a new token for each term.

The lease lives by the store's clock. Who holds it has to be done by its own clock before, since a
reply says only when the lease was lengthened at the latest: count from before the question.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.store.client import StoreClient
from gateway.store.fence import Fence, put_up
from gateway.store.keys import Keyspace

_FOLDER: Final = Path(__file__).parent / "scripts"
_TAKE: Final = (_FOLDER / "lead_take.lua").read_bytes()
_KEEP: Final = (_FOLDER / "lead_keep.lua").read_bytes()


class Term(msgspec.Struct, frozen=True):
    """A term that has begun: its token, and that of the term before (0: none is known)."""

    token: int
    before: int


class Leading(msgspec.Struct, frozen=True):
    """Another leads: who, and for how long at least (milliseconds)."""

    name: str
    left_ms: int


class Leadership:
    """The lease of one store, as `name` sees it, who is different from all others."""

    def __init__(self, client: StoreClient, keys: Keyspace, name: str, life_ms: int) -> None:
        self.name = name
        self._client = client
        self._keys = keys
        self._life_ms = life_ms

    async def take(self) -> Term | Leading:
        """Begin a term, unless another leads.

        Raises:
            StoreUnavailableError: no answer within the deadline; it may have begun all the same,
                and the next call begins another.
        """
        taken, token, told, *left = await self._run(_TAKE, self.name, self._life_ms)
        if taken:
            return Term(int(token), int(told))
        return Leading(told.decode(errors="replace"), int(left[0]))

    async def keep(self, term: Term) -> bool:
        """Lengthen the lease to its whole life; whether the term still is.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        return bool(await self._run(_KEEP, term.token, self.name, self._life_ms))

    async def give_back(self, term: Term) -> None:
        """Let another lead at once; nothing is done where one does already.

        Raises:
            StoreUnavailableError: no answer within the deadline; the lease ends by itself.
        """
        _ = await self._run(_KEEP, term.token, self.name, 0)

    async def fence(self, term: Term) -> Fence:
        """The fence of a term, once it stands.

        Raises:
            StoreUnavailableError: it does not stand everywhere.
        """
        return await put_up(self._client, self._keys, term.token)

    async def _run(self, script: bytes, *arguments: str | int) -> Any:
        async with self._client.asking() as redis:
            return await redis.eval(script, 2, self._keys.lease, self._keys.fence, *arguments)


async def leader(client: StoreClient, keys: Keyspace) -> str | None:
    """The name of who leads; None when nobody does.

    Raises:
        StoreUnavailableError: no answer within the deadline.
    """
    (lease,) = await client.get_many([keys.lease])
    return None if lease is None else lease.decode(errors="replace").partition(" ")[2]
