"""What adds up is done in portions, however many want it done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.turns import Turns


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(1, 16))
@example([900, 1, 200], 64)
def test_no_turn_has_more_than_its_share(sizes: Sequence[int], most: int) -> None:
    done: list[list[int]] = [[] for _ in sizes]
    each_turn: list[int] = []

    async def work(turns: Turns, number: int) -> None:
        async for portion in turns.portions(range(sizes[number])):
            assert portion
            done[number] += portion

    async def all_of_it() -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        before = 0

        def tick() -> None:
            nonlocal before
            total = sum(map(len, done))
            each_turn.append(total - before)
            before = total
            if not ended.is_set():
                loop.call_soon(tick)

        turns = Turns(most)
        loop.call_soon(tick)
        await asyncio.gather(*(work(turns, number) for number in range(len(sizes))))
        ended.set()
        await asyncio.sleep(0)

    asyncio.run(all_of_it())
    assert done == [list(range(size)) for size in sizes]
    assert max(each_turn) <= most
    # And no turn is left out as long as there is something to do.
    assert sum(count > 0 for count in each_turn) <= sum(sizes) // most + 2
