"""Bytes of Valkey that prices take: a contract row, a SKU with its base price, a customer.

Everything is written by the store's own encoder and script, and the server's count is read after
each kind. Contracts have 100 rows. The rows are measured twice, at a quarter and at the whole: if
what a row takes does not grow from the one to the other, it can be reckoned up to millions.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.domain.customers import Customer
from gateway.domain.price_lists import Layer, PriceList, PriceRow, Scope, Target
from gateway.domain.stock import Product
from gateway.domain.validity import Validity
from gateway.store.bulk import Block, BulkEncoder, BulkWriter, Place
from gateway.store.client import StoreClient
from gateway.store.codec import product_payload
from gateway.store.customer_codec import customer_payload
from gateway.store.entries import Op, pack_op
from gateway.store.keys import Keyspace
from gateway.store.price_codec import list_payload, row_name, row_payload
from gateway.store.price_places import PricePlaces
from stockspan.embedded.valkey import EmbeddedValkey

BOUND: Final = 60
ROWS_A_CONTRACT: Final = 100
_WHOLE: Final = {"SKUs": 1_000_000, "customers": 100_000, "rows": 10_000_000}
_OF_A_CUSTOMER: Final = ("customer", "head of a contract", "place of a contract")
_SKUS: Final = 100_000
_NOW_MS: Final = 1_795_000_000_000
_YEAR_MS: Final = 31_536_000_000
_BLOCK: Final = 500
_KEYS: Final = Keyspace("ss")
_ENCODER: Final = BulkEncoder(_KEYS)


class Shape(msgspec.Struct, frozen=True):
    """What rows of a contract say: shares of them with a break at 10, and with dates.

    `compact` is the server's `hash-max-listpack-value`: one value above it, and the hash of the
    whole contract takes half as much again.
    """

    name: str
    with_break: float
    with_dates: float
    compact: int = 64
    bound: int | None = None

    def __str__(self) -> str:
        return f"{self.name}, hash-max-listpack-value {self.compact}"


SHAPES: Final = (
    Shape("prices alone", 0, 0, bound=BOUND),
    Shape("a third with a break, a tenth with dates", 1 / 3, 0.1, bound=BOUND),
    Shape("a third with a break, a tenth with dates", 1 / 3, 0.1, 256, BOUND),
    Shape("a third with a break, every row with dates", 1 / 3, 1.0, 256),
)


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    rows = 100_000 if quick else 1_000_000
    result: dict[str, Any] = {"bound": BOUND, "rows": rows}
    for number, shape in enumerate(SHAPES):
        with EmbeddedValkey(folder / f"valkey-{number}", appendonly=False) as server:
            figures = _reckoned(asyncio.run(_measured(server.url, shape, (rows // 4, rows))))
        _tell(shape, figures, first=not number)
        result[str(shape)] = figures
    return result


async def _measured(url: str, shape: Shape, points: tuple[int, int]) -> dict[str, float]:
    """Bytes of each kind; of rows at both points, as what all of them take and by the row."""
    client = StoreClient.connect(url, deadline=10.0)
    await client.redis.config_set("hash-max-listpack-value", shape.compact)
    meter = _Meter(client)
    chance = random.Random(1)
    contracts = points[1] // ROWS_A_CONTRACT
    figures = {
        "product record": await meter.bytes_each(_SKUS, _products()),
        "base price": await meter.bytes_each(_SKUS, _base_prices(chance)),
        "customer": await meter.bytes_each(contracts, _customers(contracts)),
        "head of a contract": await meter.bytes_each(contracts, _heads(contracts)),
    }
    # Where the rows of each list lie is remembered once a list, as the loaders do it.
    await meter.since()
    places = PricePlaces(client, _KEYS)
    for start in range(0, contracts, _BLOCK):
        await places.place([_contract(n) for n in range(contracts)[start : start + _BLOCK]])
    figures["place of a contract"] = await meter.since() / contracts
    written, used = 0, [0.0]
    rows = _contract_rows(contracts, shape, chance)
    for point in points:
        await meter.write(islice(rows, (point - written) // ROWS_A_CONTRACT))
        written = point
        used.append(used[-1] + await meter.since())
    await client.close()
    quarter, whole = used[1] / points[0], (used[2] - used[1]) / (points[1] - points[0])
    return {**figures, "row, first quarter": quarter, "row, the rest": whole}


def _tell(shape: Shape, figures: dict[str, float], *, first: bool) -> None:
    if first:
        for name in ("product record", "base price", *_OF_A_CUSTOMER):
            print(f"{name + ':':24}{figures[name]:6.1f} bytes")
        print(f"a row, with its share of head and place, of contracts of {ROWS_A_CONTRACT} rows:")
    bound = "" if shape.bound is None else f" (bound {shape.bound})"
    print(f"{figures['row with its share']:6.1f} bytes{bound}: {shape}")
    print(
        f"       alone {figures['row, the rest']:.1f}; a later row takes {figures['growth']:.3f} of"
        f" an earlier one (1 is linear); {_whole()}: {figures['reckoned GiB']:.2f} GiB"
    )


def _reckoned(figures: dict[str, float]) -> dict[str, float]:
    """The figures, and what follows from them if memory goes on growing as it did."""
    row = figures["row, the rest"]
    shared = (figures["head of a contract"] + figures["place of a contract"]) / ROWS_A_CONTRACT
    whole = (
        _WHOLE["SKUs"] * (figures["product record"] + figures["base price"])
        + _WHOLE["customers"] * sum(figures[name] for name in _OF_A_CUSTOMER)
        + _WHOLE["rows"] * row
    )
    return {
        **figures,
        "row with its share": row + shared,
        "growth": row / figures["row, first quarter"],
        "reckoned GiB": whole / 2**30,
    }


def _whole() -> str:
    return ", ".join(f"{count // 1000:,} thousand {name}" for name, count in _WHOLE.items())


class _Meter:
    """Writes, and reads from the server what that took."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client
        self._used = 0

    async def since(self) -> int:
        """Bytes more than when this was last asked."""
        used = int((await self._client.redis.info("memory"))["used_memory"])
        grown, self._used = used - self._used, used
        return grown

    async def bytes_each(self, count: int, commands: Iterator[list[bytes]]) -> float:
        """Write these; how many bytes each of so many took."""
        await self.since()
        await self.write(commands)
        return await self.since() / count

    async def write(self, commands: Iterable[list[bytes]]) -> None:
        """Write these lists of commands, each a block."""

        async def blocks() -> AsyncIterator[Block]:
            for wire in commands:
                yield Block(len(wire), b"".join(wire))

        written = await BulkWriter(self._client).write(blocks())
        if written.failed or not written.accepted:
            raise RuntimeError(f"not written: {written}")


