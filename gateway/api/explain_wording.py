"""Explanations written down as `explain_shapes` has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import msgspec

from gateway.api import price_fragments
from gateway.api.explain_shapes import (
    AgeShape,
    CircumstancesShape,
    CustomerShape,
    FeedShape,
    HoldShape,
    HoldsShape,
    LevelShape,
    PlaceShape,
    PriceExplanationShape,
    PriceListShape,
    ProductShape,
    SpanPolicyShape,
    StockExplanationShape,
    SupplyShape,
    TakenShape,
    WayShape,
)
from gateway.api.moments import moment, moment_or_none
from gateway.api.problem_kinds import KINDS
from gateway.api.shapes import ItemError, UnknownItem, span_shape
from gateway.api.stock_fragments import stock_item
from gateway.domain.customers import Customer
from gateway.domain.delivery import WorkingCalendar
from gateway.domain.price_lists import PriceList
from gateway.domain.quantities import Milli, to_number
from gateway.domain.stock import StockLevel
from gateway.services.hold_traces import HoldTrace, SkuTraces
from gateway.services.price_explanations import PriceExplanation
from gateway.services.stock_answers import StockAnswer
from gateway.services.stock_explanations import ExplainedLevel, StockExplanation
from gateway.store.feeds import FeedState

_MOST_DAYS_OFF = 60


def stock_explanation(
    explained: StockExplanation, traces: SkuTraces | None
) -> StockExplanationShape:
    """Why a SKU is answered as it is, and what takes units of it."""
    context, product, answer = explained.context, explained.product, explained.answer
    return StockExplanationShape(
        answer.sku,
        CircumstancesShape(
            context.channel.name, context.locale, context.location, _number(context.quantity)
        ),
        _item(explained),
        ProductShape(
            product.name,
            product.status,
            product.available_from,
            product.stock_class,
            product.unit,
            product.lead_time_days,
            product.backorder,
        ),
        [_place(one) for one in explained.levels],
        None if traces is None else _holds(traces),
        _policy(explained),
        _way(explained),
        _age(explained),
    )


def price_explanation(explained: PriceExplanation, at_ms: int) -> PriceExplanationShape:
    """Why a SKU costs a buyer what it does, or has no price."""
    answer, line = explained.answer, explained.line
    (item,) = price_fragments.lines(answer)
    customer = answer.customer
    return PriceExplanationShape(
        line.sku,
        to_number(line.quantity),
        explained.outcome,
        answer.channel.name,
        answer.currency,
        moment(at_ms),
        explained.strategy,
        None if customer is None else _customer(customer),
        [_list(head, at_ms) for head in explained.lists],
        msgspec.Raw(item.encode()),
    )


def _item(explained: StockExplanation) -> Any:
    answer = explained.answer
    if isinstance(answer, StockAnswer):
        return stock_item(answer, judged=explained.context.quantity is not None)
    kind = KINDS[answer.problem]
    return UnknownItem(answer.sku, ItemError(kind.type, kind.title))


def _place(one: ExplainedLevel) -> PlaceShape:
    place = one.location
    return PlaceShape(
        place.location,
        place.name,
        place.kind,
        list(place.channels),
        place.ships,
        place.pickup,
        place.priority,
        place.handling_days,
        one.counting,
        None if one.level is None else _level(one, one.level),
    )


def _level(one: ExplainedLevel, level: StockLevel) -> LevelShape:
    return LevelShape(
        to_number(level.quantity),
        level.basis,
        to_number(level.allocated),
        to_number(level.safety_stock),
        to_number(level.taken),
        to_number(level.salable()),
        to_number(one.left),
        [SupplyShape(to_number(supply.quantity), supply.date) for supply in level.incoming],
        level.version,
        moment(level.stamp_ms),
        moment(one.as_of_ms or 0),
        one.feed,
    )


def _holds(traces: SkuTraces) -> HoldsShape:
    return HoldsShape([_hold(one) for one in traces.traces], traces.whole, traces.ledger_up)


def _hold(trace: HoldTrace) -> HoldShape:
    units = [TakenShape(one.location, to_number(one.quantity), one.counted) for one in trace.units]
    state = "pending" if trace.state is None else trace.state.value
    if trace.ledger is None:
        return HoldShape(trace.reservation, state, units)
    known = trace.ledger.reservation
    return HoldShape(
        trace.reservation,
        state,
        units,
        moment(known.expires_ms),
        moment_or_none(trace.ledger.confirmed_ms),
        moment_or_none(known.acknowledged_ms),
        moment(trace.ledger.changed_ms),
        known.order_ref,
        known.customer,
        known.channel,
        known.caller,
    )


def _policy(explained: StockExplanation) -> SpanPolicyShape:
    policy, answer = explained.policy, explained.answer
    view = answer.view if isinstance(answer, StockAnswer) else None
    return SpanPolicyShape(
        [to_number(bound) for bound in policy.bounds],
        to_number(policy.few_below),
        to_number(explained.salable),
        to_number(explained.shown),
        None if view is None else span_shape(view.span),
        None if view is None else view.status,
        explained.rule,
    )


def _way(explained: StockExplanation) -> WayShape:
    terms, way = explained.context.channel.terms, explained.delivery
    leaving, today = way.leaving, way.local_now.date()
    return WayShape(
        way.local_now.isoformat(timespec="seconds"),
        terms.cut_off,
        sorted(terms.calendar.weekdays),
        [] if leaving is None else _days_off(terms.calendar, today, leaving.day),
        way.first_day,
        None if leaving is None else leaving.day,
        None if leaving is None else leaving.origin,
        [] if leaving is None else list(leaving.places),
        0 if leaving is None else leaving.handling_days,
        None if leaving is None else leaving.supplied,
        terms.transit_days,
    )


def _days_off(calendar: WorkingCalendar, first: date, last: date) -> list[date]:
    days = [first + timedelta(days=n) for n in range(min((last - first).days, _MOST_DAYS_OFF))]
    return [day for day in days if not calendar.works_on(day)]


def _age(explained: StockExplanation) -> AgeShape:
    ages, answer = explained.ages, explained.answer
    return AgeShape(
        explained.freshness,
        moment(explained.as_of_ms),
        max(0, explained.now_ms - explained.as_of_ms) // 1000,
        ages.fresh_for_ms / 1000,
        ages.stale_for_ms / 1000,
        ages.when_expired,
        ages.buffer,
        isinstance(answer, StockAnswer) and answer.last_known,
        _feeds(explained.feeds, explained.now_ms),
    )


def _feeds(feeds: Mapping[str, FeedState], now_ms: int) -> list[FeedShape]:
    return [
        FeedShape(
            name,
            state.kind,
            moment_or_none(state.verified_through_ms),
            _seconds(state.age_ms(now_ms)),
            moment_or_none(state.failing_since_ms),
            state.error,
            state.held_back,
            state.breaker,
        )
        for name, state in sorted(feeds.items())
    ]


def _customer(customer: Customer) -> CustomerShape:
    return CustomerShape(
        customer.customer,
        customer.name,
        customer.status,
        sorted(customer.groups),
        sorted(customer.price_lists),
        customer.discount_class,
        customer.currency,
        customer.channel,
        sorted(customer.assortments),
    )


def _list(head: PriceList, at_ms: int) -> PriceListShape:
    return PriceListShape(
        head.price_list,
        head.layer,
        head.priority,
        head.tax_included,
        moment_or_none(head.validity.from_ms),
        moment_or_none(head.validity.until_ms),
        head.validity.covers(at_ms),
        len(head.customers),
        sorted(head.groups),
        sorted(head.channels),
    )


def _seconds(age_ms: int | None) -> int | None:
    return None if age_ms is None else age_ms // 1000


def _number(quantity: Milli | None) -> float | None:
    return None if quantity is None else to_number(quantity)
