"""The application: routes and middlewares around the parts that it is handed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from aiohttp import web

from gateway.api import ops, pages, refusals, state
from gateway.api.auth import Authentication
from gateway.api.bodies import LARGEST
from gateway.api.boundary import boundary
from gateway.api.caching import private_answers
from gateway.api.checkout import CheckoutHandlers
from gateway.api.connections import LONGEST_WAIT
from gateway.api.cors import CrossOrigin
from gateway.api.explain import ExplainHandlers
from gateway.api.gate import Gate, admitting
from gateway.api.journal import JournalHandlers
from gateway.api.jwks import jwks_route
from gateway.api.ops_page import ops_page_routes
from gateway.api.prices import PriceHandlers
from gateway.api.ranks import Rank
from gateway.api.reservations import Promising, ReservationHandlers
from gateway.api.routes import Route
from gateway.api.shortcut import Shortcut
from gateway.api.showing import Showing
from gateway.api.siblings import Siblings
from gateway.api.stock import StockHandlers
from gateway.domain.access import KeyRing
from gateway.observability.load_metrics import LoadCollector
from gateway.observability.metrics import GatewayMetrics
from gateway.observability.readings import PromiseReading, Readings
from gateway.observability.recorder import Recorder
from gateway.services.checkout import Checkout
from gateway.services.directory import Directory
from gateway.services.feed_desk import FeedDesk
from gateway.services.hold_traces import HoldTraces
from gateway.services.kept_answers import KeptAnswers
from gateway.services.lookups import StockLookups
from gateway.services.price_book import PriceBook
from gateway.services.price_explanations import PriceExplanations
from gateway.services.prices import PriceLookups
from gateway.services.selling import SellingRules
from gateway.store.event_journal import EventJournal
from gateway.tokens.customer_tokens import CustomerTokens
from gateway.tokens.price_tokens import PriceTokens
from gateway.turns import Turns

ROUTES: Final = web.AppKey("routes", tuple[Route, ...])
METRICS: Final = web.AppKey("metrics", GatewayMetrics)
SHORTCUT: Final = web.AppKey("shortcut", Shortcut)
GATE: Final = web.AppKey("gate", Gate)


_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


class Promises(Promising, state.Promising, Protocol):
    """What makes promises, finds what was promised, and counts it."""

    @property
    def traces(self) -> HoldTraces: ...


class Parts(Protocol):
    """What is served (`gateway.wiring.assembly.Assembly` is one).

    `corrupt_values` counts values of the store that were not ours; `clock_ms` is the time in
    milliseconds since the epoch.
    """

    @property
    def directory(self) -> Directory: ...
    @property
    def rules(self) -> SellingRules: ...
    @property
    def lookups(self) -> StockLookups: ...
    @property
    def kept(self) -> KeptAnswers: ...
    @property
    def turns(self) -> Turns: ...
    @property
    def prices(self) -> PriceLookups: ...
    @property
    def book(self) -> PriceBook: ...
    @property
    def checkout(self) -> Checkout: ...
    @property
    def desk(self) -> FeedDesk: ...
    @property
    def promising(self) -> Promises | None: ...
    @property
    def public_prices(self) -> bool: ...
    @property
    def key_ring(self) -> KeyRing: ...
    @property
    def customer_tokens(self) -> CustomerTokens | None: ...
    @property
    def price_tokens(self) -> PriceTokens | None: ...
    @property
    def recorder(self) -> Recorder: ...
    @property
    def event_journal(self) -> EventJournal: ...
    @property
    def clock_ms(self) -> Callable[[], int]: ...
    def corrupt_values(self) -> int: ...
    def promises(self) -> PromiseReading | None: ...
    def confirmations(self) -> Mapping[str, int]: ...
    def promise_checks(self) -> Mapping[str, bool]: ...


def create_app(
    parts: Parts,
    *,
    cors_origins: Sequence[str] = ("*",),
    siblings: Siblings | None = None,
    longest_wait: float = LONGEST_WAIT,
) -> web.Application:
    """An application of these parts; whoever runs it keeps them renewed.

    Who would wait for longer than `longest_wait` (seconds) is refused; 0: nobody is.
    """
    readings = ops.Readings(
        parts.directory, parts.prices.is_warm, parts.promise_checks, parts.clock_ms
    )
    showing = Showing(parts.lookups, parts.kept, parts.turns, parts.clock_ms)
    freshness = parts.rules.freshness
    metrics = GatewayMetrics(
        Readings(
            readings.ready,
            readings.feeds,
            parts.corrupt_values,
            parts.promises,
            lambda: {kind.value: count for kind, count in parts.recorder.counts.items()},
            lambda: parts.recorder.lost,
            parts.confirmations,
            lambda: parts.directory.reachable,
            showing.reading,
            freshness.fresh_for_ms / 1000,
            freshness.stale_for_ms / 1000,
            None if siblings is None else siblings.replaced,
        )
    )
    cross_origin = CrossOrigin(cors_origins)
    gate = Gate(longest_wait, refusals.overloaded(cross_origin))
    metrics.registry.register(LoadCollector(gate.load))
    authentication = Authentication(parts.key_ring, parts.clock_ms, parts.customer_tokens)
    asked = _lookups(parts, showing, authentication)
    routes = (
        *asked,
        *cross_origin.preflights(asked),
        *ops.OpsHandlers(readings, metrics, siblings).routes(),
        *state.StateHandlers(
            state.Sources(readings.ready, readings.checks, _texts(metrics, siblings)),
            parts.directory,
            parts.desk,
            parts.promising,
            parts.rules.freshness,
            authentication,
            parts.clock_ms,
        ).routes(),
        jwks_route(parts.price_tokens),
        *pages.static_routes(),
        *ops_page_routes(),
    )
    routes = (*routes, pages.description_route(routes))
    app = web.Application(
        middlewares=[
            cross_origin.middleware(),
            private_answers(),
            boundary(metrics),
            admitting(gate),
        ],
        client_max_size=LARGEST,
    )
    app[ROUTES] = routes
    app[METRICS] = metrics
    app[GATE] = gate
    shared = cross_origin.for_all_pages("/v1/stock")
    if shared is not None:
        app[SHORTCUT] = shortcut = Shortcut(
            showing, parts.rules, parts.directory, metrics, parts.clock_ms, shared
        )
        # Beside others who ask for stock it costs least of all; only who goes before them must not
        # wait for it.
        shortcut.may_fetch = lambda: not gate.admission.is_waited_before(Rank.STOCK)
        app.on_cleanup.append(shortcut.end)
    _register(app.router, routes)
    return app


def _lookups(parts: Parts, showing: Showing, authentication: Authentication) -> tuple[Route, ...]:
    return (
        *StockHandlers(
            showing, parts.rules, parts.directory, authentication, parts.clock_ms
        ).routes(),
        *PriceHandlers(parts.prices, authentication, public_prices=parts.public_prices).routes(),
        *CheckoutHandlers(parts.checkout, parts.rules, authentication).routes(),
        *ReservationHandlers(
            parts.promising, authentication, parts.price_tokens, parts.clock_ms
        ).routes(),
        *ExplainHandlers(
            parts.lookups,
            parts.rules,
            PriceExplanations(parts.prices, parts.book),
            None if parts.promising is None else parts.promising.traces,
            authentication,
            parts.clock_ms,
        ).routes(),
        *JournalHandlers(parts.event_journal, authentication).routes(),
    )


def _texts(
    metrics: GatewayMetrics, siblings: Siblings | None
) -> Callable[[], Awaitable[Mapping[int, bytes | None]]]:
    """The metrics of each worker of the address, by its number."""

    async def own() -> Mapping[int, bytes | None]:
        return {0: metrics.text()}

    return own if siblings is None else siblings.texts


def _register(router: web.UrlDispatcher, routes: Iterable[Route]) -> None:
    resources: dict[str, web.Resource] = {}
    for route in routes:
        resource = resources.get(route.path)
        if resource is None:
            # An id may hold any character but the slash, which stays percent-encoded until the
            # path is split; aiohttp's own pattern would refuse braces.
            pattern = _PLACEHOLDER.sub(r"{\1:[^/]+}", route.path)
            resource = resources[route.path] = router.add_resource(pattern)
        resource.add_route(route.method, route.handler)
        if route.method == "GET":
            resource.add_route("HEAD", route.handler)
