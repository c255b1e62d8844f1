"""Where requests come in and answers go out: errors become problems, and everything is counted."""

from __future__ import annotations

import time
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.api import problems
from gateway.api.routes import Handler
from gateway.domain.errors import NotReadyError, StockspanError, StoreUnavailableError
from gateway.observability import tracing
from gateway.observability.metrics import GatewayMetrics

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_log = structlog.get_logger(__name__)


def boundary(metrics: GatewayMetrics) -> Middleware:
    """No error of any kind gets past it; only the cross-origin headers are added outside."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        route = _route(request)
        method = request.method if request.method in _METHODS else "other"
        with tracing.request(method, route, request.headers) as reached:
            response = await _answered(request, handler, metrics)
            reached(response.status)
        metrics.answered(route, method, response.status, time.perf_counter() - started)
        return response

    return guard


async def _answered(
    request: web.Request, handler: Handler, metrics: GatewayMetrics
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Exception as error:  # noqa: BLE001 - the one place where nothing may get past
        return failed(error, metrics, _route(request))


def failed(error: BaseException, metrics: GatewayMetrics, route: str) -> web.Response:
    """What a request is told that failed; it is counted, and written down if nobody foresaw it."""
    if isinstance(error, StockspanError | web.HTTPException | TimeoutError):
        if isinstance(error, StoreUnavailableError):
            metrics.store_errors.inc()
        elif isinstance(error, NotReadyError):
            metrics.unready.inc()
        return problems.answer(error)
    metrics.unexpected.inc()
    _log.error("request failed", action="request.failed", route=route, exc_info=error)
    return problems.unexpected()


def _route(request: web.Request) -> str:
    """The route's path as declared, never as asked: labels must come from a short list."""
    resource = request.match_info.route.resource
    return "unmatched" if resource is None else resource.canonical
