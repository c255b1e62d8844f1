"""Records pushed by the ERP: POST /ingest/{kind} on the loaders' own address, NDJSON as body.

The body is taken as it streams in, however long; what went wrong with single rows is told in the
answer. A key with the scope `ingest` is needed. Errors are problem+json (CONTRACT 8).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import structlog
from aiohttp import hdrs, web

from gateway.domain.access import KeyRing
from gateway.domain.errors import StockspanError
from gateway.domain.record_kinds import KINDS, Kind
from gateway.store.client import DeposedError
from loaders.errors import NotLeadingError
from loaders.feedbook import PUSHED, Feed
from loaders.ingest import Ingest
from loaders.outcome import Outcome
from loaders.sources.push_body import BodyCutShortError, PushBody
from loaders.sources.push_problems import ProblemError, json_response

SCOPE: Final = "ingest"
MODES: Final = ("delta", "snapshot")

_log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Writing(Protocol):
    """What a push needs of the loader: whether it leads, and with what it writes then."""

    def ingest(self) -> Ingest:
        """What writes now. Raises `NotLeadingError`."""

    def deposed(self, ingest: Ingest) -> None:
        """The fence refused what this one wrote."""


class PushServer:
    """The application behind the loaders' own address. `clock` gives ms since the epoch."""

    def __init__(self, writing: Writing, keys: KeyRing, clock: Callable[[], int]) -> None:
        self._writing = writing
        self._keys = keys
        self._clock = clock

    def app(self) -> web.Application:
        app = web.Application(middlewares=[problems])
        app.router.add_get("/livez", livez)
        app.router.add_post("/ingest/{kind}", self._push)
        return app

    async def _push(self, request: web.Request) -> web.Response:
        self._authorise(request)
        kind, mode = _kind(request), _mode(request)
        feed = Feed(f"{PUSHED}{kind}", kind, pushed=True)
        body = PushBody(request.content, closed=mode == "snapshot", gzipped=_gzipped(request))
        ingest = self._writing.ingest()
        take = ingest.snapshot if mode == "snapshot" else ingest.delta
        try:
            outcome = await take(feed, body.reading())
        except DeposedError:
            self._writing.deposed(ingest)
            raise
        return json_response(_answer(outcome))

    def _authorise(self, request: web.Request) -> None:
        given = request.headers.getall(hdrs.AUTHORIZATION, ())
        scheme, _, secret = (given[0] if len(given) == 1 else "").partition(" ")
        if scheme.lower() != "bearer" or not secret.isascii():
            raise ProblemError(401, "unauthorized", "Send Authorization: Bearer <key>.")
        key = self._keys.find(secret.strip(), self._clock())
        if key is None:
            raise ProblemError(401, "unauthorized", "The key is wrong or expired.")
        if SCOPE not in key.scopes:
            raise ProblemError(403, "forbidden", f"The key lacks the scope {SCOPE}.")


def _kind(request: web.Request) -> Kind:
    asked = request.match_info["kind"]
    for kind in KINDS:
        if kind == asked:
            return kind
    raise ProblemError(404, "not-found", f"Records are pushed to /ingest/{{{'|'.join(KINDS)}}}.")


def _mode(request: web.Request) -> str:
    given = request.query.getall("mode", ["delta"])
    if len(given) > 1 or given[0] not in MODES:
        reason = f"must be {' or '.join(MODES)}, given once"
        wrong = {"field": "mode", "reason": reason, "value": given[-1][:80]}
        raise ProblemError(400, "invalid-request", "The mode is not known.", (wrong,))
    return given[0]


def _gzipped(request: web.Request) -> bool:
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        wrong = {"field": "Content-Encoding", "reason": "must be gzip, or left out"}
        raise ProblemError(400, "invalid-request", "The encoding is not known.", (wrong,))
    return encoding != "identity"


def _answer(outcome: Outcome) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "accepted": outcome.accepted,
        "ignored": outcome.ignored,
        "quarantined": outcome.quarantined,
        "removed": outcome.removed,
        "errors": [
            {
                "line": rejection.line,
                "key": rejection.key,
                "field": rejection.field,
                "value": rejection.value,
                "reason": rejection.reason,
            }
            for rejection in outcome.rejections
        ],
        "unknown_fields": outcome.unknown_fields,
    }
    if outcome.reason is not None:
        answer["reason"] = outcome.reason
    return answer


async def livez(_request: web.Request) -> web.Response:
    """The answer of a process that turns."""
    return json_response({"status": "alive"})


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns what goes wrong into problem+json."""
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem.response()
    except (BodyCutShortError, StockspanError, web.HTTPException) as error:
        return _problem(request, error)
    except Exception:  # noqa: BLE001 - the last fence: no mistake of ours reaches a sender as text
        _log.exception("push failed", action="push.broken", path=request.path)
        detail = "Something went wrong here; it is in the log."
        return ProblemError(500, "internal-error", detail).response()


def _problem(request: web.Request, error: Exception) -> web.Response:
    """The answer to what the request, or the store, made impossible."""
    if isinstance(error, DeposedError) or (isinstance(error, NotLeadingError) and error.leader):
        detail = "Another loader takes the records now; send them again."
        return ProblemError(503, "not-leading", detail).response()
    if isinstance(error, StockspanError):
        _log.warning("push not taken", action="push.failed", path=request.path, reason=str(error))
        detail = "The records could not be written now; send them again."
        return ProblemError(503, "store-unavailable", detail).response()
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        refused = ProblemError(405, "method-not-allowed", f"Allowed: {allowed}.").response()
        refused.headers[hdrs.ALLOW] = allowed
        return refused
    if isinstance(error, web.HTTPNotFound):
        return ProblemError(404, "not-found", "Nothing is served at this path.").response()
    reason = error.reason if isinstance(error, web.HTTPException) else str(error)
    wrong = {"field": "body", "reason": reason}
    return ProblemError(400, "invalid-request", reason, (wrong,)).response()
