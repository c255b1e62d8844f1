"""Where the rows of each price list lie: its rows for a SKU with their SKUs, or with the list.

Decided once, at a list's first row for a SKU, and kept while the store holds anything; why, and
how, is in docs/adr/0009.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.domain.errors import StoreUnavailableError
from gateway.domain.price_lists import PriceList
from gateway.store.client import StoreClient, is_wrong_type
from gateway.store.fence import Fence, FencedWrites
from gateway.store.keys import Keyspace
from gateway.store.prices import PriceStore

_WITH_SKUS: Final = b"s"
_WITH_LIST: Final = b"l"

_AT_A_TIME: Final = 2_000
"""Words in one call of the script: nobody else waits long."""


class PricePlaces:
    """The places of the lists of one store; of each, whether it is with the SKUs."""

    def __init__(self, client: StoreClient, keys: Keyspace, fence: Fence | None = None) -> None:
        self._client = client
        self._writes = FencedWrites(client, fence)
        self._key = keys.price_places
        self._heads = PriceStore(client, keys)

    async def held(self, price_lists: Iterable[str]) -> dict[str, bool]:
        """The places of those of the lists whose place is decided.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        names = list(price_lists)
        letters = await self._client.get_fields(self._key, names)
        return {
            name: letter == _WITH_SKUS
            for name, letter in zip(names, letters, strict=True)
            if letter is not None
        }

    async def decide(self, wanted: Mapping[str, bool]) -> dict[str, bool]:
        """Place these lists so, but for those that have a place; gives what holds from now on.

        Raises:
            StoreUnavailableError: no answer within the deadline.
            DeposedError: the fence's term is over.
        """
        if not wanted:
            return {}
        if not await self._note(wanted):
            # Something else lies there that is not ours; what the places were, nobody knows.
            await self._writes.run(self._key, "DEL")
            _ = await self._note(wanted)
        # Another loader may have been the first: what is held counts.
        return dict(wanted) | await self.held(wanted)

    async def place(self, price_lists: Iterable[str]) -> dict[str, bool]:
        """The places of these lists, decided by their heads now where they were not yet.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        names = list(price_lists)
        held = await self.held(names)
        heads = await self._heads.lists([name for name in names if name not in held])
        wanted = {name: proposed(heads.get(name)) for name in names if name not in held}
        return held | await self.decide(wanted)

    async def _note(self, wanted: Mapping[str, bool]) -> bool:
        """Whether they could be noted; not where the key is of another type."""
        words = [
            word
            for name, with_skus in wanted.items()
            for word in (name, _WITH_SKUS if with_skus else _WITH_LIST)
        ]
        try:
            for at in range(0, len(words), _AT_A_TIME):
                some = words[at : at + _AT_A_TIME]
                await self._writes.run(self._key, "HSETNX", *some, at_a_time=2)
        except StoreUnavailableError as error:
            if is_wrong_type(error.__cause__):
                return False
            raise
        return True


def proposed(head: PriceList | None) -> bool:
    """Whether the rows of a list with this head are to lie with their SKUs: it is open to all."""
    return head is not None and not head.is_personal
