"""A reservation becomes an order (CONTRACT 6, `confirm`)."""

from __future__ import annotations

from gateway.domain.errors import OtherOrderError
from gateway.domain.reservations import Act, Reservation, State
from gateway.services.acknowledgements import Acknowledgements
from gateway.services.stepping import Stepping


class Orders:
    """Confirms reservations."""

    def __init__(self, stepping: Stepping, acknowledgements: Acknowledgements) -> None:
        self._stepping = stepping
        self._acknowledgements = acknowledgements

    async def confirm(self, reservation: str, order_ref: str) -> Reservation:
        """It has become this order; what the ERP said of that order before is applied at once.

        Raises:
            OtherOrderError: it has become another order.
            StockspanError: see `Stepping.take`.
        """

        def change(held: Reservation) -> Reservation | None:
            if held.state is State.HELD:
                return held.next(State.CONFIRMED, order_ref=order_ref)
            if held.order_ref != order_ref:
                raise OtherOrderError(held.state, held.order_ref)
            return None

        after, moved = await self._stepping.take(reservation, Act.CONFIRM, change)
        if moved is None or moved.ack is None:
            return after
        return await self._acknowledgements.apply(after, moved.ack)
