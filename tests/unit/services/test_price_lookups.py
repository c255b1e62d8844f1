"""The price book under change, held against resolving everything there is each time.

The source is a model in memory that tells of every change as the change channel would; what is
tested is that no copy outlives what it was made from, whatever changes in whatever order.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.domain.candidates import Offer, PriceContext, PricedProduct
from gateway.domain.customers import Customer, CustomerStatus
from gateway.domain.delivery import ShippingTerms, WorkingCalendar
from gateway.domain.errors import NotReadyError, StoreUnavailableError, UnknownCustomerError
from gateway.domain.freshness import FreshnessPolicy
from gateway.domain.precedence import Strategy
from gateway.domain.price_lists import (
    EVERYTHING,
    Discount,
    Layer,
    PriceList,
    PriceRow,
    Scope,
    Target,
)
from gateway.domain.pricing import resolve
from gateway.domain.spans import SpanPolicy
from gateway.domain.stock import Location, Product
from gateway.domain.validity import Validity
from gateway.services import price_copies
from gateway.services.directory import Directory, Snapshot
from gateway.services.price_book import PriceBook
from gateway.services.price_lines import PricedLine, PriceRequest, UnpricedLine, WantedLine
from gateway.services.prices import PriceLookups
from gateway.services.selling import Channel, SellingRules
from gateway.store.feeds import FeedState
from gateway.store.keys import Change, ChangeKind
from gateway.store.prices import ListReading, ListRows, PriceReading, SkuPrices
from tests.examples import examples

T = TypeVar("T")
NOW = 1_000_000
CHANNELS = {
    name: Channel(name, currency, "en", UTC, ShippingTerms(WorkingCalendar(frozenset(range(5)))))
    for name, currency in (("web", "SEK"), ("shop", "EUR"))
}
RULES = SellingRules(
    CHANNELS, lambda _channel, _class: SpanPolicy(), {}, FreshnessPolicy(1000, 2000)
)


class Model:
    """A store in memory: everything by what names it. `limit` is how long a list may be whole."""

    def __init__(self, limit: int = 2) -> None:
        self.limit = limit
        self.epoch: bytes | None = b"one"
        self.heads: dict[str, PriceList] = {}
        self.rows: dict[tuple[str, Target, int, int | None], PriceRow] = {}
        self.with_skus: set[str] = set()
        self.products: dict[str, Product] = {}
        self.customers: dict[str, Customer] = {}
        self.cells: dict[tuple[str, str], Discount] = {}
        self.reads = 0
        self.away = False

    async def epoch_and_lists(self) -> tuple[bytes | None, Mapping[str, PriceList]]:
        self._answers()
        return self.epoch, dict(self.heads)

    async def lists(self, ids: Sequence[str]) -> Mapping[str, PriceList]:
        self._answers()
        return {name: self.heads[name] for name in ids if name in self.heads}

    async def read(
        self, skus: Sequence[str], customers: Sequence[str], classes: Sequence[str]
    ) -> PriceReading:
        self._answers()
        return PriceReading(
            self.epoch,
            [self._sku(sku) for sku in skus],
            [self.customers.get(name) for name in customers],
            [tuple(cell for (of, _), cell in self.cells.items() if of == name) for name in classes],
        )

    async def list_rows(self, asked: Sequence[tuple[str, Sequence[Target]]]) -> ListReading:
        self._answers()
        found = []
        for name, targets in asked:
            rows: dict[Target, tuple[PriceRow, ...]] = {}
            for row in self.rows.values():
                lies_here = row.target.scope is not Scope.SKU or name not in self.with_skus
                if row.price_list == name and lies_here:
                    rows[row.target] = (*rows.get(row.target, ()), row)
            whole = len(rows) <= self.limit
            asked_for = {target: rows[target] for target in targets if target in rows}
            found.append(ListRows(whole, rows if whole else asked_for))
        return ListReading(self.epoch, found)

    def _answers(self) -> None:
        self.reads += 1
        if self.away:
            raise StoreUnavailableError("away")

    def _sku(self, sku: str) -> SkuPrices | None:
        rows = tuple(
            row
            for row in self.rows.values()
            if row.target == Target(Scope.SKU, sku) and row.price_list in self.with_skus
        )
        product = self.products.get(sku)
        return SkuPrices(product, rows) if rows or product is not None else None


class Feeds:
    """A directory's sources: prices are loaded, in the model's epoch."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.states = {"p": FeedState("prices", 1, verified_through_ms=NOW)}

    async def epoch(self) -> bytes | None:
        return self._model.epoch

    async def all(self) -> Mapping[str, FeedState]:
        return self.states

    async def locations(self) -> Sequence[Location]:
        return ()


