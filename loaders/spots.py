"""Where records of each kind lie in the store: for writing, and for a pass over all of them.

A spot is one value of the store: a family and the ids that choose within it, as a tuple, because
there are millions of them to be hashed and compared.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

from gateway.domain.price_lists import Scope, Target
from gateway.domain.record_kinds import Kind
from gateway.store.acks import AckInbox
from gateway.store.bulk import BulkEncoder, Place
from gateway.store.client import StoreClient
from gateway.store.entries import PRODUCT_NAME, Entry
from gateway.store.keys import Keyspace
from gateway.store.price_codec import list_in
from gateway.store.prices import PriceStore
from gateway.store.stock import scan_stock

Spot = tuple[str, ...]

_LOCATIONS: Final = "locations"
_LEVELS: Final = "level"
_PRODUCT: Final = "product"
_HEAD: Final = "head"
_SKU_ROWS: Final = "sku-rows"
_LIST_ROWS: Final = "list-rows"
_CUSTOMER: Final = "customer"
_DISCOUNTS: Final = "discounts"
_ACK: Final = "ack"

LOCATIONS: Final[Spot] = (_LOCATIONS,)
"""All locations."""

_SCOPES: Final = {scope: str(int(scope)) for scope in Scope}


def levels(sku: str) -> Spot:
    """A SKU's levels."""
    return (_LEVELS, sku)


def product(sku: str) -> Spot:
    """A SKU's product record."""
    return (_PRODUCT, sku)


def head(price_list: str) -> Spot:
    """The head of a price list."""
    return (_HEAD, price_list)


def rows_with_sku(sku: str) -> Spot:
    """The price rows that lie with a SKU."""
    return (_SKU_ROWS, sku)


def rows_with_list(price_list: str, target: Target) -> Spot:
    """The price rows for one target that lie with their list."""
    return (_LIST_ROWS, price_list, _SCOPES[target.scope], target.name)


def customer(name: str) -> Spot:
    """A customer."""
    return (_CUSTOMER, name)


def discounts(discount_class: str) -> Spot:
    """The cells of the discount matrix for one class of customers."""
    return (_DISCOUNTS, discount_class)


def ack(order_ref: str) -> Spot:
    """The ERP's words on an order, as long as they wait to be taken."""
    return (_ACK, order_ref)


def is_of_levels(spot: Spot) -> bool:
    """Whether the records there are levels."""
    return spot[0] == _LEVELS


def list_of(spot: Spot) -> str | None:
    """The price list whose rows lie there; None where the names of entries tell."""
    return spot[1] if spot[0] == _LIST_ROWS else None


def list_of_row(spot: Spot, name: str) -> str:
    """The price list of a row with this name there."""
    return list_of(spot) or list_in(name)


def target_of(spot: Spot) -> Target:
    """What the price rows there are for."""
    if spot[0] == _SKU_ROWS:
        return Target(Scope.SKU, spot[1])
    return Target(Scope(int(spot[2])), spot[3])


def is_of_sku(spot: Spot) -> bool:
    """Whether the price rows there are for a SKU: those of a list lie at one of two spots."""
    return spot[0] == _SKU_ROWS or (spot[0] == _LIST_ROWS and spot[2] == _SCOPES[Scope.SKU])


def holds(kind: Kind, entry: Entry) -> bool:
    """Whether an entry at a spot of that kind is such a record.

    A SKU's product record and its levels are one value.
    """
    if kind == "products":
        return entry.head.name == PRODUCT_NAME
    return kind != "stock" or entry.head.name != PRODUCT_NAME


def command(encoder: BulkEncoder, spot: Spot, operations: Sequence[bytes]) -> bytes:
    """The command that writes these operations there."""
    return encoder.put(place(encoder, spot), operations)


def place(encoder: BulkEncoder, spot: Spot) -> Place:
    """Where that is in the store."""
    return _PLACES[spot[0]](encoder, spot)


def everything(
    kind: Kind, client: StoreClient, keys: Keyspace
) -> AsyncIterator[list[tuple[Spot, bytes]]]:
    """Every spot at which such records may lie with its value as held, in pages.

    Raises:
        StoreUnavailableError: the store went away; start again.
    """
    match kind:
        case "locations":
            return _locations(client, keys)
        case "prices":
            return _rows(PriceStore(client, keys))
        case "stock":
            return _named(levels, scan_stock(client, keys))
        case "products":
            return _named(product, scan_stock(client, keys))
        case "order_acks":
            return _named(ack, AckInbox(client, keys).scan())
        case _:
            family, scan = _AGREEMENTS[kind]
            return _named(family, scan(PriceStore(client, keys)))


async def _named(
    family: Callable[[str], Spot], pages: AsyncIterator[list[tuple[str, bytes]]]
) -> AsyncIterator[list[tuple[Spot, bytes]]]:
    async for page in pages:
        yield [(family(name), value) for name, value in page]


async def _locations(
    client: StoreClient, keys: Keyspace
) -> AsyncIterator[list[tuple[Spot, bytes]]]:
    (value,) = await client.get_many([keys.locations])
    if value is not None:
        yield [(LOCATIONS, value)]


async def _rows(prices: PriceStore) -> AsyncIterator[list[tuple[Spot, bytes]]]:
    async for page in _named(rows_with_sku, prices.scan_sku_prices()):
        yield page
    async for rows in prices.scan_list_prices():
        yield [(rows_with_list(name, target), value) for name, target, value in rows]


_AGREEMENTS: Final[
    Mapping[
        Kind,
        tuple[
            Callable[[str], Spot],
            Callable[[PriceStore], AsyncIterator[list[tuple[str, bytes]]]],
        ],
    ]
] = {
    "price_lists": (head, PriceStore.scan_price_lists),
    "customers": (customer, PriceStore.scan_customers),
    "discounts": (discounts, PriceStore.scan_discounts),
}


def _row_place(encoder: BulkEncoder, spot: Spot) -> Place:
    return encoder.place_of_prices(spot[1], target_of(spot), with_skus=False)


_PLACES: Final[Mapping[str, Callable[[BulkEncoder, Spot], Place]]] = {
    _LEVELS: lambda encoder, spot: encoder.place_of_stock(spot[1]),
    _PRODUCT: lambda encoder, spot: encoder.place_of_product(spot[1]),
    _LOCATIONS: lambda encoder, _: encoder.place_of_locations,
    _HEAD: lambda encoder, spot: encoder.place_of_price_list(spot[1]),
    _SKU_ROWS: lambda encoder, spot: encoder.place_of_prices(
        "", Target(Scope.SKU, spot[1]), with_skus=True
    ),
    _LIST_ROWS: _row_place,
    _CUSTOMER: lambda encoder, spot: encoder.place_of_customer(spot[1]),
    _DISCOUNTS: lambda encoder, spot: encoder.place_of_discounts(spot[1]),
    _ACK: lambda encoder, spot: encoder.place_of_ack(spot[1]),
}
