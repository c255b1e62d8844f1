"""Kept answers against a plain dictionary, whatever becomes of the messages."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.freshness import Freshness, FreshnessPolicy
from gateway.domain.spans import PREORDER_VIEW
from gateway.services.directory import Snapshot
from gateway.services.hearing import TRUSTED_FOR, Hearing
from gateway.services.kept_answers import LONGEST_MS, KeptAnswers, Shown, Wording
from gateway.services.stock_answers import Lasting, StockAnswer
from gateway.store.feeds import FeedState
from gateway.store.keys import Change, ChangeKind

PLAIN = ("default", "en", None, None, False)
START_MS = 1_000_000_000
SKUS = ("A", "B", "C")
AGES = FreshnessPolicy(fresh_for_ms=5_000, stale_for_ms=20_000)


def directory(through_ms: int | None, epoch: bytes = b"one") -> Snapshot:
    return Snapshot((), {"erp": FeedState("stock", 1, verified_through_ms=through_ms)}, epoch)


class Shop:
    """A store, its messages on their way, and the worker that hears them late or never."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.linked = True
        # The server learns of a new subscription later than the worker believes in it.
        self.subscribed = True
        self.messages: deque[Change | int] = deque()
        self.hearing = Hearing(self._call, lambda: self.linked, lambda: self.now_ms / 1000)
        self.touched: set[str] = set()
        self.kept = KeptAnswers(1 << 20, self.hearing, lambda: self.now_ms, self.touched.update)
        # What is true: of each SKU the moments at which it changed, each change a version.
        self.changed: dict[str, list[int]] = {sku: [0] for sku in SKUS}
        self.through_ms = START_MS
        self.current = directory(self.through_ms)

    def _call(self, number: int) -> None:
        if self.subscribed:
            self.messages.append(number)

    def change(self, sku: str) -> None:
        self.now_ms += 1
        self.changed[sku].append(self.now_ms)
        self.now_ms += 1
        if self.subscribed:
            self.messages.append(Change(ChangeKind.SKU, sku))

    def renew(self, epoch: bytes = b"one") -> None:
        self.current = directory(self.through_ms, epoch)
        self.kept.on_renewed(self.current)

    def hear(self, messages: int = 1 << 20) -> None:
        for _ in range(min(messages, len(self.messages))):
            message = self.messages.popleft()
            if isinstance(message, int):
                self.hearing.on_echo(message)
            else:
                self.kept.on_change(message)

    def read(self, sku: str) -> Callable[[], None]:
        """Read now; what is given lets it arrive."""
        ticket = self.kept.ticket()
        version = len(self.changed[sku]) - 1
        as_of_ms = min(self.through_ms_known, self.now_ms)
        freshness = AGES.judge(as_of_ms, self.now_ms)
        lasting = Lasting(*AGES.range_of(freshness), (1,), START_MS + 100_000)
        told = answer(sku, as_of_ms, freshness, lasting)

        def arrive() -> None:
            if ticket is not None:
                self.kept.keep(told, shown(told, version), PLAIN, ticket)

        return arrive

    @property
    def through_ms_known(self) -> int:
        return self.current.verified_through(1) or 0

    def told(self, sku: str) -> tuple[int, int] | None:
        """The version that is told of it, and as of when."""
        if not self.kept.may_tell:
            return None
        sheet = self.kept.sheet(PLAIN, self.now_ms)
        texts = None if sheet is None else sheet.texts([sku])
        if sheet is not None and texts is not None:
            return int(texts[0]), sheet.as_of_ms
        (found,) = self.kept.find([sku], PLAIN, self.now_ms)
        if found is None:
            return None
        self.kept.write_out([found], [found.wording.middle], PLAIN, self.now_ms)
        return int(found.wording.middle), found.as_of_ms

    def judge(self) -> int:
        """How many SKUs are told of, all of them rightly."""
        told_of = 0
        for sku in SKUS:
            told = self.told(sku)
            if told is not None:
                version, as_of_ms = told
                told_of += 1
                assert as_of_ms <= self.now_ms
                assert version >= self.version_at(sku, as_of_ms)
                assert version >= self.version_at(sku, self.now_ms - int(TRUSTED_FOR * 1000))
        return told_of

    def version_at(self, sku: str, moment_ms: int) -> int:
        return sum(changed < moment_ms for changed in self.changed[sku]) - 1


def answer(sku: str, as_of_ms: int, freshness: Freshness, lasting: Lasting | None) -> StockAnswer:
    return StockAnswer(
        sku, PREORDER_VIEW, "", None, as_of_ms, freshness, AGES.fresh_for_ms, lasting=lasting
    )


