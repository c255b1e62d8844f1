"""How a sync changes what is known of its feed: one function for each way it can end.

Each gives a change, to be applied to the state as it is when the sync ends.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from gateway.domain.accuracy import Accuracy
from gateway.store.feeds import Drift, FeedState, HeldBack
from loaders.breaker import State as Breaker
from loaders.kept import Judged
from loaders.outcome import Outcome
from loaders.reading import Reading

Change = Callable[[FeedState], FeedState]

_replace = msgspec.structs.replace


def snapshot_done(reading: Reading, outcome: Outcome, started_ms: int) -> Change:
    """Verified through the moment the reading began; the counts start anew."""

    def change(state: FeedState) -> FeedState:
        return _replace(
            _well(state, reading),
            verified_through_ms=_later(state.verified_through_ms, reading, started_ms),
            held_back=None,
            held=None,
            incomplete=False,
            accepted=outcome.accepted,
            ignored=outcome.ignored,
            quarantined=outcome.quarantined,
        )

    return change


def confirmed(reading: Reading, started_ms: int) -> Change:
    """Verified through the moment at which the source was asked; nothing else has changed."""

    def change(state: FeedState) -> FeedState:
        return _replace(
            _well(state, reading),
            verified_through_ms=_later(state.verified_through_ms, reading, started_ms),
            held_back=None,
        )

    return change


def reconciled(reading: Reading, outcome: Outcome, drift: Drift) -> Change:
    """Compared, and put right where it differed; what is newer is for the next delta to bring."""

    def change(state: FeedState) -> FeedState:
        return _replace(
            _well(state, reading),
            held_back=None,
            held=None,
            drift=drift,
            accepted=state.accepted + outcome.accepted,
            quarantined=outcome.quarantined,
        )

    return change


def delta_done(reading: Reading, outcome: Outcome, started_ms: int, *, pushed: bool) -> Change:
    """Verified through the moment the reading began, if there was a whole before.

    What is pushed is all that is known of it: there a first delta verifies as well, if it has a
    good row (an error page or an empty body says nothing of the ERP), and unless the store lost
    what was pushed before.
    """
    told = outcome.accepted + outcome.ignored > 0

    def change(state: FeedState) -> FeedState:
        verified = state.verified_through_ms
        if (told and not state.incomplete) if pushed else verified is not None:
            verified = _later(verified, reading, started_ms)
        return _replace(
            _well(state, reading),
            verified_through_ms=verified,
            accepted=state.accepted + outcome.accepted,
            ignored=state.ignored + outcome.ignored,
            quarantined=state.quarantined + outcome.quarantined,
        )

    return change


def held_back(reading: Reading, judged: Judged, *, kept: bool) -> Change:
    """Read and proved, but not taken: a delta goes on where it was."""

    def change(state: FeedState) -> FeedState:
        return _replace(
            _well(state, reading),
            watermark=reading.done or state.watermark,
            held_back=judged.reason,
            held=HeldBack(
                since_ms=judged.arrival_ms if state.held is None else state.held.since_ms,
                arrival_ms=judged.arrival_ms,
                rows=judged.rows,
                rejected=judged.rejected,
                removals=judged.sweeps,
                kept=kept,
            ),
        )

    return change


def released(judged: Judged, outcome: Outcome) -> Change:
    """As if it had been taken when it was read; deltas go on where they are by now."""

    def change(state: FeedState) -> FeedState:
        reading = Reading(as_of_ms=judged.as_of_ms)
        taken = snapshot_done(reading, outcome, judged.arrival_ms)(state)
        return _replace(
            taken,
            watermark=state.watermark or judged.watermark,
            failing_since_ms=state.failing_since_ms,
            error=state.error,
        )

    return change


def discarded(state: FeedState) -> FeedState:
    """What was held back is no more."""
    return _replace(state, held_back=None, held=None)


def audited(accuracy: Accuracy) -> Change:
    """Some SKUs were looked at; nothing else is known by that."""

    def change(state: FeedState) -> FeedState:
        return _replace(state, accuracy=accuracy)

    return change


def failed(error: str, started_ms: int) -> Change:
    """Failing since the first failure in a row."""

    def change(state: FeedState) -> FeedState:
        since = state.failing_since_ms
        return _replace(
            state,
            failing_since_ms=started_ms if since is None else since,
            error=error,
        )

    return change


def breaker(now: Breaker) -> Change:
    """What the breaker of the feed's source lets through; that it is closed is not written."""

    def change(state: FeedState) -> FeedState:
        return _replace(state, breaker=None if now is Breaker.CLOSED else now.value)

    return change


def unchanged(state: FeedState) -> FeedState:
    """The source was reached and has nothing new."""
    return _replace(state, failing_since_ms=None, error=None)


def _well(state: FeedState, reading: Reading) -> FeedState:
    return _replace(
        unchanged(state),
        watermark=reading.watermark or reading.done or state.watermark,
        waits_since_ms=reading.waits_since_ms,
    )


def _later(verified_ms: int | None, reading: Reading, started_ms: int) -> int:
    as_of = started_ms if reading.as_of_ms is None else min(reading.as_of_ms, started_ms)
    return as_of if verified_ms is None else max(verified_ms, as_of)
