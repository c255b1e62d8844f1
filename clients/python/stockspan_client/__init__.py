"""Stockspan's client: `async with Stockspan(url, key=…) as shop: await shop.stock("A-100")`.

The modules, each importing only those below it::

    shop          `Stockspan`: one method for each call of the contract
    link          sends a call, and sends it again where that is harmless, until the deadline
    pauses        how long to wait before that
    checkout      what a cart is answered
    reservations  what is held, and what became of it
    prices        what it costs, and why
    stock         whether it is there
    problems      everything that may be raised
    spans         how many, roughly
    lines         what a cart asks for

It is a distribution of its own, for a shop's back end: nothing of the gateway is needed. Whoever
uses it takes everything from here; the modules take from each other.
"""

from stockspan_client.checkout import Checkout, CheckoutLine, Rule, Rules, Totals
from stockspan_client.lines import Line
from stockspan_client.prices import Break, Considered, Money, PriceItem, Unpriced
from stockspan_client.problems import (
    BodyTooLargeError,
    FieldError,
    ForbiddenError,
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InsufficientStockError,
    InvalidRequestError,
    InvalidTransitionError,
    MethodNotAllowedError,
    NoAnswerError,
    NoPriceError,
    NotFoundError,
    NotReadyError,
    OverloadedError,
    ProblemError,
    RateLimitedError,
    ReservationExpiredError,
    Shortfall,
    StockspanError,
    StoreUnavailableError,
    UnauthorizedError,
    UnavailableError,
    UnknownChannelError,
    UnknownCustomerError,
    UnknownError,
    UnknownLocationError,
    UnknownReservationError,
    UnknownSkuError,
    UnreadableAnswerError,
)
from stockspan_client.reservations import Acknowledged, Allocation, Reservation, ReservedLine
from stockspan_client.shop import Stockspan
from stockspan_client.spans import Span
from stockspan_client.stock import Delivery, ItemError, Pickup, StockItem, Unanswered

__all__ = [
    "Acknowledged",
    "Allocation",
    "BodyTooLargeError",
    "Break",
    "Checkout",
    "CheckoutLine",
    "Considered",
    "Delivery",
    "FieldError",
    "ForbiddenError",
    "IdempotencyInProgressError",
    "IdempotencyMismatchError",
    "InsufficientStockError",
    "InvalidRequestError",
    "InvalidTransitionError",
    "ItemError",
    "Line",
    "MethodNotAllowedError",
    "Money",
    "NoAnswerError",
    "NoPriceError",
    "NotFoundError",
    "NotReadyError",
    "OverloadedError",
    "Pickup",
    "PriceItem",
    "ProblemError",
    "RateLimitedError",
    "Reservation",
    "ReservationExpiredError",
    "ReservedLine",
    "Rule",
    "Rules",
    "Shortfall",
    "Span",
    "StockItem",
    "Stockspan",
    "StockspanError",
    "StoreUnavailableError",
    "Totals",
    "Unanswered",
    "UnauthorizedError",
    "UnavailableError",
    "UnknownChannelError",
    "UnknownCustomerError",
    "UnknownError",
    "UnknownLocationError",
    "UnknownReservationError",
    "UnknownSkuError",
    "Unpriced",
    "UnreadableAnswerError",
]
