"""Every error as problem+json (RFC 9457): one table from what went wrong to what is told.

Each kind has its own page at `/problems/<name>`; the words of those pages are here as well, so
that the answer and its explanation cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET

from gateway.api.shapes import Problem, ProblemField, encode
from gateway.domain import errors

MEDIA: Final = "application/problem+json"
_HEADERS: Final = {hdrs.CONTENT_TYPE: MEDIA, hdrs.CACHE_CONTROL: "no-store"}


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
            "body-too-large",
            413,
            "Body too large",
            "The body of a request may have at most 256 KiB.",
            "Ask in several smaller requests.",
        ),
        Kind(
            "not-ready",
            503,
            "Not ready",
            "The gateway has no figures from the ERP yet. It does not guess: nothing is called "
            "sold out because nothing was loaded.",
            "Ask again after the seconds in Retry-After; /readyz?verbose shows what is missing.",
            retry_after=2,
        ),
        Kind(
            "overloaded",
            503,
            "Overloaded",
            "The request could not be served in the time allowed.",
            "Ask again after the seconds in Retry-After.",
            retry_after=1,
        ),
        Kind(
            "store-unavailable",
            503,
            "Store unavailable",
            "The store that holds the figures did not answer in time.",
            "Ask again after the seconds in Retry-After; answers a cache still holds may be used "
            "meanwhile.",
            retry_after=1,
        ),
    )
}

_KIND_OF: Final[Sequence[tuple[type[BaseException], str]]] = (
    (errors.InvalidRequestError, "invalid-request"),
    (errors.UnauthorizedError, "unauthorized"),
    (errors.ForbiddenError, "forbidden"),
    (errors.UnknownSkuError, "unknown-sku"),
    (errors.UnknownCustomerError, "unknown-customer"),
    (errors.UnknownChannelError, "unknown-channel"),
    (errors.UnknownLocationError, "unknown-location"),
    (errors.NoPriceError, "no-price"),
    (errors.NotReadyError, "not-ready"),
    (errors.StoreUnavailableError, "store-unavailable"),
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
    kind = kind_of(error)
    if kind is None:
        return unexpected()
    response = problem(kind, _detail(error), _fields(error))
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers[hdrs.ALLOW] = ", ".join(sorted(error.allowed_methods))
    return response


def problem(
    kind: Kind, detail: str | None = None, fields: Sequence[ProblemField] = ()
) -> web.Response:
    """The response for a problem of this kind."""
    body = Problem(
        kind.type, kind.title, kind.status, detail or UNSET, list(fields) if fields else UNSET
    )
    return problem_response(kind, body)


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
    if isinstance(error, errors.UnknownError):
        return f"Nothing is known of “{error.name}”."
    if isinstance(error, errors.NoPriceError):
        return f"There is no price of “{error.sku}” for this buyer."
    if isinstance(error, errors.ForbiddenError):
        return f"The scope “{error.scope}” is missing."
    if isinstance(error, errors.NotReadyError):
        waiting = ", ".join(error.feeds)
        return f"Not loaded yet: {waiting}." if waiting else "Nothing has been loaded yet."
    return None


def _fields(error: BaseException) -> list[ProblemField]:
    if isinstance(error, errors.InvalidRequestError):
        return [
            ProblemField(wrong.field, wrong.reason, UNSET if wrong.value is None else wrong.value)
            for wrong in error.errors
        ]
    if isinstance(error, web.HTTPClientError) and kind_of(error) is KINDS["invalid-request"]:
        return [ProblemField("request", error.reason)]
    return []
