"""When somebody is told of an event: rules by kind and severity, and those as shipped."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.observability.events import LASTING, MEANINGS, Event, Severity

_MINUTE_MS: Final = 60_000


class Rule(msgspec.Struct, frozen=True):
    """Tells `to` (names of channels) once `count` events came within `within_ms`.

    Of the same kind and subject nothing more is told for `quiet_ms`. Events match by their kind,
    or by being at least so grave; what merely ends something else matches by its kind alone.
    """

    name: str
    to: tuple[str, ...]
    kinds: frozenset[str] = frozenset()
    severity: Severity | None = None
    count: int = 1
    within_ms: int = 10 * _MINUTE_MS
    quiet_ms: int = 15 * _MINUTE_MS
    all_clear: bool = True

    def matches(self, event: Event) -> bool:
        """Whether this event counts here."""
        if event.kind in self.kinds:
            return True
        meaning = event.meaning
        return (
            self.severity is not None
            and meaning.ends is None
            and meaning.severity.at_least(self.severity)
        )

    def goes_on(self, kind: str) -> bool:
        """Whether what was told of lasts until its end is told of."""
        return self.all_clear and kind in LASTING


def shipped(to: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules where there are channels and no rule is configured."""
    concerns = frozenset(
        kind.value
        for kind, meaning in MEANINGS.items()
        if meaning.severity is Severity.WARNING and meaning.ends is None
    )
    return (
        Rule("errors", to, severity=Severity.ERROR),
        Rule("warnings", to, kinds=concerns, quiet_ms=240 * _MINUTE_MS),
    )
