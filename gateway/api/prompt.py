"""Requests that are answered before anybody is woken for them.

For each request aiohttp makes an object of it and a task, and has them carried through an
application: several times the work of sending what is at hand. Where a request is the only one of
its connection, and its answer is there, it is written at once; whatever is not so plain goes
aiohttp's way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import EMPTY_PAYLOAD, HttpVersion11
from aiohttp.http import RawRequestMessage

from gateway.api.connections import PatientHandler

AtOnce = Callable[[RawRequestMessage], bytes | None]
"""The whole answer to a request of HTTP/1.1 that keeps its connection; None: not at hand."""


class PromptHandler(PatientHandler):
    """aiohttp's, which first looks whether there is anything to do."""

    def __init__(self, *args: Any, at_once: AtOnce | None = None, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self._at_once = at_once

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or several requests."""
        waiter = self._waiter
        if self._at_once is None or waiter is None or waiter.done() or self._messages:
            # Others are before it.
            super().data_received(data)
            return
        self._waiter = None
        try:
            super().data_received(data)
        finally:
            self._waiter = waiter
            if self._messages and not self._is_answered(self._at_once) and not waiter.done():
                waiter.set_result(None)

    def _is_answered(self, at_once: AtOnce) -> bool:
        message, payload = self._messages[0]
        transport, parser, manager = self.transport, self._parser, self._manager
        # What could not be read is another kind of message.
        if not isinstance(message, RawRequestMessage) or parser is None or manager is None:
            return False
        if (
            len(self._messages) > 1
            or payload is not EMPTY_PAYLOAD
            or message.should_close
            or message.upgrade
            or message.version != HttpVersion11
            or transport is None
            or transport.is_closing()
            # A client that takes its time gets the patience of aiohttp.
            or transport.get_write_buffer_size()
        ):
            return False
        answer = at_once(message)
        if answer is None:
            return False
        self._messages.popleft()
        parser.message_consumed()
        manager.requests_count += 1
        transport.write(answer)
        self._stay_open()
        return True

    def _stay_open(self) -> None:
        """Wait for the next request for as long as after any other."""
        self._keepalive = True
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(
                self._next_keepalive_close_time, self._process_keepalive
            )
