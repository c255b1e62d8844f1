"""Traces of this process, where they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.config.settings import Settings
from gateway.observability import tracing
from stockspan.failure import Failure


@contextmanager
def traced(settings: Settings) -> Iterator[None]:
    """Trace what is done within, and have the last spans sent.

    Raises:
        Failure: OpenTelemetry is not installed.
    """
    wanted = settings.tracing
    if wanted is None:
        yield
        return
    try:
        end = tracing.begin(wanted.endpoint, wanted.service_name, wanted.sample_ratio)
    except tracing.TracingMissingError as error:
        raise Failure(str(error)) from error
    try:
        yield
    finally:
        end()
