"""The application: routes and middlewares around the parts that it is handed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from aiohttp import web

from gateway.api import ops, pages
from gateway.api.auth import Authentication
from gateway.api.bodies import LARGEST
from gateway.api.boundary import boundary
from gateway.api.cors import CrossOrigin
from gateway.api.routes import Route
from gateway.api.stock import StockHandlers
from gateway.domain.access import KeyRing
from gateway.observability.metrics import GatewayMetrics, Readings
from gateway.services.directory import Directory
from gateway.services.lookups import SellingRules, StockLookups

ROUTES: Final = web.AppKey("routes", tuple[Route, ...])
METRICS: Final = web.AppKey("metrics", GatewayMetrics)

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


def create_app(
    *,
    lookups: StockLookups,
    directory: Directory,
    rules: SellingRules,
    key_ring: KeyRing,
    corrupt_values: Callable[[], int],
    clock_ms: Callable[[], int],
    cors_origins: Sequence[str] = ("*",),
) -> web.Application:
    """An application of these parts; whoever runs it keeps `directory` renewed.

    `corrupt_values` counts values of the store that were not ours; `clock_ms` is the time in
    milliseconds since the epoch.
    """
    readings = ops.Readings(directory, clock_ms)
    metrics = GatewayMetrics(Readings(readings.ready, readings.feeds, corrupt_values))
    cross_origin = CrossOrigin(cors_origins)
    authentication = Authentication(key_ring, clock_ms)
    stock = StockHandlers(lookups, rules, directory, authentication, clock_ms).routes()
    routes = (
        *stock,
        *(Route("OPTIONS", route.path, cross_origin.preflight) for route in stock),
        *ops.OpsHandlers(readings, metrics).routes(),
        *pages.static_routes(),
    )
    routes = (*routes, pages.description_route(routes))
    app = web.Application(
        middlewares=[cross_origin.middleware(), boundary(metrics)], client_max_size=LARGEST
    )
    app[ROUTES] = routes
    app[METRICS] = metrics
    _register(app.router, routes)
    return app


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
