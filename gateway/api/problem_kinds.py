"""Every kind of problem, and the words of its page at `/problems/<name>` (CONTRACT 8).

The answer and its explanation stand side by side, so that they cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """A kind of problem: its name and status, and the words of its page.

    `retry_after` (seconds) is told where asking again soon makes sense.
    """

    name: str
    status: int
    title: str
    meaning: str
    remedy: str
    retry_after: int | None = None

    @property
    def type(self) -> str:
        """The address of its page."""
        return f"/problems/{self.name}"


KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            "invalid-request",
            400,
            "Invalid request",
            "Something in the request is not as it must be. Each entry of errors[] names a field "
            "and says what is allowed there.",
            "Correct the fields named and ask again; the same request will be refused again.",
        ),
        Kind(
            "unauthorized",
            401,
            "Unauthorized",
            "The request carries neither an API key nor a customer's token where one is needed, or "
            "one that is wrong or expired. A wrong one is refused even where none is needed.",
            "Send “Authorization: Bearer <key or token>” with one that is valid, or leave the "
            "header out for what is public.",
        ),
        Kind(
            "forbidden",
            403,
            "Forbidden",
            "The API key or customer's token is good, but does not open what was asked for; "
            "detail names the scope that is missing. A customer's token has no scope.",
            "Use a key that has this scope.",
        ),
        Kind(
            "unknown-sku",
            404,
            "Unknown SKU",
            "Neither a product nor any stock of this SKU is known.",
            "Check the SKU; ids with a slash or other special characters are percent-encoded. "
            "A product that was just created appears with the next load from the ERP.",
        ),
        Kind(
            "no-price",
            404,
            "No price",
            "The SKU is known, but no price list that is for this buyer, in this currency and at "
            "this time has a price for the quantity asked for.",
            "Check customer, channel, currency and quantity. With explain=true and a key that has "
            "the scope explain, the answer names every price considered and why it was not taken.",
        ),
        Kind(
            "unknown-customer",
            404,
            "Unknown customer",
            "There is no customer of this id, or not one that this caller may know of: a "
            "customer's token opens that customer's prices alone.",
            "Check the id, or leave the parameter out when asking with a customer's token. A "
            "customer who was just created appears with the next load from the ERP.",
        ),
        Kind(
            "unknown-channel",
            404,
            "Unknown channel",
            "No channel of this name is configured.",
            "Use a configured channel, or leave the parameter out for the default.",
        ),
        Kind(
            "unknown-location",
            404,
            "Unknown location",
            "No location of this name serves the channel.",
            "Use one of the channel's locations, or leave the parameter out for all of them.",
        ),
        Kind(
            "unknown-reservation",
            404,
            "Unknown reservation",
            "There is no reservation of this id.",
            "Check the id: it is the field reservation of the answer to POST /v1/reservations.",
        ),
        Kind(
            "not-found",
            404,
            "Not found",
            "Nothing is served at this path.",
            "See /docs for what there is. A slash inside an id must be written %2F.",
        ),
        Kind(
            "method-not-allowed",
            405,
            "Method not allowed",
            "This path does not take this method; the Allow header names those it takes.",
            "Use one of the methods allowed.",
        ),
        Kind(
            "insufficient-stock",
            409,
            "Insufficient stock",
            "There is too little of some SKUs, and they may not be ordered ahead. Nothing is held: "
            "of several lines either all are held or none. lines[] names the SKUs that fall short, "
            "what was asked for in all, and the span in which the figure lies.",
            "Ask for less, for another location, or without the lines that fall short; with a new "
            "Idempotency-Key, as it is another request.",
        ),
        Kind(
            "invalid-transition",
            409,
            "Invalid transition",
            "The reservation is in a state in which this cannot be done; detail names it. An order "
            "that was confirmed under one number cannot be confirmed under another, and one that "
            "the ERP has acknowledged is the ERP's to cancel.",
            "Look at the reservation: GET /v1/reservations/{id} tells its state.",
        ),
        Kind(
            "idempotency-in-progress",
            409,
            "Idempotency key in use",
            "The first request with this Idempotency-Key is still under way.",
            "Ask again with the same key in a second: you are told how the first request ended.",
            retry_after=1,
        ),
        Kind(
            "reservation-expired",
            410,
            "Reservation expired",
            "The reservation's time was over, or it was released: its units were given back and "
            "may be somebody else's by now.",
            "Make a new reservation.",
        ),
        Kind(
            "body-too-large",
            413,
            "Body too large",
            "The body of a request may have at most 256 KiB.",
            "Ask in several smaller requests.",
        ),
        Kind(
            "idempotency-mismatch",
            422,
            "Idempotency key of another request",
            "This Idempotency-Key was used within a day for a request with another body.",
            "Use a new key for each new request, and the same key only to repeat one as it was.",
        ),
        Kind(
            "rate-limited",
            429,
            "Rate limited",
            "Too much of this was asked for by this caller or for this customer. errors[] names "
            "what, and how much is allowed: so many open holds of one SKU for one customer.",
            "Release what is not needed, or ask again after the seconds in Retry-After.",
            retry_after=60,
        ),
        Kind(
            "not-ready",
            503,
            "Not ready",
            "The gateway has no figures from the ERP yet, or only some that are older than may be "
            "told. It does not guess: nothing is called sold out because nothing was loaded.",
            "Ask again after the seconds in Retry-After; /readyz?verbose shows what is missing.",
            retry_after=2,
        ),
        Kind(
            "overloaded",
            503,
            "Overloaded",
            "There is more to do than can be done now, and the request was not begun, as detail "
            "says: it had no effect. Or it was, and could not be served in the time allowed.",
            "Ask again after the seconds in Retry-After, a reservation with the same "
            "Idempotency-Key. Badges are refused first, then prices, then checkouts, and "
            "reservations last.",
            retry_after=1,
        ),
        Kind(
            "store-unavailable",
            503,
            "Store unavailable",
            "The store that holds the figures, or the ledger that holds the promises, did not "
            "answer in time; detail says when it is the ledger. A reservation may have been made "
            "or gone on all the same.",
            "Ask again after the seconds in Retry-After, a reservation with the same "
            "Idempotency-Key; answers a cache still holds may be used meanwhile.",
            retry_after=1,
        ),
    )
}
