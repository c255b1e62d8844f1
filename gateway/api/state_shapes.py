"""The state of everything as it goes out as JSON, as types: encoded and described from here."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.moments import Moment
from gateway.api.shapes import Check
from gateway.domain.reservations import State
from gateway.services.feed_desk import Ending
from gateway.store.feed_requests import Act


class HeldBackShape(msgspec.Struct, frozen=True):
    """A snapshot that waits to be released or discarded."""

    reason: str
    since: Moment | None
    rows: int | None
    rejected: int | None
    removals: int | None
    kept: Annotated[bool | None, Meta(description="Whether it can be released as it was judged.")]


class DriftShape(msgspec.Struct, frozen=True):
    """What the last reconcile found wrong."""

    at: Moment
    missing: int
    extra: int
    differing: int


class AccuracyShape(msgspec.Struct, frozen=True):
    """What share of the SKUs that audits looked at was right."""

    share: float
    low: float
    asked: int


class FeedStateShape(msgspec.Struct, frozen=True):
    """A feed: how old it is, how its last sync went, and what is wrong with it."""

    feed: str
    kind: str
    verified_through: Moment | None
    age_seconds: int | None
    accepted: int
    ignored: int
    quarantined: int
    held_back: HeldBackShape | None
    failing_since: Moment | None
    error: str | None
    waits_since: Moment | None
    breaker: Annotated[
        str | None, Meta(description="`open` or `half_open`; null: closed, the source is asked.")
    ]
    drift: DriftShape | None
    accuracy: AccuracyShape | None
    incomplete: bool


class RouteShape(msgspec.Struct, frozen=True):
    """Requests of a route so far, of all workers."""

    route: str
    by_status: dict[str, int]
    took: Annotated[
        dict[str, int],
        Meta(description="How many took no longer than so many seconds; the last is `+Inf`."),
    ]


class WorkerShape(msgspec.Struct, frozen=True):
    """One worker; numbers that it does not tell are left out."""

    worker: int
    up: bool
    shed: int
    figures: dict[str, float]


class WaitingShape(msgspec.Struct, frozen=True):
    """Orders that have waited for less than so many seconds, null: for longer than all before."""

    below_seconds: int | None
    orders: int


class PromisesShape(msgspec.Struct, frozen=True):
    """What is promised; counted at `at`."""

    at: Moment
    states: dict[State, int]
    unacknowledged: int
    oldest_age_seconds: int | None
    waiting: list[WaitingShape]
    acknowledge_within_seconds: float


class LimitsShape(msgspec.Struct, frozen=True):
    """How old figures may grow, where no stock class says otherwise."""

    fresh_for_seconds: float
    stale_for_seconds: float


class StateShape(msgspec.Struct, frozen=True):
    """All of it, at one moment of the gateway's clock."""

    at: Moment
    ready: bool
    checks: list[Check]
    leader: Annotated[str | None, Meta(description="The loader that leads; null: nobody does.")]
    limits: LimitsShape
    feeds: list[FeedStateShape]
    routes: list[RouteShape]
    workers: list[WorkerShape]
    promises: Annotated[
        PromisesShape | None,
        Meta(description="null where nothing is promised, or nothing could be counted."),
    ]
    scopes: Annotated[list[str], Meta(description="What the key that asks may do.")]


class ResultShape(msgspec.Struct, frozen=True):
    """What became of a request to the loaders."""

    feed: str
    act: Act
    outcome: Ending
    text: str
