"""The side where the rows of a price list lie, seen from a row: is it where it belongs?

A loader that had not yet seen the store being emptied may have left rows at the other side, where
no reader looks for them (docs/adr/0009).
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.store.client import StoreClient
from gateway.store.entries import Entry
from gateway.store.keys import Keyspace
from gateway.store.price_places import PricePlaces
from loaders import spots
from loaders.spots import Spot


class Sides:
    """The sides of the lists met so far. What was never decided may lie at either."""

    def __init__(self, client: StoreClient, keys: Keyspace) -> None:
        self._places = PricePlaces(client, keys)
        self._placed: dict[str, bool] = {}

    async def learn(self, values: Sequence[tuple[Spot, Sequence[Entry]]]) -> None:
        """Ask for those of the lists whose rows these are.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        lists = {
            spots.list_of_row(spot, entry.head.name)
            for spot, found in values
            if spots.is_of_sku(spot)
            for entry in found
        }
        self._placed |= await self._places.held(lists - self._placed.keys())

    def is_misplaced(self, spot: Spot, entry: Entry) -> bool:
        """Whether a row lies where those of its list do not."""
        if not spots.is_of_sku(spot):
            return False
        with_sku = spots.list_of(spot) is None
        return self._placed.get(spots.list_of_row(spot, entry.head.name), with_sku) != with_sku
