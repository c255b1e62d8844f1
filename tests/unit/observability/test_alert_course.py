"""Alerts over any course of events: none is lost, nobody drowns, and every end had a beginning."""

from __future__ import annotations

from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.observability.alert_rules import Rule
from gateway.observability.alerts import Alert, Matters, next_turn_ms, turn
from gateway.observability.events import Event, EventKind
from tests.examples import examples

QUIET, WINDOW = 900, 200
SUBJECTS = ("stock", "prices")


class Course(RuleBasedStateMachine):
    """A feed that fails and recovers, rows that are rejected; three rules listen."""

    def __init__(self) -> None:
        super().__init__()
        self.rules_ = (
            Rule("each", ("a",), frozenset({EventKind.FEED_FAILED}), None, 1, WINDOW, QUIET),
            Rule("often", ("b",), frozenset({EventKind.FEED_FAILED}), None, 3, WINDOW, QUIET),
            Rule("rows", ("c",), frozenset({EventKind.FEED_ROWS_REJECTED}), None, 1, WINDOW, QUIET),
        )
        self.matters: Matters = ()
        self.now = 0
        self.numbers = count(1)
        self.failing: dict[str, bool] = dict.fromkeys(SUBJECTS, False)
        self.told: dict[tuple[str, str], tuple[int, bool]] = {}
        self.untold: dict[str, int] = dict.fromkeys(SUBJECTS, 0)

    def happen(self, kind: EventKind | None, subject: str) -> None:
        events = [] if kind is None else [Event(f"e{next(self.numbers)}", kind, self.now, subject)]
        if kind is EventKind.FEED_ROWS_REJECTED:
            self.untold[subject] += 1
        self.matters, alerts = turn(self.matters, self.rules_, events, self.now)
        for alert in alerts:
            self.check(alert)

    def check(self, alert: Alert) -> None:
        key = (alert.rule, alert.event.subject)
        last_ms, was_over = self.told.get(key, (-QUIET, True))
        if alert.over:
            assert not was_over, "an end whose beginning nobody was told of"
            self.told[key] = (last_ms, True)
            return
        assert self.now - last_ms >= QUIET, "told twice within the quiet time"
        lasts = alert.rule != "rows"
        self.told[key] = (self.now, not lasts)
        if alert.rule == "rows":
            assert alert.times == self.untold[alert.event.subject], "miscounted"
            self.untold[alert.event.subject] = 0

    @rule(subject=st.sampled_from(SUBJECTS))
    def fails(self, subject: str) -> None:
        self.failing[subject] = True
        self.happen(EventKind.FEED_FAILED, subject)

    @rule(subject=st.sampled_from(SUBJECTS))
    def recovers(self, subject: str) -> None:
        self.failing[subject] = False
        self.happen(EventKind.FEED_RECOVERED, subject)

    @rule(subject=st.sampled_from(SUBJECTS))
    def rejects(self, subject: str) -> None:
        self.happen(EventKind.FEED_ROWS_REJECTED, subject)

    @rule(spell=st.sampled_from([1, WINDOW, QUIET - 1, QUIET]))
    def waits(self, spell: int) -> None:
        self.now += spell
        self.happen(None, SUBJECTS[0])

    @invariant()
    def nothing_is_due_that_was_not_told(self) -> None:
        due = next_turn_ms(self.matters, self.rules_)
        assert due is None or due > self.now

    def teardown(self) -> None:
        """At rest everybody knows how things stand, and what is over is forgotten."""
        for _ in range(2):
            self.now += QUIET + WINDOW
            self.happen(None, SUBJECTS[0])
        for subject, failing in self.failing.items():
            assert self.told.get(("each", subject), (0, True))[1] != failing
            assert self.untold[subject] == 0
            if not failing:
                assert self.told.get(("often", subject), (0, True))[1]
        left = {(matter.rule, matter.subject) for matter in self.matters}
        assert all(self.failing[subject] for _, subject in left)


TestCourse = Course.TestCase
TestCourse.settings = settings(max_examples=examples(60), stateful_step_count=30)
