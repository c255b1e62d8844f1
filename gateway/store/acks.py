"""The inbox: what the ERP has said of orders, until a gateway has taken it into its ledger.

Loaders write it, gateways empty it, several at once: what one reads, another may have taken a
moment later. Taking the same acknowledgement twice must do no harm there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

import msgspec

from gateway.domain.identifiers import is_identifier
from gateway.domain.orders import OrderAck
from gateway.store.ack_codec import word_of
from gateway.store.client import StoreClient
from gateway.store.entries import CorruptValueError
from gateway.store.keys import Keyspace
from gateway.store.scans import scan_fields

_TAKE: Final = (Path(__file__).parent / "scripts" / "take_acks.lua").read_bytes()

_AT_A_TIME: Final = 500
"""Fields removed by one run of the script: some hundred microseconds."""


class WaitingAck(msgspec.Struct, frozen=True):
    """An acknowledgement in the inbox; `raw` is what lies there, byte for byte."""

    order_ref: str
    ack: OrderAck
    raw: bytes


class AckInbox:
    """The acknowledgements that wait. One that is not ours is dropped, and counted in `corrupt`."""

    def __init__(self, client: StoreClient, keys: Keyspace) -> None:
        self._client = client
        self._key = keys.acks
        self.corrupt = 0

    async def waiting(self, most: int = _AT_A_TIME) -> list[WaitingAck]:
        """Some that wait, at most so many (one or more), in no order; none when all are taken.

        What is not taken comes again. Deleted ones, and what is not ours, are removed on the way.

        Raises:
            StoreUnavailableError: the store went away; start again.
        """
        found: dict[str, WaitingAck] = {}
        async with aclosing(scan_fields(self._client, self._key, count=most)) as pages:
            async for page in pages:
                useless: list[tuple[bytes, bytes]] = []
                for field, value in page:
                    waiting = self._read(field, value)
                    if waiting is None:
                        useless.append((field, value))
                    else:
                        # A scan may come by a field twice: the later value counts.
                        found[waiting.order_ref] = waiting
                await self._remove(useless)
                if len(found) >= most:
                    break
        return list(found.values())[:most]

    async def take(self, taken: Sequence[WaitingAck]) -> None:
        """Remove these, each unless it was written anew since it was read.

        Raises:
            StoreUnavailableError: the store went away; those that are left come again.
        """
        await self._remove([(waiting.order_ref.encode(), waiting.raw) for waiting in taken])

    async def scan(self) -> AsyncIterator[list[tuple[str, bytes]]]:
        """Everything that waits, as values by order_ref, in pages; for loaders.

        Raises:
            StoreUnavailableError: the store went away; start again.
        """
        async for page in scan_fields(self._client, self._key):
            yield [(field.decode(errors="replace"), value) for field, value in page]

    def _read(self, field: bytes, value: bytes) -> WaitingAck | None:
        try:
            order_ref = _order_ref(field)
            ack = word_of(value, order_ref)
        except CorruptValueError:
            self.corrupt += 1
            return None
        return None if ack is None else WaitingAck(order_ref, ack, value)

    async def _remove(self, held: Sequence[tuple[bytes, bytes]]) -> None:
        """Remove these fields, each while it has this value."""
        for at in range(0, len(held), _AT_A_TIME):
            some = held[at : at + _AT_A_TIME]
            async with self._client.asking() as redis:
                await redis.eval(_TAKE, 1, self._key, *(part for pair in some for part in pair))


def _order_ref(field: bytes) -> str:
    try:
        order_ref = field.decode()
    except UnicodeDecodeError:
        raise CorruptValueError from None
    if not is_identifier(order_ref):
        # No record has such a name: it would be refused wherever it is taken to.
        raise CorruptValueError
    return order_ref
