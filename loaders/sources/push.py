"""Records pushed by the ERP: POST /ingest/{kind} on the loaders' own address, NDJSON as body.

The body is taken as it streams in, however long; what went wrong with single rows is told in the
answer. A key with the scope `ingest` is needed. Errors are problem+json (CONTRACT 8).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from aiohttp import hdrs, web

from gateway.domain.access import KeyRing
from gateway.domain.record_kinds import KINDS, Kind
from gateway.store.client import DeposedError
from loaders.addresses import livez, problems
from loaders.feedbook import PUSHED, Feed
from loaders.ingest import Ingest
from loaders.outcome import Outcome
from loaders.problems import ProblemError, json_response
from loaders.sources.push_body import PushBody

SCOPE: Final = "ingest"
MODES: Final = ("delta", "snapshot")


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
