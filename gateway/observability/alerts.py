"""Alerts: from events, by rules, to what somebody is told, and when it is over.

Each matter (a rule, a kind, a subject) is in one of five phases, and `STEPS` is the table of what
may happen to it. Nothing here knows a clock: the time comes in. Within a rule's quiet time a matter
is told of once, and its end once; what comes on top is held, and told when the quiet time is over
if it still stands, so that none is lost and nobody drowns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from gateway.observability.alert_rules import Rule
from gateway.observability.events import Event

replace = msgspec.structs.replace


class Phase(StrEnum):
    """Where a matter is."""

    COUNTING = "counting"
    """Seen, but too seldom to be told."""
    TOLD = "told"
    """Told, and it goes on."""
    MORE = "more"
    """Told, it goes on, and there is more to tell."""
    OVER = "over"
    """Told, and so was its end."""
    AGAIN = "again"
    """Begun again, which is not told yet."""
    GONE = "gone"
    """Nothing is known of it any more."""


class Sign(StrEnum):
    """What may happen to a matter."""

    SEEN = "seen"
    ENOUGH = "enough"
    """Seen, often enough to be told."""
    ENDED = "ended"
    RESTED = "rested"
    """Its quiet time is over; of one that is counted, the window in which it was seen."""


class Act(StrEnum):
    """What follows from it."""

    NOTHING = "nothing"
    TELL = "tell"
    CLEAR = "clear"


_P, _S, _A = Phase, Sign, Act
STEPS: Final[Mapping[tuple[Phase, Sign], tuple[Phase, Act]]] = {
    (_P.GONE, _S.SEEN): (_P.COUNTING, _A.NOTHING),
    (_P.GONE, _S.ENOUGH): (_P.TOLD, _A.TELL),
    (_P.GONE, _S.ENDED): (_P.GONE, _A.NOTHING),
    (_P.COUNTING, _S.SEEN): (_P.COUNTING, _A.NOTHING),
    (_P.COUNTING, _S.ENOUGH): (_P.TOLD, _A.TELL),
    (_P.COUNTING, _S.ENDED): (_P.COUNTING, _A.NOTHING),
    (_P.COUNTING, _S.RESTED): (_P.GONE, _A.NOTHING),
    (_P.TOLD, _S.SEEN): (_P.MORE, _A.NOTHING),
    (_P.TOLD, _S.ENOUGH): (_P.MORE, _A.NOTHING),
    (_P.TOLD, _S.ENDED): (_P.OVER, _A.CLEAR),
    (_P.TOLD, _S.RESTED): (_P.TOLD, _A.NOTHING),
    (_P.MORE, _S.SEEN): (_P.MORE, _A.NOTHING),
    (_P.MORE, _S.ENOUGH): (_P.MORE, _A.NOTHING),
    (_P.MORE, _S.ENDED): (_P.OVER, _A.CLEAR),
    (_P.MORE, _S.RESTED): (_P.TOLD, _A.TELL),
    (_P.OVER, _S.SEEN): (_P.OVER, _A.NOTHING),
    (_P.OVER, _S.ENOUGH): (_P.AGAIN, _A.NOTHING),
    (_P.OVER, _S.ENDED): (_P.OVER, _A.NOTHING),
    (_P.OVER, _S.RESTED): (_P.GONE, _A.NOTHING),
    (_P.AGAIN, _S.SEEN): (_P.AGAIN, _A.NOTHING),
    (_P.AGAIN, _S.ENOUGH): (_P.AGAIN, _A.NOTHING),
    (_P.AGAIN, _S.ENDED): (_P.OVER, _A.NOTHING),
    (_P.AGAIN, _S.RESTED): (_P.TOLD, _A.TELL),
}


class Matter(msgspec.Struct, frozen=True, omit_defaults=True):
    """One kind of event about one subject, as one rule sees it.

    `seen_ms`: when it was seen, within the rule's window; no more of them than the rule counts.
    `since_ms`: since when, this time; `times`: how often since it was last told.
    """

    rule: str
    kind: str
    subject: str
    phase: Phase = Phase.GONE
    seen_ms: tuple[int, ...] = ()
    since_ms: int = 0
    told_ms: int = 0
    times: int = 0
    last: Event | None = None


class Alert(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody is to be told: that something happens, or (`over`) that it is over.

    `event` is the last one about it; `times` events were seen since it was last told. The `id` is
    the same however often it is sent.
    """

    id: str
    rule: str
    to: tuple[str, ...]
    event: Event
    since_ms: int
    times: int = 1
    over: bool = False


