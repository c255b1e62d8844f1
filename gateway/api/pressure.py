"""Requests that are refused before anybody is woken for them: the connection's side of the gate.

What is asked is refused by its bytes alone, if they are one whole request in its plainest form
(`envelopes`) and nothing before them is unfinished (`prompt`); a stranger's GET, which may be at
hand, once its head is read. Others are refused at the gate itself.
"""

from __future__ import annotations

import time
from typing import Any

from aiohttp.http import RawRequestMessage

from gateway.api.envelopes import envelope
from gateway.api.gate import Gate
from gateway.api.prompt import AtOnce, PromptHandler, Then


class Refusing:
    """Whole answers (`AtOnce`): what is at hand, and where there is too much to do, refusals.

    What is at hand costs little more than a refusal, and is never refused.
    """

    def __init__(self, at_hand: AtOnce | None, gate: Gate, ticket: object) -> None:
        self._at_hand = at_hand
        self._gate = gate
        self._ticket = ticket

    def again(self, data: bytes, then: Then) -> bytes | None:
        """To these bytes, if they are one whole request of which all but its address is known."""
        return None if self._at_hand is None else self._at_hand.again(data, then)

    def answer(self, message: RawRequestMessage, whole: bytes | None) -> bytes | None:
        """To this request; `whole` are all its bytes, where they came in one piece."""
        found = None if self._at_hand is None else self._at_hand.answer(message, whole)
        # The answer to a HEAD would have to have no body.
        if found is None and self._gate.is_pressed and message.method == "GET":
            return self._gate.refusal(message.path, self._ticket)
        return found


class PressedHandler(PromptHandler):
    """aiohttp's, which counts the time that reading takes, and answering or refusing at once."""

    def __init__(self, *args: Any, gate: Gate, **kw: Any) -> None:
        self.ticket = object()
        """What the gate knows this connection by."""
        self._refusing = Refusing(kw.pop("at_once", None), gate, self.ticket)
        super().__init__(*args, at_once=self._refusing, **kw)
        self._gate = gate

    def _take(self, data: bytes) -> None:
        began = time.perf_counter()
        gate = self._gate
        if not gate.is_pressed or not self._is_refused(data):
            super()._take(data)
        gate.reading += time.perf_counter() - began

    def connection_lost(self, exc: BaseException | None) -> None:
        """It has ended; who was to come will not."""
        self._gate.left(self.ticket)
        super().connection_lost(exc)

    def _is_refused(self, data: bytes) -> bool:
        """Refuse what is one whole request, if there is no room for it and nobody is before it.

        After an answer aiohttp takes some turns of the loop until it waits for another request.
        Clients that are quicker, because there is so much to do, are refused here all the same.
        """
        if self._answered != self._request_count or self._held is not None or not self._between:
            return False
        asked = envelope(data)
        if asked is None or not self._is_listened_to():
            return False
        if asked.method == "GET" and not asked.has_key:
            # It may be at hand, which one sees when it is read.
            return False
        answer = self._gate.refusal(asked.target, self.ticket)
        if answer is None:
            return False
        self.begun()
        self._write(answer)
        return True
