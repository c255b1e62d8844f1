"""`stockspan feed`: the feeds as an operator wants to see them."""

from __future__ import annotations

from rich.table import Table

from gateway.config.settings import Settings
from gateway.store.feeds import FeedRegister, FeedState
from gateway.store.keys import Keyspace
from gateway.wiring.connections import clock_ms, connect
from stockspan.ages import age_text


async def status(settings: Settings) -> Table:
    """A row for every feed of the store.

    Raises:
        StoreUnavailableError: the store did not answer.
    """
    client = connect(settings.store)
    try:
        states = await FeedRegister(client, Keyspace(settings.store.prefix)).all()
    finally:
        await client.close()
    now_ms = clock_ms()
    table = Table("feed", "kind", "verified", "accepted", "ignored", "quarantined", "state")
    for name, state in sorted(states.items()):
        counts = [str(count) for count in (state.accepted, state.ignored, state.quarantined)]
        table.add_row(name, state.kind, _age(state, now_ms), *counts, _condition(state))
    return table


def _age(state: FeedState, now_ms: int) -> str:
    if state.verified_through_ms is None:
        return "never"
    return age_text(now_ms - state.verified_through_ms)


def _condition(state: FeedState) -> str:
    if state.held_back:
        return f"held back: {state.held_back}"
    return f"failing: {state.error}" if state.failing_since_ms is not None else "good"