Matters = tuple[Matter, ...]


def turn(
    matters: Matters, rules: Sequence[Rule], events: Iterable[Event], now_ms: int
) -> tuple[Matters, list[Alert]]:
    """How matters stand after these events, and whose quiet time is over now; what is to be told.

    A matter whose rule is no longer there is dropped.
    """
    course = _Course(matters, rules, now_ms)
    for event in events:
        course.take(event)
    course.rest()
    return tuple(course.held.values()), course.alerts


def next_turn_ms(matters: Matters, rules: Sequence[Rule]) -> int | None:
    """When a matter has something to tell though nothing happens; None while none has."""
    named = {rule.name: rule for rule in rules}
    waiting = (Phase.MORE, Phase.AGAIN)
    return min(
        (
            _rests_until(one, named[one.rule])
            for one in matters
            if one.phase in waiting and one.rule in named
        ),
        default=None,
    )


class _Course:
    """One turn: the matters by what they are about, and what is to be told so far."""

    def __init__(self, matters: Matters, rules: Sequence[Rule], now_ms: int) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._now_ms = now_ms
        self.held = {_key(one): one for one in matters if one.rule in self._rules}
        self.alerts: list[Alert] = []

    def take(self, event: Event) -> None:
        ended = event.meaning.ends
        for rule in self._rules.values():
            held = None if ended is None else self.held.get((rule.name, ended, event.subject))
            if held is not None and rule.goes_on(held.kind):
                self._step(replace(held, last=event), rule, Sign.ENDED)
            if rule.matches(event):
                key = (rule.name, event.kind, event.subject)
                matter = _seen(self.held.get(key) or Matter(*key), rule, event)
                is_enough = len(matter.seen_ms) >= rule.count
                self._step(matter, rule, Sign.ENOUGH if is_enough else Sign.SEEN)

    def rest(self) -> None:
        for matter in list(self.held.values()):
            rule = self._rules[matter.rule]
            if self._now_ms >= _rests_until(matter, rule):
                self._step(matter, rule, Sign.RESTED)

    def _step(self, matter: Matter, rule: Rule, sign: Sign) -> None:
        phase, act = STEPS[matter.phase, sign]
        if act is not Act.NOTHING:
            self.alerts.append(_alert(matter, rule, over=act is Act.CLEAR))
            matter = replace(matter, times=0)
        if act is Act.TELL:
            matter = replace(matter, told_ms=self._now_ms)
            # What does not last is over as soon as it is told.
            phase = phase if rule.goes_on(matter.kind) else Phase.OVER
        self.held.pop(_key(matter), None)
        if phase is not Phase.GONE:
            self.held[_key(matter)] = replace(matter, phase=phase)


def _key(matter: Matter) -> tuple[str, str, str]:
    return matter.rule, matter.kind, matter.subject


def _seen(matter: Matter, rule: Rule, event: Event) -> Matter:
    window = event.at_ms - rule.within_ms
    seen = (*(at for at in matter.seen_ms if at > window), event.at_ms)[-rule.count :]
    begins = matter.phase in (Phase.GONE, Phase.COUNTING, Phase.OVER)
    return replace(
        matter,
        seen_ms=seen,
        since_ms=seen[0] if begins else matter.since_ms,
        times=matter.times + 1,
        last=event,
    )


def _alert(matter: Matter, rule: Rule, *, over: bool) -> Alert:
    assert matter.last is not None  # noqa: S101 - set by whatever happened to it
    name = f"{rule.name}/{matter.last.id}"
    return Alert(name, rule.name, rule.to, matter.last, matter.since_ms, matter.times, over)


def _rests_until(matter: Matter, rule: Rule) -> int:
    """The end of its quiet time; of what may still be counted, not before that of its window."""
    counted = matter.seen_ms[-1] + rule.within_ms
    if matter.phase is Phase.COUNTING:
        return counted
    quiet = matter.told_ms + rule.quiet_ms
    return max(quiet, counted) if matter.phase is Phase.OVER and rule.count > 1 else quiet
