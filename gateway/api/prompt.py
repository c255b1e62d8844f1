"""Requests that are answered before anybody is woken for them.

For each request aiohttp makes an object of it and a task, and has them carried through an
application: several times the work of sending what is at hand. Where a request is the only one of
its connection, and its answer is there, it is written at once; whatever is not so plain goes
aiohttp's way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from aiohttp import EMPTY_PAYLOAD, HttpVersion11, hdrs, web
from aiohttp.http import RawRequestMessage
from aiohttp.web_request import BaseRequest

from gateway.api.connections import PatientHandler

_END: Final = b"\r\n\r\n"
_ASKING: Final = (b"GET ", b"HEAD ")
"""How requests begin whose answer may be at hand."""

Then = Callable[[bytes | None], None]
"""Is told the answer once it is there; None: go aiohttp's way."""

LATER: Final = b""
"""In the place of an answer: it is on its way."""


class AtOnce(Protocol):
    """Whole answers to requests of HTTP/1.1 that keep their connection; None: not at hand."""

    def again(self, data: bytes, then: Then) -> bytes | None:
        """To these bytes, if they are one whole request of which all but its address is known.

        It may be `LATER`; then it is told in another turn of the loop.
        """
        ...

    def answer(self, message: RawRequestMessage, whole: bytes | None) -> bytes | None:
        """To this request; `whole` are all its bytes, where they came in one piece."""
        ...


class PromptHandler(PatientHandler):
    """aiohttp's, which first looks whether there is anything to do."""

    def __init__(self, *args: Any, at_once: AtOnce | None = None, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self._at_once = at_once
        # Whether all that came was whole requests, each in one piece: then what comes next is the
        # beginning of another.
        self._between = True
        # A request whose answer is on its way, and by what aiohttp waits for requests meanwhile.
        self._held: tuple[bytes, asyncio.Future[None]] | None = None
        # What came while aiohttp was done with an answer, and did not wait for a request yet.
        self._early: bytes | None = None
        self._answered = 0
        """Of the requests that aiohttp has read."""
        self._is_to_close = False

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or several requests."""
        # Who asks for more before the answer is there is served in the order of asking.
        if self._early is not None:
            early, self._early = self._early, None
            self._take(early)
        if self._held is not None:
            self._settle(None)
        if self._is_early and data.startswith(_ASKING):
            # Read now it would go aiohttp's way; and so would the next, of a client that is quick.
            self._early = data
            self._loop.call_soon(self._look_again, data)
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        """Answer what is asked there, or have it answered."""
        at_once, waiter = self._at_once, self._waiter
        if at_once is None or waiter is None or waiter.done() or self._messages:
            # Others are before it.
            self._read(data)
            return
        if self._between and self._is_listened_to():
            answer = at_once.again(data, partial(self._came, data))
            if answer is not None:
                self.begun()
                if answer == LATER:
                    self._hold(data, waiter)
                else:
                    self._write(answer)
                return
        self._waiter = None
        try:
            self._read(data)
        finally:
            self._waiter = waiter
            if self._messages and not self._is_answered(at_once, data) and not waiter.done():
                waiter.set_result(None)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It has ended; what was asked last is of no interest any more."""
        self._early = None
        if self._held is not None:
            self._release()
        super().connection_lost(exc)

    def close(self) -> None:
        """Close it once what is under way is answered."""
        if self._held is None:
            super().close()
        else:
            self._is_to_close = True

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer."""
        finished = await super().finish_response(request, resp, start_time)
        self._answered += 1
        return finished

    @property
    def _is_early(self) -> bool:
        """Whether all is answered, but aiohttp waits for more only after a turn of the loop."""
        return self._waiter is None and self._between and self._answered == self._request_count

    def _look_again(self, data: bytes) -> None:
        if self._early is data:
            self._early = None
            self._take(data)

    def _hold(self, data: bytes, waiter: asyncio.Future[None]) -> None:
        """Let this request wait; to aiohttp the connection is busy."""
        self._held = data, waiter
        self._waiter = None

    def _release(self) -> bytes:
        """What was held, which is held no longer."""
        assert self._held is not None  # noqa: S101 - whoever calls has seen to it
        (data, self._waiter), self._held = self._held, None
        return data

    def _came(self, data: bytes, answer: bytes | None) -> None:
        # It may have gone the other way by now, or nobody is there.
        if self._held is not None and self._held[0] is data:
            self._settle(answer)

    def _settle(self, answer: bytes | None) -> None:
        """Answer what was held; None: have aiohttp read it, which goes its own way."""
        data = self._release()
        if answer is None:
            self._read(data)
        else:
            self._write(answer)
        if self._is_to_close:
            super().close()

    def _read(self, data: bytes) -> None:
        """Have aiohttp read it."""
        before = self._request_count
        super().data_received(data)
        if self._between and data:  # without any, aiohttp only looks again at what it has
            self._between = self._request_count == before + 1 and is_whole(
                data, self._messages[-1][0]
            )

    def _is_answered(self, at_once: AtOnce, data: bytes) -> bool:
        message, payload = self._messages[0]
        parser = self._parser
        # What could not be read is another kind of message.
        if not isinstance(message, RawRequestMessage) or parser is None:
            return False
        if (
            len(self._messages) > 1
            or payload is not EMPTY_PAYLOAD
            or message.should_close
            or message.upgrade
            or message.version != HttpVersion11
            or not self._is_listened_to()
        ):
            return False
        answer = at_once.answer(message, data if self._between else None)
        if answer is None:
            return False
        self._messages.popleft()
        self._answered += 1
        parser.message_consumed()
        self._write(answer)
        return True

    def _is_listened_to(self) -> bool:
        """Whether the client takes answers as they come; else it gets the patience of aiohttp.

        So it does when it is to be told that this answer is the last.
        """
        transport = self.transport
        return (
            transport is not None
            and not self._connections.leaving
            and not (self._close or self._force_close or transport.is_closing())
            and not transport.get_write_buffer_size()
        )

    def _write(self, answer: bytes) -> None:
        """Send it, and wait for the next request for as long as after any other."""
        manager, transport = self._manager, self.transport
        assert manager is not None  # noqa: S101 - there is a transport, so there is a server;
        assert transport is not None  # noqa: S101 - mypy cannot know
        manager.requests_count += 1
        transport.write(answer)
        self._keepalive = True
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(
                self._next_keepalive_close_time, self._process_keepalive
            )


def is_whole(data: bytes, message: object) -> bool:
    """Whether these bytes, of which `message` was read, are all of it and nothing else."""
    if not isinstance(message, RawRequestMessage) or message.chunked or message.upgrade:
        return False
    length = message.headers.get(hdrs.CONTENT_LENGTH, "0")
    head = data.find(_END) + len(_END)
    return length.isdecimal() and len(data) == head + int(length)
