"""The client's types have the fields that the gateway sends, and no others."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import NODEFAULT, Struct

import stockspan_client as client
from gateway.api import (
    cart_lines,
    checkout_shapes,
    price_shapes,
    problem_kinds,
    reservation_shapes,
    shapes,
)
from stockspan_client.problems import KINDS, ProblemBody

PAIRS: list[tuple[type[Struct], type[Struct]]] = [
    (shapes.SpanShape, client.Span),
    (shapes.DeliveryShape, client.Delivery),
    (shapes.PickupShape, client.Pickup),
    (shapes.StockItem, client.StockItem),
    (shapes.ItemError, client.ItemError),
    (shapes.UnknownItem, client.Unanswered),
    (price_shapes.Money, client.Money),
    (price_shapes.Break, client.Break),
    (price_shapes.ConsideredShape, client.Considered),
    (price_shapes.PriceItem, client.PriceItem),
    (price_shapes.UnpricedItem, client.Unpriced),
    (cart_lines.CartQueryLine, client.Line),
    (checkout_shapes.RuleShape, client.Rule),
    (checkout_shapes.RulesShape, client.Rules),
    (checkout_shapes.CheckoutLineShape, client.CheckoutLine),
    (checkout_shapes.TotalsShape, client.Totals),
    (checkout_shapes.CheckoutShape, client.Checkout),
    (reservation_shapes.AllocationShape, client.Allocation),
    (reservation_shapes.ReservedLineShape, client.ReservedLine),
    (reservation_shapes.ReservationShape, client.Reservation),
    (reservation_shapes.AcknowledgedShape, client.Acknowledged),
    (reservation_shapes.ShortfallShape, client.Shortfall),
    (shapes.ProblemField, client.FieldError),
]


@pytest.mark.parametrize(("sent", "read"), PAIRS, ids=lambda pair: pair.__name__)
def test_the_same_fields_and_what_may_be_left_out(sent: type[Struct], read: type[Struct]) -> None:
    assert _fields(read).keys() == _fields(sent).keys()
    # What the gateway may leave out needs a default; what it always sends has none.
    assert _fields(read) == _fields(sent)


def test_a_problem_has_all_that_is_told_of_any() -> None:
    assert _fields(ProblemBody).keys() == _fields(reservation_shapes.InsufficientProblem).keys()


def test_every_kind_of_problem_has_its_error_and_no_other() -> None:
    told = {kind.type: kind.status for kind in problem_kinds.KINDS.values()}
    assert {type_: kind.status for type_, kind in KINDS.items()} == told
    assert len({kind.error for kind in KINDS.values()}) == len(told)


def test_everything_that_may_be_raised_is_offered() -> None:
    assert {kind.error.__name__ for kind in KINDS.values()} <= set(client.__all__)
    assert all(hasattr(client, name) for name in client.__all__)


def _fields(struct: type[Struct]) -> dict[str, bool]:
    """By the name that is sent: whether it is always there."""
    return {
        field.encode_name: field.default is NODEFAULT and field.default_factory is NODEFAULT
        for field in msgspec.structs.fields(struct)
    }
