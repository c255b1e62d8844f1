"""Responses as they are sent, head and body in one piece: for where aiohttp does not send them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from typing import cast

from aiohttp import hdrs, web
from aiohttp.http import SERVER_SOFTWARE


def raw_answer(response: web.Response, more: Mapping[str, str], *, headless: bool = False) -> bytes:
    """A response that has a body, with `more` headers, sent now; `headless`: to a HEAD."""
    return undated_answer(
        response, {**more, hdrs.DATE: date_text(int(time.time()))}, headless=headless
    )


def undated_answer(
    response: web.Response, more: Mapping[str, str], *, headless: bool = False
) -> bytes:
    """The same to be sent at any time."""
    body = cast("bytes", response.body)
    headers = {
        **response.headers,
        **more,
        hdrs.CONTENT_LENGTH: str(len(body)),
        hdrs.SERVER: SERVER_SOFTWARE,
    }
    lines = [f"HTTP/1.1 {response.status} {response.reason}", *map(": ".join, headers.items())]
    head = "\r\n".join([*lines, "", ""]).encode()
    return head if headless else head + body


@lru_cache(maxsize=4)
def date_text(second: int) -> str:
    """A second since the epoch as the header `Date` shows it."""
    return formatdate(second, usegmt=True)
