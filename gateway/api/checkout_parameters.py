"""What a checkout asks for: read from a body, every mistake named."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.api.cart_lines import MOST_LINES, cart_lines, texts_of_lines
from gateway.api.checkout_shapes import CheckoutQuery
from gateway.api.fields import Reading
from gateway.api.languages import preferred
from gateway.api.price_parameters import check_count
from gateway.domain.confirmations import Confirm
from gateway.services.checkout import CheckoutRequest
from gateway.services.confirming import DEFAULT_MS, LONGEST_MS
from gateway.services.selling import SellingRules


def texts_of(body: CheckoutQuery) -> int:
    """How many texts of the body this is made of, names of fields included (see `bodies`)."""
    texts = texts_of_lines(body.lines)
    for value in (body.customer, body.channel, body.currency, body.locale, body.confirm):
        texts += 0 if value is None else 2
    return texts + (body.deadline_ms is not None)


def checkout_request(
    body: CheckoutQuery, rules: SellingRules, accept_language: str | None
) -> CheckoutRequest:
    """What is to be looked up.

    Raises:
        InvalidRequestError: something is wrong; every field is named.
    """
    check_count(len(body.lines), MOST_LINES)
    reading = Reading()
    if body.confirm is not None and body.confirm not in set(Confirm):
        reading.wrong("confirm", "must be one of " + ", ".join(Confirm), body.confirm)
    deadline = body.deadline_ms
    if deadline is not None and not (1 <= deadline <= LONGEST_MS and deadline == int(deadline)):
        allowed = f"must be a whole number from 1 to {LONGEST_MS}"
        reading.wrong("deadline_ms", allowed, str(deadline))
    locale = reading.locale(body.locale, rules.labels)
    if locale is None and accept_language is not None:
        locale = preferred(accept_language, tuple(rules.labels))
    request = CheckoutRequest(
        cart_lines(reading, body.lines),
        locale,
        reading.identifier("customer", body.customer),
        reading.identifier("channel", body.channel),
        reading.currency("currency", body.currency),
    )
    reading.finish()
    confirm = Confirm.NEVER if body.confirm is None else Confirm(body.confirm)
    return replace(
        request, confirm=confirm, deadline_ms=DEFAULT_MS if deadline is None else int(deadline)
    )
