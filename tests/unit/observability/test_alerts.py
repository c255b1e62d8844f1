"""Alerts by example: when something is told, when it is held, and when it is over."""

from __future__ import annotations

from itertools import count, product

import msgspec
import pytest

from gateway.observability.alert_rules import Rule, shipped
from gateway.observability.alerts import (
    STEPS,
    Alert,
    Matters,
    Phase,
    Sign,
    next_turn_ms,
    turn,
)
from gateway.observability.events import MEANINGS, Event, EventKind, Severity

MINUTE = 60_000
QUIET = 15 * MINUTE
_numbers = count(1)


class Watch:
    """Alerts as they come of what happens."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules
        self.matters: Matters = ()

    def at(self, now_ms: int, *kinds: EventKind, subject: str = "stock") -> list[Alert]:
        events = [Event(f"e{next(_numbers)}", kind, now_ms, subject) for kind in kinds]
        self.matters, alerts = turn(self.matters, self.rules, events, now_ms)
        # As it is kept between two turns, and between two loaders.
        text = msgspec.json.encode(self.matters)
        self.matters = msgspec.json.decode(text, type=Matters)
        return alerts


def told(alerts: list[Alert]) -> list[tuple[str, int, bool]]:
    return [(alert.event.kind, alert.times, alert.over) for alert in alerts]


ERRORS = Rule("errors", ("mail",), severity=Severity.ERROR)
FAILED, RECOVERED = EventKind.FEED_FAILED, EventKind.FEED_RECOVERED


def test_what_happens_is_told_once_and_that_it_is_over() -> None:
    watch = Watch(ERRORS)
    (alert,) = watch.at(0, FAILED)
    assert (alert.rule, alert.to, alert.since_ms, alert.times) == ("errors", ("mail",), 0, 1)
    assert watch.at(MINUTE) == []
    (over,) = watch.at(2 * MINUTE, RECOVERED)
    assert (over.event.kind, over.over, over.since_ms) == ("feed.recovered", True, 0)
    assert over.id != alert.id
    assert watch.at(QUIET) == []
    assert watch.matters == ()


def test_an_end_of_what_was_never_told_is_no_news() -> None:
    assert Watch(ERRORS).at(0, RECOVERED) == []


def test_subjects_are_matters_of_their_own() -> None:
    watch = Watch(ERRORS)
    assert len(watch.at(0, FAILED)) == len(watch.at(0, FAILED, subject="prices")) == 1
    (over,) = watch.at(1, RECOVERED, subject="prices")
    assert over.event.subject == "prices"


def test_what_comes_on_top_is_held_and_told_when_the_quiet_time_is_over() -> None:
    watch = Watch(ERRORS)
    watch.at(0, FAILED)
    assert watch.at(1, FAILED, FAILED) == []
    assert next_turn_ms(watch.matters, watch.rules) == QUIET
    assert watch.at(QUIET - 1) == []
    assert told(watch.at(QUIET)) == [("feed.failed", 2, False)]
    assert next_turn_ms(watch.matters, watch.rules) is None
    assert watch.at(9 * QUIET) == []


def test_what_comes_and_goes_is_told_as_it_stands_when_the_quiet_time_is_over() -> None:
    watch = Watch(ERRORS)
    assert told(watch.at(0, FAILED, RECOVERED)) == [
        ("feed.failed", 1, False),
        ("feed.recovered", 0, True),
    ]
    assert watch.at(1, FAILED, RECOVERED, FAILED) == []
    assert told(watch.at(QUIET)) == [("feed.failed", 2, False)]
    assert told(watch.at(QUIET + 1, RECOVERED)) == [("feed.recovered", 0, True)]
    assert watch.at(QUIET + 2, FAILED, RECOVERED) == []
    assert watch.at(2 * QUIET) == []
    assert watch.matters == ()


def test_what_has_no_end_is_told_and_then_gathered() -> None:
    watch = Watch(Rule("rows", ("mail",), kinds=frozenset({EventKind.FEED_ROWS_REJECTED})))
    assert len(watch.at(0, EventKind.FEED_ROWS_REJECTED)) == 1
    assert watch.at(1, *[EventKind.FEED_ROWS_REJECTED] * 3) == []
    assert told(watch.at(QUIET)) == [("feed.rows_rejected", 3, False)]
    assert watch.at(2 * QUIET) == []
    assert watch.matters == ()


def test_so_many_within_a_window() -> None:
    thrice = Rule("often", ("mail",), frozenset({FAILED}), count=3, within_ms=MINUTE)
    watch = Watch(thrice)
    assert watch.at(0, FAILED, RECOVERED) == []
    assert watch.at(MINUTE // 2, FAILED, RECOVERED) == []
    assert watch.at(MINUTE, FAILED, RECOVERED) == []  # the first is out of the window
    (alert,) = watch.at(MINUTE + 1, FAILED)
    assert (alert.times, alert.since_ms) == (4, MINUTE // 2)
    assert watch.at(9 * QUIET, RECOVERED)[0].over
    assert watch.at(10 * QUIET) == []
    assert watch.matters == ()


def test_what_was_counted_counts_until_its_window_is_over() -> None:
    rows = EventKind.FEED_ROWS_REJECTED
    watch = Watch(Rule("rows", ("mail",), frozenset({rows}), count=2, within_ms=4 * QUIET))
    assert told(watch.at(0, rows, rows)) == [(rows, 2, False)]
    assert watch.at(QUIET) == []
    assert told(watch.at(QUIET + 1, rows)) == [(rows, 1, False)]
    assert watch.at(5 * QUIET + 1) == []
    assert watch.matters == ()


def test_without_an_all_clear_only_the_beginning_is_told() -> None:
    watch = Watch(Rule("errors", ("mail",), severity=Severity.ERROR, all_clear=False))
    assert len(watch.at(0, FAILED)) == 1
    assert watch.at(1, RECOVERED) == []


def test_an_end_may_be_asked_for_by_its_kind() -> None:
    watch = Watch(Rule("good-news", ("mail",), frozenset({RECOVERED})))
    assert told(watch.at(0, FAILED, RECOVERED)) == [("feed.recovered", 1, False)]


def test_each_rule_tells_for_itself() -> None:
    rules = (ERRORS, Rule("feeds", ("hook",), frozenset({FAILED})))
    alerts = Watch(*rules).at(0, FAILED)
    assert [(alert.rule, alert.to) for alert in alerts] == [
        ("errors", ("mail",)),
        ("feeds", ("hook",)),
    ]
    assert len({alert.id for alert in alerts}) == 2


def test_a_rule_that_is_gone_takes_its_matters_along() -> None:
    watch = Watch(ERRORS)
    watch.at(0, FAILED)
    watch.rules = ()
    assert watch.at(1, RECOVERED) == []
    assert watch.matters == ()


def test_every_sign_has_its_step_in_every_phase() -> None:
    # What is gone has no quiet time.
    assert set(STEPS) == set(product(Phase, Sign)) - {(Phase.GONE, Sign.RESTED)}


@pytest.mark.parametrize("kind", list(EventKind))
def test_as_shipped_what_calls_for_somebody_is_told_by_one_rule(kind: EventKind) -> None:
    matching = [
        rule.name for rule in shipped(("mail",)) if rule.matches(Event("1", kind, 0, "any"))
    ]
    severity = MEANINGS[kind].severity
    assert matching == ([] if severity is Severity.INFO else [f"{severity}s"])
