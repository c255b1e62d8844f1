"""Progress: bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

import io

from rich.console import Console
from rich.progress import Progress
from structlog.testing import capture_logs

from loaders.progress import _bar, log_meters, shown


class Ticks:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_terminal_sees_a_bar() -> None:
    screen = io.StringIO()
    with shown(Console(file=screen, force_terminal=True, width=80)) as meters, meters("stock"):
        pass
    assert "stock" in screen.getvalue()


def test_the_bar_says_what_is_done_and_is_gone_afterwards() -> None:
    progress = Progress(console=Console(file=io.StringIO()), auto_refresh=False)
    with _bar(progress, "stock") as meter:
        (task,) = progress.tasks
        meter.read(5_000)
        assert (task.description, task.fields["doing"]) == ("stock", "5,000 rows read")
        meter.to_write(10)
        meter.written(5)
        assert (task.fields["doing"], task.completed, task.total) == ("writing", 5, 10)
    assert progress.tasks == []


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
