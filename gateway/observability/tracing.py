"""Traces: the only code that knows OpenTelemetry, which is imported where tracing is begun.

A process has one tracer or none, as it has one log. Without one a span is a context that does
nothing. Names and attributes of spans say what was done, never for whom or with what: no SKU,
customer, key or amount is handed in here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

TRACEPARENT: Final = "traceparent"
"""The header of W3C Trace Context by which a caller hands its trace on."""

_PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})


class TracingMissingError(Exception):
    """Tracing was asked for, and OpenTelemetry is not installed."""


Reached = Callable[[int], None]
"""Is told the status of a request when its answer is known."""


def _nobody(_: int) -> None:
    """Without a tracer nobody is told."""


_NOTHING: Final[AbstractContextManager[None]] = nullcontext()
_UNTRACED: Final[AbstractContextManager[Reached]] = nullcontext(_nobody)


class _Tracing:
    """The tracer of this process, and what of its library is needed again and again."""

    def __init__(self, endpoint: str, service: str, ratio: float) -> None:
        try:
            from opentelemetry import trace  # noqa: PLC0415 - the extra may be absent, or not wanted
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter,
            )
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above
            from opentelemetry.sdk.trace.sampling import (  # noqa: PLC0415 - as above
                ParentBased,
                TraceIdRatioBased,
            )
            from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - as above
                TraceContextTextMapPropagator,
            )
        except ImportError as error:
            raise TracingMissingError(
                "tracing: OpenTelemetry is not installed: pip install 'stockspan[tracing]'"
            ) from error
        self._api = trace
        self._extract = TraceContextTextMapPropagator().extract
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=Resource.create({"service.name": service}),
            shutdown_on_exit=False,
        )
        # It sends in a thread of its own; where the collector is away, spans are dropped.
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("stockspan")

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str]) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                # By its kind alone: what it says may name a SKU or a customer.
                self._failed(span, type(error).__name__)
                raise

    @contextmanager
    def request(self, method: str, route: str, headers: Mapping[str, str]) -> Iterator[Reached]:
        given = {TRACEPARENT: headers.get(TRACEPARENT, "")}
        with self._tracer.start_as_current_span(
            f"{method} {route}",
            context=self._extract(given),
            kind=self._api.SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": route},
        ) as span:

            def reached(status: int) -> None:
                span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    self._failed(span, str(status))

            yield reached

    def trace_id(self) -> str | None:
        context = self._api.get_current_span().get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else None

    def end(self) -> None:
        self._provider.shutdown()

    def _failed(self, span: Any, kind: str) -> None:
        span.set_attribute("error.type", kind)
        span.set_status(self._api.StatusCode.ERROR)


_tracing: _Tracing | None = None


def begin(endpoint: str, service: str, ratio: float) -> Callable[[], None]:
    """Trace from now on: spans go to the collector at `endpoint`, by OTLP over HTTP.

    Of traces that begin here so large a share (0 to 1) is kept. What is given back ends it, when
    the last spans have been sent.

    Raises:
        TracingMissingError: it is not installed.
    """
    global _tracing  # noqa: PLW0603 - a process has one, as it has one log
    begun = _tracing = _Tracing(endpoint, service, ratio)

    def end() -> None:
        global _tracing  # noqa: PLW0603 - as above
        _tracing = None
        begun.end()

    return end


def is_on() -> bool:
    """Whether this process traces."""
    return _tracing is not None


def span(name: str, **attributes: str) -> AbstractContextManager[None]:
    """A span for what is done within; an error that comes out of it marks it."""
    return _NOTHING if _tracing is None else _tracing.span(name, attributes)


def request(method: str, route: str, headers: Mapping[str, str]) -> AbstractContextManager[Reached]:
    """A span for a request, of its caller's trace where the headers name one; probes have none."""
    if _tracing is None or route in _PROBES:
        return _UNTRACED
    return _tracing.request(method, route, headers)


def trace_id() -> str | None:
    """The trace that what is done now belongs to."""
    return None if _tracing is None else _tracing.trace_id()
