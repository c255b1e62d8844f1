"""Every error as problem+json (RFC 9457): one table from what went wrong to what is told.

What each kind means, and the words of its page, are in `problem_kinds`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from aiohttp import hdrs, web
from msgspec import UNSET

from gateway.api.problem_kinds import KINDS, Kind
from gateway.api.shapes import Problem, ProblemField, encode
from gateway.domain import errors

MEDIA: Final = "application/problem+json"
_HEADERS: Final = {hdrs.CONTENT_TYPE: MEDIA, hdrs.CACHE_CONTROL: "no-store"}

_KIND_OF: Final[Sequence[tuple[type[BaseException], str]]] = (
    (errors.InvalidRequestError, "invalid-request"),
    (errors.UnauthorizedError, "unauthorized"),
    (errors.ForbiddenError, "forbidden"),
    (errors.UnknownSkuError, "unknown-sku"),
    (errors.UnknownCustomerError, "unknown-customer"),
    (errors.UnknownChannelError, "unknown-channel"),
    (errors.UnknownLocationError, "unknown-location"),
    (errors.UnknownReservationError, "unknown-reservation"),
    (errors.NoPriceError, "no-price"),
    (errors.InsufficientStockError, "insufficient-stock"),
    (errors.TooManyHoldsError, "rate-limited"),
    (errors.InvalidTransitionError, "invalid-transition"),
    (errors.ReservationGoneError, "reservation-expired"),
    (errors.IdempotencyMismatchError, "idempotency-mismatch"),
    (errors.IdempotencyInProgressError, "idempotency-in-progress"),
    (errors.LedgerUnavailableError, "store-unavailable"),
    (errors.NotReadyError, "not-ready"),
    (errors.StoreUnavailableError, "store-unavailable"),
    (errors.OverloadedError, "overloaded"),
    (TimeoutError, "overloaded"),
    (web.HTTPNotFound, "not-found"),
    (web.HTTPMethodNotAllowed, "method-not-allowed"),
    (web.HTTPRequestEntityTooLarge, "body-too-large"),
    # What else aiohttp refuses before a handler sees it is a mistake in the request.
    (web.HTTPClientError, "invalid-request"),
)


def kind_of(error: BaseException) -> Kind | None:
    """The kind of problem an error is; None for one that nobody foresaw."""
    for type_, name in _KIND_OF:
        if isinstance(error, type_):
            return KINDS[name]
    return None


def answer(error: BaseException) -> web.Response:
    """The response to an error; one that nobody foresaw tells nothing of itself."""
    if kind_of(error) is None:
        return unexpected()
    response = problem_response(*worded(error))
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers[hdrs.ALLOW] = ", ".join(sorted(error.allowed_methods))
    return response


def worded(error: BaseException) -> tuple[Kind, Problem]:
    """The kind of an error that was foreseen, and what is told of it.

    Raises:
        KeyError: nobody foresaw it.
    """
    kind = kind_of(error)
    if kind is None:
        raise KeyError(type(error).__name__)
    return kind, _body(kind, _detail(error), _fields(error))


def problem(
    kind: Kind, detail: str | None = None, fields: Sequence[ProblemField] = ()
) -> web.Response:
    """The response for a problem of this kind."""
    return problem_response(kind, _body(kind, detail, fields))


def _body(kind: Kind, detail: str | None, fields: Sequence[ProblemField]) -> Problem:
    return Problem(
        kind.type, kind.title, kind.status, detail or UNSET, list(fields) if fields else UNSET
    )


def problem_response(kind: Kind, body: Problem) -> web.Response:
    """A response with this problem as its body, and the headers that go with its kind."""
    response = web.Response(body=encode(body), status=kind.status, headers=_HEADERS)
    if kind.retry_after is not None:
        response.headers[hdrs.RETRY_AFTER] = str(kind.retry_after)
    if kind.name == "unauthorized":
        response.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="stockspan"'
    return response


def unexpected() -> web.Response:
    """The response when we failed in a way that nobody foresaw."""
    body = Problem("about:blank", "Internal server error", 500)
    return web.Response(body=encode(body), status=500, headers=_HEADERS)


def _detail(error: BaseException) -> str | None:
    return next((tell(error) for type_, tell in _DETAILS if isinstance(error, type_)), None)


def _waiting(error: errors.NotReadyError) -> str:
    waiting = ", ".join(error.feeds)
    return f"Not loaded yet: {waiting}." if waiting else "Nothing has been loaded yet."


_DETAILS: Final[Sequence[tuple[type[BaseException], Callable[[Any], str]]]] = (
    (errors.UnknownError, lambda error: f"Nothing is known of “{error.name}”."),
    (errors.NoPriceError, lambda error: f"There is no price of “{error.sku}” for this buyer."),
    (errors.ForbiddenError, lambda error: f"The scope “{error.scope}” is missing."),
    (
        errors.OtherOrderError,
        lambda error: f"The reservation is {error.state} as the order “{error.order_ref}”.",
    ),
    (
        errors.InvalidTransitionError,
        lambda error: f"To {error.act} is not possible: the reservation is {error.state}.",
    ),
    (errors.ReservationGoneError, lambda error: f"The reservation is {error.state}."),
    (
        errors.LedgerUnavailableError,
        lambda _: "The ledger of reservations does not answer, or none is configured.",
    ),
    (
        errors.FigureExpiredError,
        lambda error: f"The figure of “{error.sku}” is older than may be told.",
    ),
    (errors.NotReadyError, _waiting),
    (
        errors.OverloadedError,
        lambda _: "There is more to do than can be done now; this was not begun.",
    ),
)


def _fields(error: BaseException) -> list[ProblemField]:
    if isinstance(error, errors.InvalidRequestError):
        return [
            ProblemField(wrong.field, wrong.reason, UNSET if wrong.value is None else wrong.value)
            for wrong in error.errors
        ]
    if isinstance(error, errors.TooManyHoldsError):
        reason = f"has {error.cap} open holds for this customer: no more are allowed"
        return [ProblemField("lines.sku", reason, sku) for sku in error.skus]
    if isinstance(error, web.HTTPClientError) and kind_of(error) is KINDS["invalid-request"]:
        return [ProblemField("request", error.reason)]
    return []
