from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway.observability.logs import configure_logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged, as text; the process's own logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs(stream)
    yield stream
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_object_a_line(written: io.StringIO) -> None:
    structlog.get_logger().info("feed held\nback", action="feed.quarantined", feed="stock", rows=3)
    (line,) = _lines(written)
    assert list(line)[:2] == ["action", "message"]
    assert line["action"] == "feed.quarantined"
    assert line["message"] == "feed held\nback"
    assert (line["feed"], line["rows"], line["level"]) == ("stock", 3, "info")
    assert line["timestamp"].endswith("Z")


def test_other_libraries_speak_through_the_same_mouth(written: io.StringIO) -> None:
    logging.getLogger("asyncio").warning("slow by %s", "much")
    (line,) = _lines(written)
    assert (line["message"], line["level"]) == ("slow by much", "warning")


def test_a_traceback_stays_in_the_log_on_its_line(written: io.StringIO) -> None:
    structlog.get_logger().error("failed", exc_info=ZeroDivisionError("why"))
    (line,) = _lines(written)
    assert "ZeroDivisionError: why" in line["exception"]


def test_secrets_are_struck_out(written: io.StringIO) -> None:
    structlog.get_logger().info(
        "x", dsn="postgresql://u:hunter2@h/d", Authorization="Bearer hunter2", api_key="hunter2"
    )
    assert "hunter2" not in written.getvalue()


def test_what_json_does_not_know_is_written_as_text(written: io.StringIO) -> None:
    structlog.get_logger().info("x", thing={1, 2}, raw=b"\xff")
    (line,) = _lines(written)
    assert line["thing"] == "{1, 2}"


def test_debug_is_not_written_unless_asked_for(written: io.StringIO) -> None:
    structlog.get_logger().debug("x")
    assert written.getvalue() == ""


def test_a_terminal_gets_words(written: io.StringIO) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    configure_logs(terminal)
    structlog.get_logger().info("feed held back", action="feed.quarantined")
    assert "feed held back" in terminal.getvalue()
    assert "feed.quarantined" in terminal.getvalue()
    assert written.getvalue() == ""
