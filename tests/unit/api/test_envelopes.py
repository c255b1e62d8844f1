"""A request is told from its bytes alone only if nobody could read it in another way."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.envelopes import Envelope, envelope

LINE = b"POST /v1/prices/query HTTP/1.1\r\n"
WHOLE = LINE + b"Host: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


GET = b"GET /v1/stock/A?quantity=2 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer y\r\n\r\n"


def test_a_plain_get_is_told() -> None:
    assert envelope(GET) == Envelope("GET", "/v1/stock/A?quantity=2", 0, has_key=True)
    assert envelope(GET.replace(b"/A", b"/" + b"A" * 5_000)) is not None


def test_a_plain_post_is_told() -> None:
    assert envelope(WHOLE) == Envelope("POST", "/v1/prices/query", 2, has_key=False)
    assert envelope(WHOLE.replace(b"Content-Length: 2", b"content-length:2")) is not None
    assert envelope(LINE + b"CONTENT-LENGTH: 0 \r\n\r\n") is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"POST ",
        WHOLE[:-1],
        WHOLE + b" ",
        WHOLE + WHOLE,
        WHOLE.replace(b"POST", b"GET"),
        WHOLE.replace(b"POST", b"HEAD"),
        GET + b" ",
        GET + GET,
        GET[:-1],
        GET.replace(b"Host: x", b"Content-Length: 0"),
        GET.replace(b"Host: x", b"Transfer-Encoding: chunked"),
        GET.replace(b"Host: x", b"Connection: close"),
        GET.replace(b"/A", b"/" + b"A" * 20_000),
        WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0"),
        WHOLE.replace(b"/query", b"/qu ery"),
        WHOLE.replace(b"/query", "/quéry".encode()),
        WHOLE.replace(b"Host: x", b"Content-Length: 2"),
        WHOLE.replace(b"Host: x", b"X: content-length"),
        WHOLE.replace(b"Host: x", b"Transfer-Encoding: chunked"),
        WHOLE.replace(b"Host: x", b"Transfer-Encoding : chunked"),
        WHOLE.replace(b"Host: x", b"Connection: close"),
        WHOLE.replace(b"Host: x", b"Expect: 100-continue"),
        WHOLE.replace(b"Host: x", b"Upgrade: h2c"),
        WHOLE.replace(b"Host: x\r\n", b"Host: x\n"),
        WHOLE.replace(b"Host: x", b"Host: x\rTransfer-Encoding: chunked"),
        WHOLE.replace(b"Host: x", b"Host: x\r\n folded"),
        WHOLE.replace(b"Content-Length: 2", b"Content-Length: +2"),
        WHOLE.replace(b"Content-Length: 2", b"Content-Length : 2"),
        WHOLE.replace(b"Content-Length: 2", b"Content-Length:"),
        WHOLE.replace(b"Content-Length: 2", b"Content-Length: " + b"0" * 5000 + b"2"),
        LINE + b"\r\n",
    ],
)
def test_what_might_be_something_else_is_not(data: bytes) -> None:
    assert envelope(data) is None


_PIECES = [
    *(b"POST /a HTTP/1.1\r\n", b"GET /a HTTP/1.1\r\n", b"Host: x\r\n", b"A: b\r\n", b"\r\n"),
    *(b"Content-Length: 2\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"\n", b"\r", b" ", b"{}", b"0\r\n\r\n", b"content-length: 2", b"\x00", b":"),
]


@given(
    st.sampled_from(_PIECES[:2]),
    st.lists(st.sampled_from(_PIECES), max_size=8),
    st.lists(st.sampled_from(_PIECES)),
)
async def test_the_parser_sees_one_request_in_it_and_nothing_after(
    first: bytes, head: list[bytes], rest: list[bytes]
) -> None:
    data = b"".join([first, *head, *rest])
    told = envelope(data)
    if told is None:
        return
    loop = asyncio.get_running_loop()
    parser = HttpRequestParser(BaseProtocol(loop), loop, 1 << 16)
    try:
        messages, upgraded, tail = parser.feed_data(data)
    except HttpProcessingError:
        return  # it would have been refused for that; the connection is not its any more
    ((message, payload),) = messages
    assert (message.method, message.path, upgraded, tail) == (told.method, told.target, False, b"")
    assert payload.is_eof()
    # Where it ends another begins.
    (_second,) = parser.feed_data(WHOLE)[0]
    assert _second[0].path == "/v1/prices/query"
