"""`stockspan feed`: the feeds as an operator wants to see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from gateway.config.settings import Settings
from gateway.domain.accuracy import Accuracy
from gateway.store.client import StoreClient
from gateway.store.feed_requests import Act, FeedRequests
from gateway.store.feeds import Drift, FeedRegister, FeedState, HeldBack
from gateway.store.keys import Keyspace
from gateway.store.leadership import leader
from gateway.wiring.connections import clock_ms, connect
from stockspan.ages import age_text, duration_text
from stockspan.failure import Failure

_WHOLE: Final = ("feed", "verified")
"""Columns that are not to be broken: a terminal of eighty columns has room for them."""

_COLUMNS: Final = ("last sync", "drift", "accuracy", "state")
_ASKER: Final = "stockspan feed"
"""Who wants it, as the journal names the command."""

_NOBODY: Final = "no loader leads"


async def status(settings: Settings) -> tuple[Table, str]:
    """A row for every feed of the store, and who leads the loaders.

    Raises:
        StoreUnavailableError: the store did not answer.
    """
    async with _store(settings) as (client, keys):
        states = await FeedRegister(client, keys).all()
        leads = await leader(client, keys)
    now_ms = clock_ms()
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in _WHOLE:
        table.add_column(column, no_wrap=True)
    for column in _COLUMNS:
        table.add_column(column)
    for name, state in sorted(states.items()):
        table.add_row(
            name if name == state.kind else f"{name} ({state.kind})",
            _age(state, now_ms),
            _counts(state),
            _drift(state.drift, now_ms),
            _accuracy(state.accuracy),
            _condition(state, now_ms),
        )
    return table, f"leader: {leads}" if leads else _NOBODY


async def ask(settings: Settings, act: Act, feed: str, wait: float) -> str:
    """Have the leader do this with a feed; what it says then.

    Raises:
        Failure: it cannot be done, nobody leads, or nobody answered in time.
        StoreUnavailableError: the store did not answer.
    """
    async with _store(settings) as (client, keys):
        known = await FeedRegister(client, keys).all()
        if feed not in known:
            names = ", ".join(sorted(known)) or "none yet"
            raise Failure(f"there is no feed {feed}; known: {names}")
        if await leader(client, keys) is None:
            raise Failure(f"{_NOBODY}: start `stockspan load`")
        answer = await FeedRequests(client, keys).ask(act, feed, wait, _ASKER)
    if answer is None:
        raise Failure(
            f"no answer within {wait:g} s; `stockspan feed status` shows what became of it"
        )
    if not answer.done:
        raise Failure(answer.text)
    return answer.text


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[tuple[StoreClient, Keyspace]]:
    client = connect(settings.store)
    try:
        yield client, Keyspace(settings.store.prefix)
    finally:
        await client.close()


def _age(state: FeedState, now_ms: int) -> str:
    if state.verified_through_ms is None:
        return "never"
    return age_text(now_ms - state.verified_through_ms)


def _counts(state: FeedState) -> str:
    """How many rows the last sync took over, and what became of the others."""
    others = {"ignored": state.ignored, "quarantined": state.quarantined}
    counts = {"accepted": state.accepted} | {how: count for how, count in others.items() if count}
    return ", ".join(f"{count} {how}" for how, count in counts.items())


def _drift(drift: Drift | None, now_ms: int) -> str:
    """What the last reconcile found: records, and how the store was wrong about them."""
    if drift is None:
        return "-"
    said = ", ".join(f"{count} {how}" for how, count in drift.counts().items() if count)
    return f"{said or 'none'}, {age_text(now_ms - drift.at_ms)}"


def _accuracy(accuracy: Accuracy | None) -> str:
    """What share of SKUs was right, of how many; and between which shares that of all lies."""
    if accuracy is None:
        return "-"
    low, high = accuracy.bounds()
    return f"{accuracy.share:.1%} of {accuracy.asked} ({low:.1%} to {high:.1%})"


def _condition(state: FeedState, now_ms: int) -> str:
    said = []
    if state.held_back:
        said.append(_held_back(state.held_back, state.held, now_ms))
    if state.failing_since_ms is not None:
        said.append(f"failing for {duration_text(now_ms - state.failing_since_ms)}: {state.error}")
    if state.waits_since_ms is not None:
        since = age_text(now_ms - state.waits_since_ms)
        said.append(f"changes wait for a transaction of the source, the first came {since}")
    if state.breaker is not None:
        said.append(f"breaker {state.breaker.replace('_', '-')}")
    return "; ".join(said) or "good"


def _held_back(reason: str, held: HeldBack | None, now_ms: int) -> str:
    if held is None:
        return f"held back: {reason}"
    counts = f"{held.rows} rows, {held.rejected} rejected, {held.removals} places to remove from"
    kept = "kept" if held.kept else "not kept"
    return f"held back for {duration_text(now_ms - held.since_ms)}: {reason} ({counts}; {kept})"
