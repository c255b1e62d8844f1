"""Everything that may be raised::

StockspanError
├── NoAnswerError             nothing came back in time: refused, cut off, or too slow
├── UnreadableAnswerError     something came back that a gateway does not say
└── ProblemError              the gateway said no (RFC 9457); one of a newer gateway is this one
    ├── InvalidRequestError           `errors` name the fields
    ├── UnauthorizedError
    ├── ForbiddenError
    ├── UnknownError
    │   ├── UnknownSkuError
    │   ├── UnknownCustomerError
    │   ├── UnknownChannelError
    │   ├── UnknownLocationError
    │   └── UnknownReservationError
    ├── NoPriceError
    ├── NotFoundError                 no such path: is the address right?
    ├── MethodNotAllowedError
    ├── InsufficientStockError        `lines` name what falls short
    ├── InvalidTransitionError
    ├── IdempotencyInProgressError
    ├── ReservationExpiredError
    ├── BodyTooLargeError
    ├── IdempotencyMismatchError
    ├── RateLimitedError
    └── UnavailableError
        ├── NotReadyError
        ├── OverloadedError
        └── StoreUnavailableError
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from stockspan_client.spans import Span

PASSING: Final = frozenset({429, 502, 503, 504})
"""What a gateway or a proxy before it says when it will be better soon."""


class StockspanError(Exception):
    """A call that was not answered as hoped.

    `idempotency_key` is that of the call, where it had one: with it the call may be repeated at any
    time within a day, and is done once.
    """

    idempotency_key: str | None = None

    @property
    def passing(self) -> bool:
        """Whether asking again later may go better."""
        return False


class NoAnswerError(StockspanError):
    """Nothing came back in time. What was asked for may have been done all the same."""

    @property
    def passing(self) -> bool:
        return True


class UnreadableAnswerError(StockspanError):
    """Something came back that a gateway does not say: is there another server at the address?"""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return f"status {self.status}: {self.reason}"


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong in a request: the field, and what is allowed there."""

    field: str
    reason: str
    value: str | None = None

    def __str__(self) -> str:
        return f"{self.field} {self.reason}"


class Shortfall(msgspec.Struct, frozen=True):
    """A SKU of which there is too little; `salable` for scope `stock:exact` alone."""

    sku: str
    requested: Decimal
    span: Span | None
    salable: Decimal | None = None

    def __str__(self) -> str:
        return f"{self.requested} of {self.sku}"


class ProblemBody(msgspec.Struct, frozen=True):
    """What is told of a problem."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: tuple[FieldError, ...] = ()
    lines: tuple[Shortfall, ...] = ()


class ProblemError(StockspanError):
    """The gateway said no; `retry_after` is in seconds, where it named any."""

    def __init__(self, body: ProblemBody, retry_after: float | None = None) -> None:
        super().__init__(body, retry_after)
        self.type = body.type
        self.title = body.title
        self.status = body.status
        self.detail = body.detail
        self.errors = body.errors
        self.lines = body.lines
        self.retry_after = retry_after

    def __str__(self) -> str:
        said = [self.detail, *map(str, self.errors), *map(str, self.lines)]
        return "; ".join([f"{self.title} ({self.type})", *(text for text in said if text)])

    @property
    def passing(self) -> bool:
        return self.status in PASSING


class InvalidRequestError(ProblemError):
    """`errors` name the fields, and what is allowed there."""


class UnauthorizedError(ProblemError):
    """No key, or one that is wrong or expired."""


class ForbiddenError(ProblemError):
    """The key is good, but lacks the scope that `detail` names."""


class UnknownError(ProblemError):
    """Something named in the request is not known."""


class UnknownSkuError(UnknownError):
    """Neither a product nor any stock of it is known."""


class UnknownCustomerError(UnknownError):
    """No such customer, or not one that this caller may know of."""


class UnknownChannelError(UnknownError):
    """No channel of this name is configured."""


class UnknownLocationError(UnknownError):
    """No location of this name serves the channel."""


class UnknownReservationError(UnknownError):
    """No reservation of this id."""


class NoPriceError(ProblemError):
    """The SKU is known, but has no price for this buyer."""


class NotFoundError(ProblemError):
    """Nothing is served at this path: is the gateway's address right?"""


