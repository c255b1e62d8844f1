"""A moment as a channel has it: on its own clock, and until when it makes the same of it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from gateway.services.selling import Channel


class Moment(msgspec.Struct, frozen=True):
    """When it is asked: `local_now` on the channel's clock, which at `turns_ms` next makes another
    answer of the same figures.
    """

    now_ms: int
    local_now: datetime
    turns_ms: int


def moment_of(channel: Channel, now_ms: int, now: datetime) -> Moment:
    """That moment on the channel's clock."""
    local_now = now.astimezone(channel.timezone)
    turn = channel.terms.next_turn(local_now)
    # Where clocks are set on the way, an hour comes twice, or never: nothing lasts.
    lasts = turn.utcoffset() == local_now.utcoffset()
    return Moment(now_ms, local_now, int(turn.timestamp() * 1000) if lasts else now_ms)