def _blocks(numbers: range, command: Callable[[int], bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(numbers), _BLOCK):
        yield [command(number) for number in numbers[start : start + _BLOCK]]


def _put(place: Place, name: str, payload: bytes, stamp_ms: int = _NOW_MS) -> bytes:
    return _ENCODER.put(place, [_operation(name, payload, stamp_ms)])


def _operation(name: str, payload: bytes, stamp_ms: int = _NOW_MS) -> bytes:
    return pack_op(Op.UNVERSIONED, 0, 1, 1, None, stamp_ms, name.encode(), payload)


def _sku(number: int) -> str:
    return f"SKU-{number:07d}"


def _contract(number: int) -> str:
    return f"contract-{number:06d}"


def _products() -> Iterator[list[bytes]]:
    def command(number: int) -> bytes:
        product = Product(
            name=f"Hex bolt M{number % 30} zinc",
            product_group="fasteners",
            discount_class="A1",
            tax_rate="0.25",
        )
        return _put(_ENCODER.place_of_product(_sku(number)), "", product_payload(product))

    return _blocks(range(_SKUS), command)


def _base_prices(chance: random.Random) -> Iterator[list[bytes]]:
    def command(number: int) -> bytes:
        row = PriceRow("base-2026", Target(Scope.SKU, _sku(number)), unit_price=_price(chance))
        place = _ENCODER.place_of_prices(row.price_list, row.target, with_skus=True)
        return _put(place, row_name(row, with_list=True), row_payload(row))

    return _blocks(range(_SKUS), command)


def _customers(count: int) -> Iterator[list[bytes]]:
    def command(number: int) -> bytes:
        customer = Customer(
            f"C-{number:06d}",
            f"Bygghandel {number} AB",
            frozenset({f"group-{number % 12}"}),
            discount_class=f"D{number % 20}",
        )
        return _put(_ENCODER.place_of_customer(customer.customer), "", customer_payload(customer))

    return _blocks(range(count), command)


def _heads(count: int) -> Iterator[list[bytes]]:
    def command(number: int) -> bytes:
        head = PriceList(
            _contract(number), "SEK", Layer.CONTRACT, customers=frozenset({f"C-{number:06d}"})
        )
        return _put(_ENCODER.place_of_price_list(head.price_list), "", list_payload(head))

    return _blocks(range(count), command)


def _contract_rows(count: int, shape: Shape, chance: random.Random) -> Iterator[list[bytes]]:
    """The rows of one contract after the other: a command for each target, as the loaders'."""
    for number in range(count):
        contract, commands, rows = _contract(number), [], 0
        for sku in chance.sample(range(_SKUS), ROWS_A_CONTRACT):
            breaks = [1000]
            if rows + 2 <= ROWS_A_CONTRACT and chance.random() < shape.with_break:
                breaks.append(10_000)
            target = Target(Scope.SKU, _sku(sku))
            place = _ENCODER.place_of_prices(contract, target, with_skus=False)
            found = [_row(contract, target, least, shape, chance) for least in breaks]
            operations = [
                _operation(row_name(row, with_list=False), row_payload(row)) for row in found
            ]
            commands.append(_ENCODER.put(place, operations))
            rows += len(breaks)
            if rows == ROWS_A_CONTRACT:
                break
        yield commands


def _row(
    contract: str, target: Target, least: int, shape: Shape, chance: random.Random
) -> PriceRow:
    dated = chance.random() < shape.with_dates
    validity = Validity(_NOW_MS, _NOW_MS + _YEAR_MS) if dated else Validity()
    return PriceRow(contract, target, least, _price(chance), validity=validity)


def _price(chance: random.Random) -> int:
    return chance.randint(1_000, 500_000) * 100