class MethodNotAllowedError(ProblemError):
    """The path does not take this method: is the gateway's address right?"""


class InsufficientStockError(ProblemError):
    """Too little, and nothing is held; `lines` name what falls short."""


class InvalidTransitionError(ProblemError):
    """Not possible in the state that `detail` names."""


class IdempotencyInProgressError(ProblemError):
    """The first request with this key is still under way."""

    @property
    def passing(self) -> bool:
        return True


class ReservationExpiredError(ProblemError):
    """Its time was over, or it was released: its units were given back."""


class BodyTooLargeError(ProblemError):
    """Ask in several smaller requests."""


class IdempotencyMismatchError(ProblemError):
    """The key was used within a day for a request with another body."""


class RateLimitedError(ProblemError):
    """Too much of it; `errors` name what."""


class UnavailableError(ProblemError):
    """It should be better soon."""


class NotReadyError(UnavailableError):
    """There are no figures yet, or only some that are older than may be told."""


class OverloadedError(UnavailableError):
    """There is more to do than can be done now."""


class StoreUnavailableError(UnavailableError):
    """The store or the ledger did not answer in time; what was asked for may have been done."""


class _Kind(NamedTuple):
    error: type[ProblemError]
    status: int


KINDS: Final[Mapping[str, _Kind]] = {
    f"/problems/{name}": kind
    for name, kind in {
        "invalid-request": _Kind(InvalidRequestError, 400),
        "unauthorized": _Kind(UnauthorizedError, 401),
        "forbidden": _Kind(ForbiddenError, 403),
        "unknown-sku": _Kind(UnknownSkuError, 404),
        "unknown-customer": _Kind(UnknownCustomerError, 404),
        "unknown-channel": _Kind(UnknownChannelError, 404),
        "unknown-location": _Kind(UnknownLocationError, 404),
        "unknown-reservation": _Kind(UnknownReservationError, 404),
        "no-price": _Kind(NoPriceError, 404),
        "not-found": _Kind(NotFoundError, 404),
        "method-not-allowed": _Kind(MethodNotAllowedError, 405),
        "insufficient-stock": _Kind(InsufficientStockError, 409),
        "invalid-transition": _Kind(InvalidTransitionError, 409),
        "idempotency-in-progress": _Kind(IdempotencyInProgressError, 409),
        "reservation-expired": _Kind(ReservationExpiredError, 410),
        "body-too-large": _Kind(BodyTooLargeError, 413),
        "idempotency-mismatch": _Kind(IdempotencyMismatchError, 422),
        "rate-limited": _Kind(RateLimitedError, 429),
        "not-ready": _Kind(NotReadyError, 503),
        "overloaded": _Kind(OverloadedError, 503),
        "store-unavailable": _Kind(StoreUnavailableError, 503),
    }.items()
}
"""Every type of problem, and the status it comes with where it is an answer of its own."""


def read_problem(body: bytes, retry_after: float | None) -> ProblemError | None:
    """The error that an answer tells of; None where it tells of none."""
    try:
        told = msgspec.json.decode(body, type=ProblemBody)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return _error_of(told)(told, retry_after)


def problem_of_item(type_: str, title: str) -> ProblemError:
    """The error that stands in the place of one item."""
    kind = KINDS.get(type_)
    body = ProblemBody(type_, title, 500 if kind is None else kind.status)
    return _error_of(body)(body)


def _error_of(body: ProblemBody) -> type[ProblemError]:
    kind = KINDS.get(body.type)
    return ProblemError if kind is None else kind.error
