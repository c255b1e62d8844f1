import asyncio

import pytest

from gateway.services.single_flight import SingleFlight


class Work:
    """Counts its doings; each ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.ends: list[asyncio.Event] = []

    async def __call__(self) -> None:
        self.begun += 1
        end = asyncio.Event()
        self.ends.append(end)
        await end.wait()


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_who_join_share_one_doing() -> None:
    work = Work()
    flight = SingleFlight(work)
    waiting = [asyncio.create_task(flight.join()) for _ in range(3)]
    await turn()
    assert (work.begun, flight.under_way) == (1, True)
    work.ends[0].set()
    await asyncio.gather(*waiting)
    assert not flight.under_way


async def test_who_wants_it_fresh_waits_for_one_that_begins_later_and_shares_that() -> None:
    work = Work()
    flight = SingleFlight(work)
    first = asyncio.create_task(flight.join())
    await turn()
    fresh = [asyncio.create_task(flight.fresh()) for _ in range(3)]
    await turn()
    assert work.begun == 1
    work.ends[0].set()
    await first
    await turn()
    assert work.begun == 2
    assert not any(task.done() for task in fresh)
    work.ends[1].set()
    await asyncio.gather(*fresh)
    assert work.begun == 2


async def test_one_that_nobody_began_is_fresh() -> None:
    work = Work()
    flight = SingleFlight(work)
    fresh = asyncio.create_task(flight.fresh())
    await turn()
    assert work.begun == 1
    work.ends[0].set()
    await fresh


async def test_it_goes_on_without_who_began_it_and_all_are_told_of_its_failure() -> None:
    reached, end = asyncio.Event(), asyncio.Event()

    async def failing() -> None:
        reached.set()
        await end.wait()
        raise OSError("away")

    flight = SingleFlight(failing)
    first = asyncio.create_task(flight.join())
    await reached.wait()
    second = asyncio.create_task(flight.join())
    await turn()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    end.set()
    with pytest.raises(OSError, match="away"):
        await second
