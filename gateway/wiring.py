"""Puts a gateway together from its settings: the parts, and who is handed what.

Nothing here decides anything; it is the list of what a worker consists of.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from importlib.resources import files
from typing import TypeVar
from zoneinfo import ZoneInfo

import holidays
import msgspec

from gateway.config import settings as config
from gateway.config.file import SettingsError
from gateway.config.keys import key_ring, private_pem
from gateway.config.values import LOCALES
from gateway.domain.access import KeyRing
from gateway.domain.delivery import ShippingTerms, WorkingCalendar
from gateway.domain.freshness import FreshnessPolicy, WhenExpired
from gateway.domain.labels import Labels
from gateway.domain.quantities import to_milli
from gateway.domain.spans import SpanPolicy, StockStatus
from gateway.services.checkout import Checkout
from gateway.services.directory import Directory
from gateway.services.lookups import StockLookups
from gateway.services.price_book import PriceBook
from gateway.services.prices import PriceLookups
from gateway.services.selling import Channel, SellingRules
from gateway.store.changes import ChangeListener
from gateway.store.client import StoreClient
from gateway.store.feeds import FeedRegister
from gateway.store.keys import Change, Keyspace
from gateway.store.prices import PriceStore
from gateway.store.stock import StockStore
from gateway.tokens.customer_tokens import CustomerTokens
from gateway.tokens.key_material import (
    KeyMaterialError,
    PrivateKey,
    PublicKey,
    read_private_key,
    read_public_key,
)
from gateway.tokens.price_tokens import PriceTokens

Key = TypeVar("Key", PrivateKey, PublicKey)

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Assembly(msgspec.Struct, frozen=True):
    """A gateway worker's parts.

    `directory.run()`, `book.run()` and `changes.run()` go on beside the server.
    """

    client: StoreClient
    stock: StockStore
    price_store: PriceStore
    directory: Directory
    book: PriceBook
    changes: ChangeListener
    rules: SellingRules
    lookups: StockLookups
    prices: PriceLookups
    checkout: Checkout
    public_prices: bool
    key_ring: KeyRing
    customer_tokens: CustomerTokens | None
    price_tokens: PriceTokens | None
    clock_ms: Callable[[], int]

    def corrupt_values(self) -> int:
        """How many values of the store were not ours."""
        return self.stock.corrupt + self.price_store.corrupt

    async def close(self) -> None:
        """Let go of the store."""
        await self.client.close()


def clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def assemble(settings: config.Settings, clock: Callable[[], int] = clock_ms) -> Assembly:
    """The parts of a gateway worker; nothing is connected yet.

    Raises:
        SettingsError: a key of tokens cannot be used.
    """
    client = connect(settings.store)
    keys = Keyspace(settings.store.prefix)
    stock, price_store = StockStore(client, keys), PriceStore(client, keys)
    directory = Directory(stock, FeedRegister(client, keys))
    book = PriceBook(
        price_store,
        lambda: changes.connected,
        lambda: directory.current.epoch,
        settings.prices.strategy,
        settings.store.timeout,
    )

    def on_change(change: Change | None) -> None:
        directory.on_change(change)
        book.on_change(change)

    changes = ChangeListener(client, keys, on_change)
    rules = selling_rules(settings)
    lookups = StockLookups(stock, directory, rules, clock)
    prices = PriceLookups(book, directory, rules, clock)
    signer = price_tokens(settings)
    return Assembly(
        client,
        stock,
        price_store,
        directory,
        book,
        changes,
        rules,
        lookups,
        prices,
        Checkout(lookups, prices, directory, signer, clock),
        settings.prices.public_prices,
        key_ring(settings),
        customer_tokens(settings),
        signer,
        clock,
    )


def connect(store: config.Store) -> StoreClient:
    """A client of the store; nothing is sent yet."""
    return StoreClient.connect(store.url, mode=store.mode, deadline=store.timeout)


def selling_rules(settings: config.Settings) -> SellingRules:
    """What the operator decided, as values of the domain."""
    return SellingRules(
        {name: _channel(name, channel) for name, channel in settings.channels.items()},
        span_policies(settings),
        {locale: _labels(locale) for locale in LOCALES},
        FreshnessPolicy(
            int(settings.freshness.fresh_for * 1000),
            int(settings.freshness.stale_for * 1000),
            WhenExpired(settings.freshness.when_expired),
        ),
    )


def customer_tokens(settings: config.Settings) -> CustomerTokens | None:
    """What tells good tokens of customers from bad ones; None where no token is taken.

    Raises:
        SettingsError: a key cannot be used.
    """
    section = settings.customer_tokens
    if section is None:
        return None
    keys = {
        key_id: _token_key(
            f"customer_tokens.keys.{key_id}.public_key",
            read_public_key,
            key.public_key,
            key.algorithm,
        )
        for key_id, key in section.keys.items()
    }
    return CustomerTokens(section.issuer, section.audience, keys)


def price_tokens(settings: config.Settings) -> PriceTokens | None:
    """What signs the prices of a checkout; None where they are not signed.

    Raises:
        SettingsError: a key cannot be used, or its file not be read.
    """
    section = settings.price_tokens
    if section is None:
        return None
    keys = {key_id: _price_token_key(key_id, key) for key_id, key in section.keys.items()}
    return PriceTokens(section.issuer, int(section.lifetime * 1000), keys, section.signing_key)


def require_token_keys(settings: config.Settings) -> None:
    """Return if every key of tokens can be used.

    Raises:
        SettingsError: one cannot.
    """
    customer_tokens(settings)
    price_tokens(settings)


def span_policies(settings: config.Settings) -> Callable[[str, str | None], SpanPolicy]:
    """Finds the policy for a channel and a stock class: the most specific one that fits."""
    configured = {
        (spans.channel, spans.stock_class): SpanPolicy(
            tuple(to_milli(bound) for bound in spans.bounds), to_milli(spans.few_below)
        )
        for spans in settings.spans.values()
    }
    shipped = SpanPolicy()

    def find(channel: str, stock_class: str | None) -> SpanPolicy:
        for place in ((channel, stock_class), (None, stock_class), (channel, None), (None, None)):
            if place in configured:
                return configured[place]
        return shipped

    return find


def _price_token_key(key_id: str, key: config.PriceTokenKey) -> PrivateKey | PublicKey:
    setting = f"price_tokens.keys.{key_id}"
    private = private_pem(setting, key)
    if private is not None:
        return _token_key(private[0], read_private_key, private[1], key.algorithm)
    return _token_key(f"{setting}.public_key", read_public_key, key.public_key or "", key.algorithm)


def _token_key(setting: str, reader: Callable[[str, str], Key], pem: str, algorithm: str) -> Key:
    try:
        return reader(pem, algorithm)
    except KeyMaterialError as error:
        raise SettingsError(f"{setting}: {error}") from None


def _channel(name: str, channel: config.Channel) -> Channel:
    weekdays = frozenset(_WEEKDAYS.index(day) for day in channel.working_days)
    country = channel.country
    closed = frozenset() if country is None else holidays.country_holidays(country)
    calendar = WorkingCalendar(weekdays, closed)
    return Channel(
        name,
        channel.currency,
        channel.locale,
        ZoneInfo(channel.timezone),
        ShippingTerms(calendar, channel.cut_off, channel.transit_days),
    )


def _labels(locale: str) -> Labels:
    text = (files("gateway") / "locales" / f"{locale}.toml").read_text(encoding="utf-8")
    return Labels(locale, {StockStatus(key): words for key, words in tomllib.loads(text).items()})