def shown(told: StockAnswer, version: int, digest: bytes = bytes(8)) -> Shown:
    return Shown(told.sku, Wording(b"%d" % version, b""), digest, told.as_of_ms, told.fresh_for_ms)


# Mostly all is well, or nothing would be kept of which one could see whether it is right.
STEPS = ("read", "read", "arrive", "arrive", "hear", "hear", "change", "sync", "renew", "wait")
RARE = ("break_link", "link", "link", "relink", "away", "another", "long_wait")


class Play:
    """What happens at a shop, one step at a time."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.shop = calm_shop()
        self.under_way: list[Callable[[], None]] = []

    def read(self) -> None:
        self.under_way.append(self.shop.read(self.chance.choice(SKUS)))

    def arrive(self) -> None:
        if self.under_way:
            self.under_way.pop(self.chance.randrange(len(self.under_way)))()

    def hear(self) -> None:
        self.shop.hear(self.chance.randrange(1, 5))
        self.shop.subscribed = self.shop.linked

    def change(self) -> None:
        self.shop.change(self.chance.choice(SKUS))

    def sync(self) -> None:
        """The feed is read: what the store holds is right as of now."""
        self.shop.through_ms = self.shop.now_ms

    def renew(self) -> None:
        self.shop.renew()

    def another(self) -> None:
        """The directory is of another content of the store."""
        self.shop.renew(b"two")

    def away(self) -> None:
        self.shop.kept.on_renewed(None)
        assert not self.shop.kept.may_tell

    def wait(self) -> None:
        self.shop.now_ms += self.chance.choice((1, 20, 200))

    def long_wait(self) -> None:
        self.shop.now_ms += self.chance.choice((2_000, 6_000))

    def break_link(self) -> None:
        self.shop.linked = self.shop.subscribed = False
        self.shop.messages.clear()

    def link(self) -> None:
        if not self.shop.linked:
            self.shop.linked = True
            self.shop.kept.on_change(None)

    def relink(self) -> None:
        self.break_link()
        self.link()


@given(st.integers(0, 2**32))
def test_nothing_told_is_older_than_it_says_or_than_was_promised(seed: int) -> None:
    """Messages come late, or not at all; replies come late, and in any order."""
    chance = random.Random(seed)
    play = Play(chance)
    for sku in SKUS:
        play.shop.read(sku)()
    assert play.shop.judge() == len(SKUS)
    for _ in range(600):
        step = chance.choice(RARE if chance.random() < 0.02 else STEPS)
        getattr(play, step)()
        play.shop.judge()


def calm_shop(through_ms: int = START_MS) -> Shop:
    """A shop whose worker hears of everything at once."""
    shop = Shop()
    shop.kept.on_change(None)
    shop.through_ms = through_ms
    shop.renew()
    shop.hear()
    return shop


def test_a_feed_that_is_verified_makes_what_is_kept_younger_once_its_changes_were_heard() -> None:
    shop = calm_shop()
    shop.read("A")()
    shop.now_ms += 1_000
    shop.through_ms = shop.now_ms
    shop.renew()
    assert shop.told("A") == (0, START_MS)
    shop.hear()
    assert shop.told("A") == (0, START_MS + 1_000)


def test_what_is_kept_ends_where_its_word_for_freshness_does() -> None:
    shop = calm_shop()
    shop.read("A")()
    shop.now_ms += AGES.fresh_for_ms
    shop.renew()
    shop.hear()
    assert shop.told("A") == (0, START_MS)
    shop.now_ms += 1
    assert shop.told("A") is None
    shop.read("A")()
    assert shop.told("A") == (0, START_MS)


@pytest.mark.parametrize("ms", [-1, LONGEST_MS])
def test_what_is_kept_ends_when_it_is_old_or_the_clock_is_set_back(ms: int) -> None:
    shop = calm_shop(START_MS - AGES.stale_for_ms - 1)
    shop.read("A")()
    assert shop.told("A") is not None
    shop.now_ms += ms
    shop.renew()
    shop.hear()
    assert shop.kept.may_tell
    assert shop.told("A") is None


def test_what_is_kept_at_once_does_not_end_at_once() -> None:
    shop = calm_shop(START_MS - AGES.stale_for_ms - 1)
    skus = [f"S-{number}" for number in range(250)]
    ticket = shop.kept.ticket()
    assert ticket is not None
    lasting = Lasting(*AGES.range_of(Freshness.EXPIRED), (1,), START_MS + 100_000)
    for sku in skus:
        told = answer(sku, shop.through_ms_known, Freshness.EXPIRED, lasting)
        shop.kept.keep(told, shown(told, 0, hashlib.sha256(sku.encode()).digest()), PLAIN, ticket)
    left = [len(skus)]
    for _ in range(LONGEST_MS // 1_000):
        shop.now_ms += 1_000
        left.append(sum(found is not None for found in shop.kept.find(skus, PLAIN, shop.now_ms)))
    ended = [before - after for before, after in pairwise(left)]
    assert (sum(ended[: LONGEST_MS // 2_500]), left[-1]) == (0, 0)
    assert max(ended) < len(skus) / 6


def test_what_turns_by_itself_is_kept_until_then() -> None:
    shop = calm_shop()
    ticket = shop.kept.ticket()
    assert ticket is not None
    until_ms = START_MS + 10
    for sku, lasting in {
        "A": Lasting(-1, 5_000, (1,), until_ms),
        "B": Lasting(-1, 5_000, (1,), START_MS),
        "C": None,
    }.items():
        told = answer(sku, START_MS, Freshness.FRESH, lasting)
        shop.kept.keep(told, shown(told, 0), PLAIN, ticket)
    assert [shop.told(sku) is not None for sku in SKUS] == [True, False, False]
    for _ in range(100):
        shop.told("A")
    assert shop.touched == {"A"}
    shop.now_ms = until_ms
    assert shop.told("A") is None


def test_an_answer_through_a_feed_that_is_gone_is_not_told() -> None:
    shop = calm_shop()
    shop.read("A")()
    shop.kept.on_renewed(
        Snapshot((), {"other": FeedState("stock", 2, verified_through_ms=START_MS)}, b"one")
    )
    shop.hear()
    assert shop.kept.may_tell
    assert shop.told("A") is None


def test_a_cold_store_ends_all_of_it() -> None:
    shop = calm_shop()
    shop.read("A")()
    shop.kept.on_renewed(directory(None))
    shop.hear()
    assert not shop.kept.may_tell
    shop.kept.on_renewed(replace(shop.current, epoch=None))
    shop.hear()
    assert not shop.kept.may_tell


def test_what_is_written_out_is_struck_when_it_changes() -> None:
    shop = calm_shop()
    ticket = shop.kept.ticket()
    assert ticket is not None
    lasting = Lasting(-1, 60_000, (1,), START_MS + 60_000)
    for sku in ("A", "B"):
        told = answer(sku, shop.through_ms_known, Freshness.FRESH, lasting)
        shop.kept.keep(told, shown(told, 0), PLAIN, ticket)
        assert shop.told(sku) == (0, shop.through_ms_known)
    sheet = shop.kept.sheet(PLAIN, shop.now_ms)
    assert sheet is not None
    assert sheet.texts(["A", "B"]) == [b"0", b"0"]
    shop.kept.on_change(Change(ChangeKind.SKU, "A"))
    assert (sheet.texts(["A"]), sheet.texts(["B"])) == (None, [b"0"])
    assert shop.told("A") is None


def test_of_one_sku_some_answers_are_kept_and_the_latest_of_them() -> None:
    shop = calm_shop()
    ticket = shop.kept.ticket()
    assert ticket is not None
    lasting = Lasting(-1, 5_000, (1,), START_MS + 1_000)
    for quantity in range(100):
        told = answer("A", START_MS, Freshness.FRESH, lasting)
        asked = ("default", "en", None, quantity, False)
        shop.kept.keep(told, shown(told, quantity), asked, ticket)
    found = [shop.kept.find(["A"], ("default", "en", None, n, False), START_MS) for n in range(100)]
    assert [kept.wording.middle for (kept,) in found if kept] == [b"%d" % n for n in range(92, 100)]


def test_unknown_skus_are_believed_for_a_moment_and_until_they_are_known() -> None:
    shop = calm_shop()
    ticket = shop.kept.ticket()
    assert ticket is not None
    for number in range(50_000):
        shop.kept.keep_unknown(f"X{number}", ticket)
    believed = [number for number in range(50_000) if shop.kept.is_unknown(f"X{number}", START_MS)]
    assert 1_000 < len(believed) <= 10_000
    last = f"X{believed[-1]}"
    assert not shop.kept.is_unknown(last, START_MS + 5_000)
    shop.kept.on_change(Change(ChangeKind.PRODUCT, last))
    assert not shop.kept.is_unknown(last, START_MS)