class World:
    def __init__(self, strategy: Strategy = Strategy.MOST_SPECIFIC) -> None:
        self.model = Model()
        self.linked = True
        self.strategy = strategy
        feeds = Feeds(self.model)
        self.directory = Directory(feeds, feeds)
        self.book = PriceBook(
            self.model,
            lambda: self.linked,
            lambda: self.directory.current.epoch,
            strategy,
            5.0,
        )
        self.lookups = PriceLookups(self.book, self.directory, RULES, lambda: NOW)
        self.directory.on_change(None)

    def told(self, kind: ChangeKind, name: str) -> None:
        self.book.on_change(Change(kind, name))

    def put_row(self, row: PriceRow, *, gone: bool = False) -> None:
        key = (row.price_list, row.target, row.min_quantity, row.validity.from_ms)
        if gone:
            self.model.rows.pop(key, None)
        else:
            self.model.rows[key] = row
        if row.target.scope is Scope.SKU and row.price_list in self.model.with_skus:
            self.told(ChangeKind.SKU_PRICES, row.target.name)
        else:
            self.told(ChangeKind.LIST_PRICES, row.price_list)

    def put_head(self, head: PriceList) -> None:
        self.model.heads[head.price_list] = head
        self.told(ChangeKind.PRICE_LIST, head.price_list)

    def put_customer(self, customer: Customer) -> None:
        self.model.customers[customer.customer] = customer
        self.told(ChangeKind.CUSTOMER, customer.customer)

    def ask(self, *lines: WantedLine, **asked: Any) -> list[PricedLine | UnpricedLine]:
        answer = run(self.lookups.answer(PriceRequest(lines, **asked)))
        return list(answer.lines)


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


SKUS = st.sampled_from(["A", "B"])
LISTS = st.sampled_from(["l1", "l2", "l3", "l4"])
SOME = st.frozensets(st.sampled_from(["x", "y"]), max_size=1)
EDGES = st.none() | st.sampled_from([NOW - 1, NOW, NOW + 1])
VALIDITIES = st.builds(Validity, EDGES, EDGES)
HEADS = st.builds(
    PriceList,
    LISTS,
    st.sampled_from(["SEK", "SEK", "EUR"]),
    st.sampled_from(list(Layer)),
    priority=st.integers(0, 1),
    validity=VALIDITIES,
    customers=SOME,
    groups=SOME,
    channels=st.frozensets(st.sampled_from(["web", "shop"]), max_size=1),
)
TARGETS = (
    st.builds(Target, st.just(Scope.SKU), SKUS)
    | st.just(Target(Scope.PRODUCT_GROUP, "pg"))
    | st.just(EVERYTHING)
)
PRICED = st.builds(
    PriceRow,
    LISTS,
    TARGETS,
    st.sampled_from([1000, 5000]),
    unit_price=st.integers(0, 5).map(lambda n: n * 10_000),
    validity=VALIDITIES,
    feed=st.just(1),
)
PERCENTS = st.builds(
    PriceRow,
    LISTS,
    TARGETS,
    st.sampled_from([1000, 5000]),
    discount_percent=st.sampled_from([10, -10, 50]).map(lambda n: n * 10**6),
    validity=VALIDITIES,
    feed=st.just(1),
)
CUSTOMERS = st.builds(
    Customer,
    st.sampled_from(["x", "y"]),
    groups=SOME,
    price_lists=st.frozensets(LISTS, max_size=2),
    discount_class=st.none() | st.just("gold"),
    currency=st.none() | st.just("EUR"),
    channel=st.none() | st.just("shop"),
)


