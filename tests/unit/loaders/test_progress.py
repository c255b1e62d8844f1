"""Progress: bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

import io

from rich.console import Console
from structlog.testing import capture_logs

from loaders.progress import log_meters, shown


class Ticks:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_terminal_sees_a_bar_that_is_gone_afterwards() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    with shown(console) as meters:
        with meters("stock") as meter:
            meter.read(5_000)
            console.print("reading looked at")  # draws what is there by now
            meter.to_write(10)
            meter.written(5)
            console.print("writing looked at")
        seen = screen.getvalue()
    assert "stock" in seen
    assert "5,000 rows read" in seen
    assert "writing" in seen.partition("writing looked at")[2]


def test_no_terminal_gets_no_bar() -> None:
    screen = io.StringIO()
    with shown(Console(file=screen, force_terminal=False)) as meters, meters("stock") as meter:
        meter.read(5_000)
    assert screen.getvalue() == ""


def test_elsewhere_a_line_now_and_then() -> None:
    clock = Ticks()
    with capture_logs() as logs, log_meters(clock)("stock") as meter:
        for rows in range(1, 21):
            clock.now += 1
            meter.read(rows * 100)
    actions = [log["action"] for log in logs]
    assert actions == ["feed.reading"] * 4
    assert logs[-1]["rows"] == 2_000
