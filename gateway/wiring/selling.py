"""What the operator decided about selling, as values of the domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

import holidays

from gateway.config import settings as config
from gateway.config.file import SettingsError
from gateway.domain.delivery import ShippingTerms, WorkingCalendar
from gateway.domain.freshness import FreshnessPolicy, WhenExpired
from gateway.domain.labels import Labels
from gateway.domain.quantities import to_milli
from gateway.domain.spans import SpanPolicy
from gateway.services.selling import Channel, SellingRules
from gateway.words import LOCALES, WordsError, read_labels

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def selling_rules(settings: config.Settings) -> SellingRules:
    """What the operator decided, as values of the domain.

    Raises:
        SettingsError: a language's file cannot be used.
    """
    return SellingRules(
        {name: _channel(name, channel) for name, channel in settings.channels.items()},
        span_policies(settings),
        _labels(),
        _freshness(settings.freshness),
        {name: _freshness(settings.freshness.of(name)) for name in settings.freshness.classes},
    )


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


def _freshness(freshness: config.Freshness) -> FreshnessPolicy:
    return FreshnessPolicy(
        int(freshness.fresh_for * 1000),
        int(freshness.stale_for * 1000),
        WhenExpired(freshness.when_expired),
        freshness.buffer,
    )


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


def _labels() -> Mapping[str, Labels]:
    try:
        return {locale: read_labels(locale) for locale in LOCALES}
    except WordsError as error:
        raise SettingsError(f"gateway/locales/{error}") from None
