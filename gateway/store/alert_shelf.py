"""Where it is written down how alerts stand, so that a loader goes on where another ended."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from gateway.store.client import StoreClient
from gateway.store.keys import Keyspace

_KEEP: Final = (Path(__file__).parent / "scripts" / "alerts_keep.lua").read_bytes()


class AlertShelf:
    """One text, with a revision: who has not read the last one cannot write the next.

    To be used by one task at a time: what it wrote itself counts as read.
    """

    def __init__(self, client: StoreClient, keys: Keyspace) -> None:
        self._client = client
        self._key = keys.alerts
        self._writer = secrets.token_hex(8)

    async def read(self) -> tuple[int, bytes | None]:
        """The revision and the text; 0 and None where there is none.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        revision, text = await self._client.get_fields(self._key, ("revision", "standing"))
        if revision is None or not revision.isdigit():
            return 0, None
        return int(revision), text

    async def keep(self, revision: int, text: bytes) -> int | None:
        """Write the text that follows this revision; gives the new one, None where it is not last.

        Raises:
            StoreUnavailableError: unknown whether it is written.
        """
        async with self._client.asking() as redis:
            kept = int(await redis.eval(_KEEP, 1, self._key, revision, self._writer, text))
        return kept if kept > 0 else None
