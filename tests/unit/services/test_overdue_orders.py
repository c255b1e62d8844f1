from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from gateway.domain.reservations import Reservation, State
from gateway.observability.recorder import Recorder
from gateway.services.overdue_orders import OverdueOrders

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ORDER = Reservation("r_1", 2, State.CONFIRMED, 0, (), "web", "checkout", order_ref="O-1")


class Waiting:
    """Orders with the times of their confirmation; each is reminded of once."""

    def __init__(self, *confirmed: datetime) -> None:
        self.confirmed = list(confirmed)
        self.reminded: set[datetime] = set()

    async def remind(
        self, before: datetime, most: int = 500
    ) -> Sequence[tuple[Reservation, datetime]]:
        late = [at for at in self.confirmed if at < before and at not in self.reminded][:most]
        self.reminded |= set(late)
        return [(ORDER, at) for at in late]

    async def awaiting(self) -> tuple[int, datetime | None]:
        return len(self.confirmed), min(self.confirmed, default=None)


def overdue(waiting: Waiting, now: datetime = NOON) -> OverdueOrders:
    return OverdueOrders(waiting, 900_000, lambda: int(now.timestamp() * 1000))


async def test_nothing_waits() -> None:
    orders = overdue(Waiting())
    await orders.look()
    assert (orders.waiting, orders.oldest_age) == (0, 0.0)


async def test_orders_are_counted_with_the_age_of_the_oldest() -> None:
    orders = overdue(Waiting(NOON - timedelta(seconds=30), NOON - timedelta(seconds=90)))
    with capture_logs() as logs:
        await orders.look()
    assert (orders.waiting, orders.oldest_age) == (2, 90.0)
    assert logs == []


async def test_an_order_is_told_of_once_when_its_time_is_over() -> None:
    waiting = Waiting(NOON - timedelta(seconds=901), NOON - timedelta(seconds=899))
    orders = overdue(waiting)
    with capture_logs() as logs:
        await orders.look()
        await orders.look()
    assert [log["action"] for log in logs] == ["order.unacknowledged"]
    assert (logs[0]["order_ref"], logs[0]["reservation"]) == ("O-1", "r_1")
    waiting.confirmed.clear()
    await orders.look()
    assert (orders.waiting, orders.oldest_age) == (0, 0.0)


async def test_that_no_order_is_overdue_any_more_is_told_once_by_all_workers_alike() -> None:
    late = NOON - timedelta(seconds=901)
    waiting = Waiting(late)
    recorders = [Recorder(), Recorder()]
    workers = [
        OverdueOrders(waiting, 900_000, lambda: int(NOON.timestamp() * 1000), recorder)
        for recorder in recorders
    ]
    for worker in workers:
        await worker.look()
    waiting.confirmed = [NOON - timedelta(seconds=899)]
    for worker in [*workers, *workers]:
        await worker.look()
    assert [event.kind for event in recorders[0].waiting(9)] == [
        "order.unacknowledged",
        "order.acknowledged",
    ]
    (over,) = recorders[1].waiting(9)
    assert over.id == recorders[0].waiting(9)[1].id
    assert over.subject == recorders[0].waiting(9)[0].subject == "orders"