class Changing(RuleBasedStateMachine):
    """After every change, everybody asks for everything."""

    @initialize(
        strategy=st.sampled_from(list(Strategy)),
        with_skus=st.sets(LISTS),
        heads=st.lists(HEADS, min_size=4, max_size=6),
        rows=st.lists(PRICED | PERCENTS, min_size=6, max_size=12),
        customers=st.lists(CUSTOMERS, min_size=2, max_size=3),
    )
    def begin(
        self,
        strategy: Strategy,
        with_skus: set[str],
        heads: list[PriceList],
        rows: list[PriceRow],
        customers: list[Customer],
    ) -> None:
        self.world = World(strategy)
        self.world.model.with_skus = with_skus
        self.world.model.products["A"] = Product(product_group="pg", discount_class="tools")
        self.world.put_head(PriceList("l1", "SEK", Layer.BASE))
        for head in heads:
            self.world.put_head(head)
        for row in rows:
            self.world.put_row(row)
        for customer in customers:
            self.world.put_customer(customer)

    @rule(head=HEADS)
    def head(self, head: PriceList) -> None:
        self.world.put_head(head)

    @rule(name=LISTS)
    def head_gone(self, name: str) -> None:
        self.world.model.heads.pop(name, None)
        self.world.told(ChangeKind.PRICE_LIST, name)

    @rule(row=PRICED | PERCENTS)
    def row(self, row: PriceRow) -> None:
        self.world.put_row(row)

    @rule(row=PRICED)
    def row_gone(self, row: PriceRow) -> None:
        self.world.put_row(row, gone=True)

    @rule(customer=CUSTOMERS)
    def customer(self, customer: Customer) -> None:
        self.world.put_customer(customer)

    @rule(sku=SKUS, group=st.none() | st.just("pg"), discount_class=st.none() | st.just("tools"))
    def product(self, sku: str, group: str | None, discount_class: str | None) -> None:
        product = Product(product_group=group, discount_class=discount_class)
        self.world.model.products[sku] = product
        self.world.told(ChangeKind.PRODUCT, sku)

    @rule(percent=st.sampled_from([5, 20]), validity=VALIDITIES)
    def cell(self, percent: int, validity: Validity) -> None:
        cell = Discount("gold", "tools", percent * 10**6, validity, 1)
        self.world.model.cells["gold", f"tools{validity.from_ms}"] = cell
        self.world.told(ChangeKind.DISCOUNTS, "gold")

    @invariant()
    def everybody_is_told_the_truth(self) -> None:
        for customer, currency, base_only in (
            (None, None, False),
            (None, "EUR", True),
            ("x", None, False),
            ("x", "SEK", False),
            ("y", "SEK", False),
        ):
            for at_ms in (NOW - 1, NOW):
                self._ask(customer, currency, at_ms, base_only=base_only)

    def _ask(
        self, customer: str | None, currency: str | None, at_ms: int, *, base_only: bool
    ) -> None:
        record = None if customer is None else self.world.model.customers.get(customer)
        lines = [WantedLine(sku, quantity) for sku in ("A", "B") for quantity in (1000, 5000)]
        request = PriceRequest(lines, customer, currency=currency, at_ms=at_ms, base_only=base_only)
        if customer is not None and record is None:
            with pytest.raises(UnknownCustomerError):
                run(self.world.lookups.answer(request))
            return
        answers = run(self.world.lookups.answer(request)).lines
        for line, answer in zip(lines, answers, strict=True):
            assert _told(answer) == self._truth(line, record, currency, at_ms, base_only=base_only)

    def _truth(
        self,
        line: WantedLine,
        customer: Customer | None,
        currency: str | None,
        at_ms: int,
        *,
        base_only: bool,
    ) -> object:
        model, sku = self.world.model, line.sku
        target = Target(Scope.SKU, sku)
        has_rows = any(
            r.target == target and r.price_list in model.with_skus for r in model.rows.values()
        )
        if sku not in model.products and not has_rows:
            return "unknown-sku"
        product = model.products.get(sku, Product())
        channel = "web" if customer is None else customer.channel or "web"
        if currency is None and customer is not None:
            currency = customer.currency
        currency = currency or CHANNELS[channel].currency
        terms = resolve(
            PriceContext(customer, channel, currency, at_ms, self.world.strategy, base_only),
            PricedProduct(sku, product.product_group, product.discount_class),
            [
                Offer(model.heads[row.price_list], row)
                for row in model.rows.values()
                if row.price_list in model.heads
            ],
            model.cells.values(),
        )
        price = terms.at(line.quantity)
        return "no-price" if price is None else (price, terms.breaks)


