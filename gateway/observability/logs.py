"""Logs: one JSON object a line for machines, colours for a terminal.

Ours name an `action` (`log.info("feed held back", action="feed.quarantined", feed="stock")`).

What is secret is never put into an event. As a second fence, values under telling names are
struck out before anything is written.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import orjson
import structlog

from gateway.observability import tracing
from gateway.observability.secrecy import struck

Event = MutableMapping[str, Any]


def configure_logs(stream: TextIO | None = None, *, level: int = logging.INFO) -> None:
    """Send every log of this process, of other libraries too, to `stream` (stderr)."""
    stream = stream or sys.stderr
    pretty = stream.isatty()
    shared: list[Callable[[Any, str, Event], Any]] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_the_trace,
        _strike_secrets,
    ]
    if pretty:
        last: list[Callable[[Any, str, Event], Any]] = [
            # The local variables of a traceback may be keys, addresses, customers.
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        ]
    else:
        last = [structlog.processors.format_exc_info, _action_first, _as_json]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def _name_the_trace(_logger: object, _method: str, event: Event) -> Event:
    trace_id = tracing.trace_id()
    return event if trace_id is None else {**event, "trace_id": trace_id}


def _strike_secrets(_logger: object, _method: str, event: Event) -> Event:
    return struck(event)


def _action_first(_logger: object, _method: str, event: Event) -> Event:
    head = {"action": event.pop("action")} if "action" in event else {}
    return {**head, "message": event.pop("event", ""), **event}


def _as_json(_logger: object, _method: str, event: Event) -> str:
    return orjson.dumps(event, default=repr).decode()
