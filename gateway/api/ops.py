"""What operators and their machines look at: alive, ready, metrics. None of it needs a key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import hdrs, web
from msgspec import UNSET

from gateway.api import problems
from gateway.api.fields import parse_query
from gateway.api.moments import moment_or_none
from gateway.api.problem_kinds import KINDS
from gateway.api.routes import JSON, Answer, Operation, Parameter, Route
from gateway.api.shapes import Alive, Check, Readiness, UnreadyProblem, encode
from gateway.api.siblings import Siblings
from gateway.domain.errors import NotReadyError
from gateway.observability.metrics import MEDIA, GatewayMetrics
from gateway.observability.readings import FeedReading
from gateway.services.directory import Directory
from gateway.store.feeds import FeedState

_UNCACHED: Final = {hdrs.CACHE_CONTROL: "no-store", hdrs.CONTENT_TYPE: JSON}
_NO: Final = frozenset({"0", "false"})

LIVEZ: Final = Operation(
    "alive",
    "Liveness",
    "operating",
    {200: Answer("The worker's loop turns.", Alive)},
)
READYZ: Final = Operation(
    "ready",
    "Readiness",
    "operating",
    {200: Answer("Stock can be answered, and prices where any are loaded.", Readiness)},
    description="An ERP that is down leaves the gateway ready; a store that was never loaded, or "
    "does not answer, does not.",
    parameters=(
        Parameter(
            "verbose",
            "query",
            "Lists every check: the store, holds, the ledger, each feed with the time until which "
            "it is verified, and each worker of the address where it has several.",
            {"type": "string"},
        ),
    ),
    problems=("invalid-request", "not-ready"),
)
METRICS: Final = Operation(
    "metrics",
    "Metrics",
    "operating",
    {200: Answer("Counters, as Prometheus reads them.", str, media="text/plain")},
    description="Where several workers share the address, whichever answers tells of all: each "
    "sample has the label `worker`, and `stockspan_worker_up` is 0 for one that did not answer.",
)


class Readings:
    """What can be read off the worker's copy of the directory."""

    def __init__(
        self,
        directory: Directory,
        priced: Callable[[], bool],
        promise_checks: Callable[[], Mapping[str, bool]],
        clock_ms: Callable[[], int],
    ) -> None:
        self._directory = directory
        self._priced = priced
        self._promise_checks = promise_checks
        self._clock_ms = clock_ms

    def ready(self) -> bool:
        """Whether everything that is loaded here can be answered now."""
        try:
            self._directory.current.require_all_ready()
        except NotReadyError:
            return False
        # Without the ledger figures go on; without what was promised they would be wrong.
        restored = self._promise_checks().get("holds", True)
        return self._directory.reachable and self._priced() and restored

    def feeds(self) -> Mapping[str, FeedReading]:
        """Every feed by name, as metrics show it."""
        now_ms = self._clock_ms()
        return {
            name: FeedReading(
                state.kind,
                _age(state, now_ms),
                failing=state.failing_since_ms is not None,
                shut=state.breaker is not None,
                held_back=state.held_back is not None,
                drift={} if state.drift is None else state.drift.counts(),
                accuracy=None if state.accuracy is None else state.accuracy.share,
                accuracy_low=None if state.accuracy is None else state.accuracy.bounds()[0],
                audited=None if state.accuracy is None else state.accuracy.asked,
            )
            for name, state in self._directory.current.feeds.items()
        }

    def checks(self) -> list[Check]:
        """Everything that was checked, the store first."""
        now_ms = self._clock_ms()
        feeds = sorted(self._directory.current.feeds.items())
        return [
            Check("store", self._directory.reachable),
            *(Check(name, ok) for name, ok in self._promise_checks().items()),
            *(_feed_check(name, state, now_ms) for name, state in feeds),
        ]


class OpsHandlers:
    """Alive, ready, and counted; `siblings` are the workers of the address, if it has several."""

    def __init__(
        self, readings: Readings, metrics: GatewayMetrics, siblings: Siblings | None = None
    ) -> None:
        self._readings = readings
        self._metrics = metrics
        self._siblings = siblings

    def routes(self) -> tuple[Route, ...]:
        """What is served here."""
        return (
            Route("GET", "/livez", self.alive, LIVEZ),
            Route("GET", "/readyz", self.ready, READYZ),
            Route("GET", "/metrics", self.metrics, METRICS),
        )

    async def alive(self, _request: web.Request) -> web.Response:
        """That this is answered says it all."""
        return web.Response(body=encode(Alive()), headers=_UNCACHED)

    async def ready(self, request: web.Request) -> web.Response:
        """200 or 503, with the checks when they are asked for."""
        verbose = parse_query(request).get("verbose", ("0",))[-1].lower() not in _NO
        checks = await self._checks() if verbose else UNSET
        if self._readings.ready():
            return web.Response(
                body=encode(Readiness(ready=True, checks=checks)), headers=_UNCACHED
            )
        kind = KINDS["not-ready"]
        body = UnreadyProblem(kind.type, kind.title, kind.status, checks=checks)
        return problems.problem_response(kind, body)

    async def metrics(self, _request: web.Request) -> web.Response:
        """Every counter of every worker."""
        siblings = self._siblings
        return web.Response(
            body=self._metrics.text() if siblings is None else await siblings.metrics(),
            headers={hdrs.CONTENT_TYPE: MEDIA, hdrs.CACHE_CONTROL: "no-store"},
        )

    async def _checks(self) -> list[Check]:
        up = {} if self._siblings is None else await self._siblings.up()
        workers = (Check(f"worker:{place}", ok) for place, ok in up.items())
        return [*self._readings.checks(), *workers]


def _feed_check(name: str, state: FeedState, now_ms: int) -> Check:
    verified_ms, age_ms = state.verified_through_ms, state.age_ms(now_ms)
    return Check(
        f"feed:{name}",
        ok=verified_ms is not None,
        kind=state.kind,
        verified_through=moment_or_none(verified_ms),
        age_seconds=None if age_ms is None else age_ms // 1000,
        failing=state.failing_since_ms is not None,
    )


def _age(state: FeedState, now_ms: int) -> float | None:
    """In seconds."""
    age_ms = state.age_ms(now_ms)
    return None if age_ms is None else age_ms / 1000