def _told(answer: PricedLine | UnpricedLine) -> object:
    if isinstance(answer, UnpricedLine):
        return answer.problem
    return answer.price, answer.terms.breaks


Changing.TestCase.settings = settings(max_examples=examples(100), stateful_step_count=12)
TestChanging = Changing.TestCase


def priced_world() -> World:
    """One SKU with a base price, a customer, and a contract that lies with its list."""
    world = World()
    world.model.with_skus = {"base"}
    world.model.products["A"] = Product()
    world.model.customers["x"] = Customer("x", discount_class="gold")
    world.put_head(PriceList("base", "SEK", Layer.BASE))
    world.put_head(PriceList("deal", "SEK", Layer.CONTRACT, customers=frozenset({"x"})))
    sku = Target(Scope.SKU, "A")
    world.put_row(PriceRow("base", sku, unit_price=100 * 10_000, feed=1))
    world.put_row(PriceRow("deal", sku, 10_000, unit_price=79 * 10_000, feed=1))
    return world


ONE = WantedLine("A", 1000)
TEN = WantedLine("A", 10_000)


def unit_price(answer: PricedLine | UnpricedLine) -> int:
    assert isinstance(answer, PricedLine)
    return answer.price.unit_price // 10_000


def test_a_second_question_needs_no_store() -> None:
    world = priced_world()
    assert [unit_price(line) for line in world.ask(ONE, TEN, customer="x")] == [100, 79]
    world.model.away = True
    assert [unit_price(line) for line in world.ask(ONE, TEN, customer="x")] == [100, 79]
    with pytest.raises(StoreUnavailableError):
        world.ask(WantedLine("B", 1000), customer="x")


def test_a_customer_is_answered_in_two_round_trips_whatever_the_number_of_lists() -> None:
    world = priced_world()
    for number in range(50):
        name = f"extra{number}"
        world.put_head(PriceList(name, "SEK", Layer.CONTRACT, customers=frozenset({"x"})))
    run(world.directory.renew())
    run(world.book.settle(b"one"))
    world.model.reads = 0
    world.ask(ONE, TEN, customer="x")
    # The rows of all lists and the cells of the class are asked for side by side.
    assert world.model.reads == 3


def test_without_the_change_channel_nothing_is_kept() -> None:
    world = priced_world()
    world.ask(ONE, customer="x")
    world.linked = False
    sku = Target(Scope.SKU, "A")
    # Nobody tells of this.
    world.model.rows["base", sku, 1000, None] = PriceRow("base", sku, unit_price=10_000, feed=1)
    assert unit_price(world.ask(ONE, customer="x")[0]) == 1
    world.model.away = True
    with pytest.raises(StoreUnavailableError):
        world.ask(ONE, customer="x")


def test_a_store_that_lost_everything_has_no_prices_to_tell_of() -> None:
    world = priced_world()
    world.ask(ONE, customer="x")
    world.model.epoch = None
    run(world.directory.renew())
    with pytest.raises(NotReadyError):
        world.ask(ONE, customer="x")


def test_before_prices_are_loaded_there_is_no_answer() -> None:
    world = priced_world()
    feeds = Feeds(world.model)
    feeds.states = {"s": FeedState("stock", 1, verified_through_ms=NOW)}
    world.directory = Directory(feeds, feeds)
    lookups = PriceLookups(world.book, world.directory, RULES, lambda: NOW)
    with pytest.raises(NotReadyError):
        run(lookups.answer(PriceRequest([ONE])))


