"""What is to be known of the checkout route; its handler is in `checkout`."""

from __future__ import annotations

from typing import Final

from gateway.api.cart_lines import MOST_LINES
from gateway.api.checkout_shapes import CheckoutQuery, CheckoutShape
from gateway.api.price_operations import PRIVATE, PROBLEMS
from gateway.api.routes import Answer, Operation

CHECKOUT: Final = Operation(
    "checkout",
    "Stock, prices, rules and totals of a cart",
    "checkout",
    {200: Answer("One entry for each line, in the order given.", CheckoutShape, headers=PRIVATE)},
    description=f"At most {MOST_LINES} lines; those of one SKU are summed before they are judged. "
    "Needs scope `checkout`. Nothing is held or promised: the prices are signed, so that the "
    "order can carry them. With `confirm` the ERP is asked for the stock as well, and waited for "
    "until `deadline_ms` at most.",
    body=CheckoutQuery,
    problems=(*PROBLEMS, "body-too-large"),
    callers=("key",),
)
