"""What must be known of a price list before its rows are written: where they lie, and its layer.

Asked of the store once a sync and list. Where the rows of a list lie is decided at its first row
for a SKU that is really written, and stays (docs/adr/0009). Rows are encoded before that, by
what the decision would be; should another loader decide otherwise meanwhile, the sync fails, and
the next one knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.domain.identifiers import is_identifier
from gateway.domain.price_lists import Layer
from gateway.store.client import StoreClient
from gateway.store.fence import Fence
from gateway.store.keys import Keyspace
from gateway.store.price_places import PricePlaces, proposed
from gateway.store.prices import PriceStore
from loaders.errors import WriteRefusedError
from loaders.records import PriceRecord


class Placements:
    """The price lists of one sync."""

    def __init__(self, client: StoreClient, keys: Keyspace, fence: Fence | None) -> None:
        self._heads = PriceStore(client, keys)
        self._places = PricePlaces(client, keys, fence)
        self._looked_at: set[str] = set()
        self._base: set[str] = set()
        self._open: set[str] = set()
        self._with_skus: dict[str, bool] = {}
        self._undecided: set[str] = set()
        self._wanted: set[str] = set()

    async def settle(self, records: Iterable[object]) -> None:
        """Learn what is not known yet of the lists of these records; others are passed over.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        rows = [record for record in records if isinstance(record, PriceRecord)]
        if not rows:
            return
        named = {row.price_list for row in rows} - self._looked_at
        heads = await self._heads.lists([name for name in named if is_identifier(name)])
        self._looked_at |= named
        self._base |= {name for name, head in heads.items() if head.layer is Layer.BASE}
        self._open |= {name for name, head in heads.items() if proposed(head)}
        unplaced = {row.price_list for row in rows if row.sku} - self._with_skus.keys()
        if unplaced:
            held = await self._places.held(filter(is_identifier, unplaced))
            self._with_skus |= {name: held.get(name, name in self._open) for name in unplaced}
            self._undecided |= unplaced - held.keys()

    @property
    def has_to_decide(self) -> bool:
        """Whether rows are about to be written of a list that has no place yet."""
        return bool(self._wanted)

    async def decide(self) -> None:
        """Fix the places of the lists of which rows are about to be written.

        Raises:
            WriteRefusedError: another loader has just decided otherwise.
            StoreUnavailableError: no answer within the deadline.
        """
        wanted = self.wanted
        await self.fix(wanted)
        self._undecided -= wanted.keys()
        self._wanted.clear()

    @property
    def wanted(self) -> Mapping[str, bool]:
        """The places that are about to be decided."""
        return {name: self._with_skus[name] for name in self._wanted}

    async def fix(self, wanted: Mapping[str, bool]) -> None:
        """Fix these places, if they have none yet.

        Raises:
            WriteRefusedError, StoreUnavailableError: as in `decide`.
        """
        held = await self._places.decide(wanted)
        elsewhere = sorted(name for name in wanted if held[name] != wanted[name])
        if elsewhere:
            raise WriteRefusedError(
                f"another feed has just given the price list {elsewhere[0]} its place: try again"
            )

    def is_base(self, price_list: str) -> bool:
        """Whether the list is known to be of the layer `base`."""
        return price_list in self._base

    def with_skus(self, price_list: str) -> bool:
        """Whether the list's rows for a SKU lie with the SKU, as far as is known."""
        return self._with_skus[price_list]

    def expect(self, price_list: str) -> None:
        """A row for a SKU of this list is going to be written: its place must be decided."""
        if price_list in self._undecided:
            self._wanted.add(price_list)
