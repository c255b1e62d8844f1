"""How a push is refused: problem+json (RFC 9457), as on the gateway's address (CONTRACT 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

_RETRY_AFTER: Final = 2


class ProblemError(Exception):
    """A request that is refused: status, name under /problems/ and what is told."""

    def __init__(
        self, status: int, name: str, detail: str, errors: tuple[Mapping[str, str], ...] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.errors = errors

    def response(self) -> web.Response:
        body: dict[str, Any] = {
            "type": f"/problems/{self.name}",
            "title": self.name.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": str(self),
        }
        if self.errors:
            body["errors"] = self.errors
        headers: dict[str, str] = {hdrs.CACHE_CONTROL: "no-store"}
        if self.status == web.HTTPServiceUnavailable.status_code:
            headers[hdrs.RETRY_AFTER] = str(_RETRY_AFTER)
        if self.status == web.HTTPUnauthorized.status_code:
            headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="stockspan"'
        return json_response(body, self.status, "application/problem+json", headers)


def json_response(
    body: object,
    status: int = 200,
    media: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """An answer that is JSON."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type=media, headers=headers
    )
