"""The state of everything for operators, and what they do about a snapshot that is held back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final, Protocol

import msgspec
from aiohttp import hdrs, web

from gateway.api.auth import Authentication, Caller
from gateway.api.journal import OPS
from gateway.api.moments import moment, moment_or_none
from gateway.api.parameters import path_identifier
from gateway.api.problem_kinds import KINDS
from gateway.api.problems import problem
from gateway.api.routes import JSON, Answer, Operation, Parameter, Route
from gateway.api.shapes import Check, encode
from gateway.api.state_shapes import (
    AccuracyShape,
    DriftShape,
    FeedStateShape,
    HeldBackShape,
    LimitsShape,
    PromisesShape,
    ResultShape,
    RouteShape,
    StateShape,
    WaitingShape,
    WorkerShape,
)
from gateway.api.stock_operations import IDENTIFIER
from gateway.domain.freshness import FreshnessPolicy
from gateway.observability.figures import RouteFigures, WorkerFigures, added, figures
from gateway.services.directory import Directory
from gateway.services.feed_desk import FeedDesk
from gateway.services.overdue_orders import OverdueOrders
from gateway.services.promise_tally import PromiseTally, Tally
from gateway.store.feed_requests import Act
from gateway.store.feeds import FeedState, HeldBack

_HEADERS: Final = {hdrs.CONTENT_TYPE: JSON}
_PRIVATE: Final = ("Cache-Control", "Vary")
_NOTHING: Final = WorkerFigures({}, 0, {})

STATE: Final = Operation(
    "state",
    "State of everything",
    "operating",
    {200: Answer("What the operator's page shows.", StateShape, headers=_PRIVATE)},
    description="Ready or not and why, feeds, requests and workers of the whole address, and what "
    "is promised. Counters grow from a worker's start on. Needs scope `ops`.",
    problems=("unauthorized", "forbidden", "overloaded"),
    callers=("key",),
)
_FEED: Final = Parameter("feed", "path", "The feed.", IDENTIFIER, required=True)


def _request(act: Act, summary: str, does: str) -> Operation:
    return Operation(
        f"{act}Snapshot",
        summary,
        "operating",
        {200: Answer("What became of it.", ResultShape, headers=_PRIVATE)},
        description=f"{does} The loader that leads is asked, and its answer waited for: `done`, "
        "`refused` with the reason, or `unanswered`. The journal names the key that asked. Needs "
        "scope `ops`.",
        parameters=(_FEED,),
        problems=(
            *("invalid-request", "unauthorized", "forbidden"),
            *("not-found", "overloaded", "store-unavailable"),
        ),
        callers=("key",),
    )


RELEASE: Final = _request(
    Act.RELEASE,
    "Release a snapshot",
    "Lets a snapshot that the guard holds back take effect, as it was judged.",
)
DISCARD: Final = _request(
    Act.DISCARD, "Discard a snapshot", "Drops a snapshot that the guard holds back."
)


class Sources(msgspec.Struct, frozen=True):
    """Where the state is read: readiness with its checks, and the metrics of each worker."""

    ready: Callable[[], bool]
    checks: Callable[[], list[Check]]
    texts: Callable[[], Awaitable[Mapping[int, bytes | None]]]


class Promising(Protocol):
    """What counts promises, and when an order is overdue."""

    @property
    def tally(self) -> PromiseTally: ...
    @property
    def overdue(self) -> OverdueOrders: ...


class StateHandlers:
    """Tells the state, and passes requests on; without `promising` nothing is promised."""

    def __init__(
        self,
        sources: Sources,
        directory: Directory,
        desk: FeedDesk,
        promising: Promising | None,
        ages: FreshnessPolicy,
        authentication: Authentication,
        clock_ms: Callable[[], int],
    ) -> None:
        self._sources = sources
        self._directory = directory
        self._desk = desk
        self._promising = promising
        self._ages = ages
        self._authentication = authentication
        self._clock_ms = clock_ms

    def routes(self) -> tuple[Route, ...]:
        """What is served here."""
        return (
            Route("GET", "/v1/ops/state", self.state, STATE),
            Route("POST", "/v1/ops/feeds/{feed}/release", self.release, RELEASE),
            Route("POST", "/v1/ops/feeds/{feed}/discard", self.discard, DISCARD),
        )

    async def state(self, request: web.Request) -> web.Response:
        """Everything at once."""
        caller = self._authentication.require(request, OPS)
        sources = self._sources
        texts, leader, promises = await asyncio.gather(
            sources.texts(), self._desk.leader(), self._promises()
        )
        told = {place: None if text is None else figures(text) for place, text in texts.items()}
        routes = added(one.routes for one in told.values() if one is not None)
        now_ms = self._clock_ms()
        feeds = sorted(self._directory.current.feeds.items())
        state = StateShape(
            moment(now_ms),
            sources.ready(),
            sources.checks(),
            leader,
            LimitsShape(self._ages.fresh_for_ms / 1000, self._ages.stale_for_ms / 1000),
            [_feed(name, feed, now_ms) for name, feed in feeds],
            [_route(route, of) for route, of in sorted(routes.items())],
            [_worker(place, of) for place, of in told.items()],
            promises,
            sorted(caller.scopes),
        )
        return web.Response(body=encode(state), headers=_HEADERS)

    async def release(self, request: web.Request) -> web.Response:
        """Let a snapshot take effect after all."""
        return await self._ask(Act.RELEASE, request)

    async def discard(self, request: web.Request) -> web.Response:
        """Drop a snapshot."""
        return await self._ask(Act.DISCARD, request)

    async def _ask(self, act: Act, request: web.Request) -> web.Response:
        caller = self._authentication.require(request, OPS)
        feed = path_identifier(request, -2, "feed")
        if feed not in self._directory.current.feeds:
            return problem(KINDS["not-found"], "There is no feed of that name.")
        result = await self._desk.ask(act, feed, _name(caller))
        told = ResultShape(feed, act, result.ending, result.text)
        return web.Response(body=encode(told), headers=_HEADERS)

    async def _promises(self) -> PromisesShape | None:
        if self._promising is None:
            return None
        tally = await self._promising.tally.count()
        return None if tally is None else _promised(tally, self._promising.overdue.within)


def _name(caller: Caller) -> str:
    return f"key {caller.name}"


def _feed(name: str, feed: FeedState, now_ms: int) -> FeedStateShape:
    age_ms, drift, accuracy = feed.age_ms(now_ms), feed.drift, feed.accuracy
    return FeedStateShape(
        name,
        feed.kind,
        moment_or_none(feed.verified_through_ms),
        None if age_ms is None else age_ms // 1000,
        feed.accepted,
        feed.ignored,
        feed.quarantined,
        None if feed.held_back is None else _held_back(feed.held_back, feed.held),
        moment_or_none(feed.failing_since_ms),
        feed.error,
        moment_or_none(feed.waits_since_ms),
        feed.breaker,
        None
        if drift is None
        else DriftShape(moment(drift.at_ms), drift.missing, drift.extra, drift.differing),
        None
        if accuracy is None
        else AccuracyShape(accuracy.share, accuracy.bounds()[0], accuracy.asked),
        feed.incomplete,
    )


def _held_back(reason: str, held: HeldBack | None) -> HeldBackShape:
    if held is None:
        return HeldBackShape(reason, None, None, None, None, None)
    return HeldBackShape(
        reason, moment(held.since_ms), held.rows, held.rejected, held.removals, held.kept
    )


def _route(route: str, of: RouteFigures) -> RouteShape:
    return RouteShape(route, dict(of.by_status), dict(of.took))


def _worker(place: int, of: WorkerFigures | None) -> WorkerShape:
    known = _NOTHING if of is None else of
    return WorkerShape(place, of is not None, known.shed, dict(known.gauges))


def _promised(tally: Tally, within: timedelta) -> PromisesShape:
    return PromisesShape(
        moment(tally.at_ms),
        dict(tally.states),
        tally.unacknowledged,
        tally.oldest_age,
        [WaitingShape(one.below, one.orders) for one in tally.waiting],
        within.total_seconds(),
    )
