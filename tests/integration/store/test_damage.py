"""Values of which a byte is wrong or the end is missing: never an exception, a miss at worst."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from gateway.domain.customers import Customer
from gateway.domain.money import TaxRate
from gateway.domain.orders import AckStatus, OrderAck
from gateway.domain.price_lists import Discount, Layer, PriceList, PriceRow, Scope, Target
from gateway.domain.stock import Incoming, Location, Product, ProductStatus, StockLevel
from gateway.domain.validity import Validity
from gateway.store.acks import AckInbox
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane
from gateway.store.prices import PriceStore
from gateway.store.stock import StockStore
from tests.stocked_store import StockedStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.store.client import StoreClient

KEYS = Keyspace("ss")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROW = PriceRow("base", Target(Scope.SKU, "A"), 10_500, 12_345, None, 7, Validity(5, 9))
PRODUCT = Product(
    "Årta",
    ProductStatus.PREORDER,
    "2026-11-22T10:00:00Z",
    "bolts",
    "metal",
    "small",
    min_order_quantity=1500,
    max_order_quantity=10**9,
    tax_rate="0.25",
    lead_time_days=3,
    assortments=("vip",),
)
LEVEL = StockLevel(5500, allocated=1, safety_stock=2, incoming=(Incoming(9, date(2026, 12, 1)),))


def damaged(value: bytes) -> Iterator[bytes]:
    """The value cut short at every byte, and with each byte changed in some ways."""
    for at in range(len(value)):
        yield value[:at]
        for other in (value[at] ^ 1, value[at] ^ 0x80, 0, 0xFF, 0xC1, ord("T")):
            yield value[:at] + bytes([other & 0xFF]) + value[at + 1 :]


class Damage:
    """A store with one good value of each kind, which takes many damaged ones at once.

    Every reading is checked to be usable: what a service parses of it can be parsed.
    """

    def __init__(self, client: StoreClient) -> None:
        self.client = client
        self.prices = PriceStore(client, KEYS)
        self.stock = StockStore(client, KEYS, Lane(client, KEYS))
        self.inbox = AckInbox(client, KEYS)

    @property
    def corrupt(self) -> int:
        return self.prices.corrupt + self.stock.corrupt + self.inbox.corrupt

    async def fill(self) -> None:
        stocked = StockedStore(self.client)
        await stocked.locate(Location("W1", "Ö", handling_days=1, channels=("web",)))
        await stocked.stock("A", {"W1": LEVEL}, PRODUCT)
        await stocked.head(PriceList("base", "SEK", Layer.BASE))
        await stocked.prices(ROW, PriceRow("own", ROW.target, discount_percent=5))
        await stocked.head(
            PriceList("own", "SEK", Layer.CONTRACT, 3, customers=frozenset({"Ä", "b"}))
        )
        await stocked.customer(
            Customer("C", "Ärm", frozenset("g"), frozenset({"own"}), "gold", "SEK", "web")
        )
        await stocked.discount(Discount("gold", "metal", 5, Validity(3, 9)))
        await stocked.ack(OrderAck("O", 1_795_255_200_000, AckStatus.CANCELLED))

    async def skus(self, values: list[bytes]) -> None:
        names = [f"s{number}" for number in range(len(values))]
        await self.client.redis.mset(dict(zip(map(KEYS.sku, names), values, strict=True)))
        for held in (await self.stock.read(names)).stock:
            if held is not None and held.product is not None:
                self._use(held.product)
        for prices in (await self.prices.read(names)).skus:
            if prices is not None and prices.product is not None:
                self._use(prices.product)

    async def rows(self, values: list[bytes]) -> None:
        names = [f"s{number}" for number in range(len(values))]
        await self.client.redis.mset(dict(zip(map(KEYS.sku_prices, names), values, strict=True)))
        await self.prices.read(names)

    async def customers(self, values: list[bytes]) -> None:
        names = [f"c{number}" for number in range(len(values))]
        await self.client.redis.mset(dict(zip(map(KEYS.customer, names), values, strict=True)))
        await self.prices.read([], names)

    async def discounts(self, values: list[bytes]) -> None:
        names = [f"d{number}" for number in range(len(values))]
        await self.client.redis.mset(dict(zip(map(KEYS.discounts, names), values, strict=True)))
        await self.prices.read([], [], names)

    async def heads(self, values: list[bytes]) -> None:
        names = [f"h{number}" for number in range(len(values))]
        mapping = dict(zip(names, values, strict=True))
        await self.client.redis.hset(KEYS.price_lists, mapping=mapping)
        await self.prices.lists(names)
        await self.prices.epoch_and_lists()

    async def list_rows(self, values: list[bytes]) -> None:
        mapping = {f"s{number}": value for number, value in enumerate(values)}
        await self.client.redis.hset(KEYS.list_prices("own"), mapping=mapping)
        asked = [Target(Scope.SKU, str(number)) for number in range(len(values))]
        await self.prices.list_rows([("own", asked)])

    async def acks(self, values: list[bytes]) -> None:
        mapping = {f"o{number}": value for number, value in enumerate(values)}
        await self.client.redis.hset(KEYS.acks, mapping=mapping)
        for waiting in await self.inbox.waiting(2 * len(values)):
            datetime.fromtimestamp(waiting.ack.acknowledged_ms / 1000, UTC)

    async def locations(self, values: list[bytes]) -> None:
        for value in values:
            await self.client.redis.set(KEYS.locations, value)
            for place in await self.stock.locations():
                assert 0 <= place.handling_days <= 36_500

    @staticmethod
    def _use(product: Product) -> None:
        TaxRate.parse(product.tax_rate)
        product.release_day(NOON)


@pytest.fixture
async def damage(single_client: StoreClient) -> Damage:
    filled = Damage(single_client)
    await filled.fill()
    return filled


@pytest.mark.parametrize(
    ("kind", "key", "field"),
    [
        ("skus", KEYS.sku("A"), None),
        ("rows", KEYS.sku_prices("A"), None),
        ("customers", KEYS.customer("C"), None),
        ("discounts", KEYS.discounts("gold"), None),
        ("heads", KEYS.price_lists, "own"),
        ("list_rows", KEYS.list_prices("own"), "sA"),
        ("locations", KEYS.locations, None),
        ("acks", KEYS.acks, "O"),
    ],
)
async def test_damage_is_a_miss(damage: Damage, kind: str, key: bytes, field: str | None) -> None:
    redis = damage.client.redis
    value = await (redis.get(key) if field is None else redis.hget(key, field))
    read = getattr(damage, kind)
    await read([value])
    assert damage.corrupt == 0
    before = 0
    # The last byte is missing, and so is every text that was UTF-8.
    for broken in ([value[:-1]], [value + b"\x00"], list(damaged(value))):
        await read(broken)
        assert damage.corrupt > before
        before = damage.corrupt


@pytest.mark.parametrize(
    "product",
    [
        Product(tax_rate="abc"),
        Product(tax_rate=""),
        Product(tax_rate="-1"),
        Product(tax_rate="٣"),
        Product(available_from="soon"),
        Product(available_from="2026-11-22T10:00:00"),
        Product(lead_time_days=10**9),
    ],
)
async def test_what_a_reader_could_not_parse_is_a_miss(
    single_client: StoreClient, product: Product
) -> None:
    await StockedStore(single_client).stock("A", {"W1": 1}, product)
    stock, prices = (
        StockStore(single_client, KEYS, Lane(single_client, KEYS)),
        PriceStore(single_client, KEYS),
    )
    assert (await stock.read(["A"])).stock == [None]
    assert (await prices.read(["A"])).skus == [None]
    assert (stock.corrupt, prices.corrupt) == (1, 1)


async def test_a_broken_head_takes_no_other_with_it(single_client: StoreClient) -> None:
    stocked, prices = StockedStore(single_client), PriceStore(single_client, KEYS)
    await stocked.head(
        PriceList("base", "SEK", Layer.BASE),
        PriceList("own", "SEK", Layer.CONTRACT, customers=frozenset({"zzz"})),
    )
    (value,) = await single_client.get_fields(KEYS.price_lists, ["own"])
    assert value is not None
    broken = value.replace(b"zzz", b"z\xffz")
    await single_client.redis.hset(KEYS.price_lists, "own", broken)
    _, heads = await prices.epoch_and_lists()
    assert set(heads) == {"base"}
    assert prices.corrupt == 1