class Slow(Model):
    """A store whose answers are on their way until they are let through."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.__dict__.update(model.__dict__)
        self.held: asyncio.Event | None = None
        self.reached = asyncio.Event()

    def hold(self) -> None:
        self.held = asyncio.Event()
        self.reached.clear()

    def let_through(self) -> None:
        assert self.held is not None
        self.held.set()
        self.held = None

    async def read(
        self, skus: Sequence[str], customers: Sequence[str], classes: Sequence[str]
    ) -> PriceReading:
        reading = await super().read(skus, customers, classes)
        await self._on_its_way()
        return reading

    async def list_rows(self, asked: Sequence[tuple[str, Sequence[Target]]]) -> ListReading:
        reading = await super().list_rows(asked)
        await self._on_its_way()
        return reading

    async def epoch_and_lists(self) -> tuple[bytes | None, Mapping[str, PriceList]]:
        reading = await super().epoch_and_lists()
        await self._on_its_way()
        return reading

    async def lists(self, ids: Sequence[str]) -> Mapping[str, PriceList]:
        reading = await super().lists(ids)
        await self._on_its_way()
        return reading

    async def _on_its_way(self) -> None:
        if self.held is not None:
            self.reached.set()
            await self.held.wait()


async def slow_world(patience: float = 5.0) -> tuple[World, Slow]:
    world = priced_world()
    slow = Slow(world.model)
    world.model = slow
    world.book = PriceBook(
        slow,
        lambda: world.linked,
        lambda: world.directory.current.epoch,
        Strategy.MOST_SPECIFIC,
        patience,
    )
    world.lookups = PriceLookups(world.book, world.directory, RULES, lambda: NOW)
    await world.directory.renew()
    await world.book.settle(b"one")
    return world, slow


async def test_a_price_that_changed_while_it_was_read_is_not_kept() -> None:
    world, slow = await slow_world()
    slow.hold()
    asking = asyncio.create_task(world.lookups.answer(PriceRequest([ONE])))
    await slow.reached.wait()
    world.put_row(PriceRow("base", Target(Scope.SKU, "A"), unit_price=50 * 10_000, feed=1))
    slow.let_through()
    assert unit_price((await asking).lines[0]) == 100  # asked before it changed
    assert unit_price((await world.lookups.answer(PriceRequest([ONE]))).lines[0]) == 50


async def test_terms_of_a_head_that_changed_while_rows_were_read_are_not_kept() -> None:
    world, slow = await slow_world()
    await world.lookups.answer(PriceRequest([ONE], "x"))
    world.put_row(PriceRow("deal", Target(Scope.SKU, "A"), 10_000, unit_price=79 * 10_000, feed=1))
    slow.hold()
    asking = asyncio.create_task(world.lookups.answer(PriceRequest([TEN], "x")))
    await slow.reached.wait()
    # The contract has ended, and the background has read its head.
    ended = PriceList(
        "deal", "SEK", Layer.CONTRACT, validity=Validity(None, NOW), customers=frozenset({"x"})
    )
    world.model.heads["deal"] = ended
    world.book.heads.update(["deal"], {"deal": ended})
    slow.let_through()
    await asking
    assert unit_price((await world.lookups.answer(PriceRequest([TEN], "x"))).lines[0]) == 100


async def test_acknowledged_orders_change_no_price() -> None:
    world, model = await slow_world()
    await world.lookups.answer(PriceRequest([ONE], "x"))
    reads = model.reads
    for name in ("A", "x", "gold", "base"):
        world.told(ChangeKind.ORDERS, name)
    await world.lookups.answer(PriceRequest([ONE], "x"))
    assert model.reads == reads


async def test_nothing_is_kept_of_a_store_that_was_emptied_meanwhile() -> None:
    world, slow = await slow_world()
    world.model.products["A"] = Product(discount_class="tools")
    world.told(ChangeKind.PRODUCT, "A")
    slow.cells["gold", "tools"] = Discount("gold", "tools", 10 * 10**6)
    cells = dict(slow.cells)
    slow.epoch, slow.cells = None, {}
    for _ in range(2):  # the directory does not know yet
        with pytest.raises(NotReadyError):
            await world.lookups.answer(PriceRequest([ONE], "x"))
    slow.epoch, slow.cells = b"one", cells
    await world.directory.renew()
    assert unit_price((await world.lookups.answer(PriceRequest([ONE], "x"))).lines[0]) == 90


async def test_all_wait_for_one_reading_of_heads_and_not_for_ever() -> None:
    world, slow = await slow_world(patience=0.05)
    await world.lookups.answer(PriceRequest([ONE], "x"))
    reads = slow.reads
    slow.hold()
    world.book.on_change(None)
    answers = await asyncio.gather(
        *(world.lookups.answer(PriceRequest([ONE], "x")) for _ in range(20)),
        return_exceptions=True,
    )
    assert {type(answer) for answer in answers} == {StoreUnavailableError}
    assert slow.reads == reads + 1
    slow.let_through()
    assert unit_price((await world.lookups.answer(PriceRequest([ONE], "x"))).lines[0]) == 100


async def test_heads_that_could_not_be_read_are_read_again() -> None:
    world, slow = await slow_world()
    slow.away = True
    world.book.on_change(None)
    with pytest.raises(StoreUnavailableError):
        await world.lookups.answer(PriceRequest([ONE], "x"))
    slow.away = False
    slow.heads["deal"] = PriceList("deal", "SEK", Layer.CONTRACT)  # for nobody
    assert unit_price((await world.lookups.answer(PriceRequest([TEN], "x"))).lines[0]) == 100


async def test_a_request_waits_for_heads_that_another_is_reading() -> None:
    world, slow = await slow_world()
    slow.hold()
    slow.heads["deal"] = PriceList("deal", "SEK", Layer.CONTRACT)
    world.book.on_change(None)
    first = asyncio.create_task(world.lookups.answer(PriceRequest([TEN], "x")))
    await slow.reached.wait()
    second = asyncio.create_task(world.lookups.answer(PriceRequest([TEN], "x")))
    await asyncio.sleep(0)
    slow.let_through()
    for asked in (first, second):
        assert unit_price((await asked).lines[0]) == 100


async def test_heads_go_on_being_read_when_who_asked_first_has_gone() -> None:
    world, slow = await slow_world()
    slow.hold()
    world.book.on_change(None)
    asking = asyncio.create_task(world.lookups.answer(PriceRequest([TEN], "x")))
    await slow.reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    slow.let_through()
    assert unit_price((await world.lookups.answer(PriceRequest([TEN], "x"))).lines[0]) == 79


def test_the_age_is_that_of_the_rows_a_price_rests_on() -> None:
    world = priced_world()
    sku = Target(Scope.SKU, "A")
    world.put_row(PriceRow("deal", sku, 10_000, discount_percent=10**7, stamp_ms=NOW - 1500))
    (line,) = world.ask(TEN, customer="x")
    assert isinstance(line, PricedLine)
    assert (line.age.as_of_ms, line.age.freshness) == (NOW - 1500, "stale")
    (line,) = world.ask(ONE, customer="x")
    assert isinstance(line, PricedLine)
    assert (line.age.as_of_ms, line.age.freshness) == (NOW, "fresh")


def test_nothing_exists_for_a_blocked_customer_nor_outside_the_assortments() -> None:
    world = priced_world()
    world.model.products["A"] = Product(assortments=("tools",))
    world.told(ChangeKind.PRODUCT, "A")
    for customer, problem in (
        (Customer("x"), "unknown-sku"),
        (Customer("x", assortments=frozenset({"food"})), "unknown-sku"),
        (Customer("x", assortments=frozenset({"tools"})), None),
        (
            Customer("x", assortments=frozenset({"tools"}), status=CustomerStatus.BLOCKED),
            "unknown-sku",
        ),
        (
            Customer("x", assortments=frozenset({"tools"}), status=CustomerStatus.CREDIT_HOLD),
            None,
        ),
    ):
        world.put_customer(customer)
        (line,) = world.ask(ONE, customer="x")
        assert getattr(line, "problem", None) == problem, customer
    (line,) = world.ask(ONE)
    assert isinstance(line, UnpricedLine)
    assert line.problem == "unknown-sku"


def test_an_explanation_tells_of_lists_that_are_for_others_too() -> None:
    world = priced_world()
    world.put_head(PriceList("base2", "SEK", Layer.BASE, customers=frozenset({"y"})))
    world.model.with_skus.add("base2")
    sku = Target(Scope.SKU, "A")
    world.put_row(PriceRow("base2", sku, unit_price=10_000, feed=1))
    (line,) = world.ask(TEN, customer="x", explained=True)
    assert line.explanation is not None
    assert [(one.price_list, one.outcome, one.reason) for one in line.explanation] == [
        ("deal", "won", "best"),
        ("base", "lost", "layer"),
        ("base2", "rejected", "not_for_customer"),
    ]


def test_a_changed_head_changes_what_is_answered() -> None:
    world = priced_world()
    world.put_head(PriceList("deal2", "SEK", Layer.CONTRACT, customers=frozenset({"x"})))
    sku = Target(Scope.SKU, "A")
    world.put_row(PriceRow("deal2", sku, 10_000, unit_price=50 * 10_000, feed=1))
    assert unit_price(world.ask(TEN, customer="x")[0]) == 50
    world.put_head(PriceList("deal", "SEK", Layer.CONTRACT, priority=1, customers=frozenset({"x"})))
    assert unit_price(world.ask(TEN, customer="x")[0]) == 79


def test_a_changed_cell_changes_what_is_answered() -> None:
    world = priced_world()
    world.model.products["A"] = Product(discount_class="tools")
    world.told(ChangeKind.PRODUCT, "A")
    assert unit_price(world.ask(ONE, customer="x")[0]) == 100
    for percent in (10, 20):
        world.model.cells["gold", "tools"] = Discount("gold", "tools", percent * 10**6)
        world.told(ChangeKind.DISCOUNTS, "gold")
        assert unit_price(world.ask(ONE, customer="x")[0]) == 100 - percent


def test_a_long_list_that_is_full_forgets_nothing_of_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(price_copies, "_LONG_LIST", 1)
    world = priced_world()
    world.model.limit = 0
    world.model.products["B"] = Product()
    world.told(ChangeKind.PRODUCT, "B")
    assert unit_price(world.ask(TEN, customer="x")[0]) == 79
    lines = world.ask(TEN, WantedLine("B", 10_000), customer="x")
    assert unit_price(lines[0]) == 79
    assert unit_price(world.ask(TEN, customer="x")[0]) == 79


def test_of_a_long_list_only_what_is_asked_for_is_read_and_that_once() -> None:
    world = priced_world()
    world.model.limit = 0
    assert unit_price(world.ask(TEN, customer="x")[0]) == 79
    world.model.products["B"] = Product()
    world.told(ChangeKind.PRODUCT, "B")
    (line,) = world.ask(WantedLine("B", 10_000), customer="x")
    assert isinstance(line, UnpricedLine)
    world.model.away = True
    assert unit_price(world.ask(TEN, customer="x")[0]) == 79
    (line,) = world.ask(WantedLine("B", 10_000), customer="x")
    assert isinstance(line, UnpricedLine)
    world.model.away = False
    world.put_row(PriceRow("deal", Target(Scope.SKU, "B"), unit_price=10_000, feed=1))
    assert unit_price(world.ask(WantedLine("B", 10_000), customer="x")[0]) == 1


async def test_a_trickle_of_changed_heads_keeps_nobody_waiting_for_ever() -> None:
    world, slow = await slow_world()
    await world.lookups.answer(PriceRequest([TEN], "x"))
    slow.hold()
    world.put_head(PriceList("other", "SEK", Layer.BASE))
    asking = asyncio.create_task(world.lookups.answer(PriceRequest([TEN], "x")))
    await slow.reached.wait()
    for number in range(100):
        # Each reading of some is followed by the next change.
        world.put_head(PriceList(f"other{number}", "SEK", Layer.BASE))
        slow.let_through()
        slow.hold()
        for _ in range(10):
            await asyncio.sleep(0)
        if asking.done():
            break
    assert unit_price((await asking).lines[0]) == 79
    slow.let_through()


async def test_a_flood_of_changed_heads_is_left_to_the_background() -> None:
    world, slow = await slow_world()
    await world.lookups.answer(PriceRequest([TEN], "x"))
    for number in range(5000):
        world.told(ChangeKind.PRICE_LIST, f"flood{number}")
    slow.hold()
    running = asyncio.create_task(world.book.run())
    await slow.reached.wait()
    answer = await world.lookups.answer(PriceRequest([TEN], "x"))
    assert unit_price(answer.lines[0]) == 79
    slow.let_through()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_is_kept_is_no_younger_than_the_channel_has_told() -> None:
    world = priced_world()
    world.directory.on_change(None)
    await world.directory.renew()
    feeds = world.directory.current.feeds
    assert isinstance(world.directory, Directory)
    first = await world.lookups.answer(PriceRequest([ONE]))
    assert isinstance(first.lines[0], PricedLine)
    assert first.lines[0].age.as_of_ms == NOW
    # A look of its own finds the feed verified later; what it changed may still be on its way.
    world.directory.current = Snapshot(
        (), {"p": FeedState("prices", 1, verified_through_ms=NOW - 1)}, b"one"
    )
    assert feeds["p"].verified_through_ms == NOW
    again = await world.lookups.answer(PriceRequest([ONE]))
    assert isinstance(again.lines[0], PricedLine)
    assert again.lines[0].age.as_of_ms == world.directory.heard.verified_through(1)
