"""The gate before the handlers: who may begin now, who waits, who is refused.

Every request that may be refused comes through it (`admitting`). One that would be refused can be
told so beforehand, from bytes that are ready (`refusal`), before anybody is woken for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.api.admission import SPELL, Admission
from gateway.api.ranks import Rank, rank_of
from gateway.api.routes import Handler
from gateway.domain.errors import OverloadedError
from gateway.observability.load_metrics import Load

_LOOK_EVERY: Final = 0.1
_FADING: Final = 0.9
"""What is left of the greatest lag at each look: a minute later nothing is."""

Waiting = asyncio.Future[int]
"""Is told in which spell it begins; 0: in none, it is too late."""


class Gate:
    """Of one worker. `refusals` are whole answers, of those ranks that may be refused by bytes."""

    def __init__(
        self,
        patience: float,
        refusals: Mapping[Rank, bytes],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.admission: Admission[Waiting] = Admission(patience)
        self._refusals = refusals
        self._clock = clock
        self.lag = 0.0
        """The longest that the loop was late of late, in seconds."""
        self.connected: Callable[[], int] = int
        """How many connections are open; whoever listens says so."""
        self.under_way = 0
        """Requests that have begun and not ended."""
        self.reading = 0.0
        """Seconds spent on what arrived, and on answering at once; counted by whoever reads."""
        self._turns = False
        self._later: asyncio.TimerHandle | None = None
        """The turn, where there is nothing to do before the spell has ended."""
        self._coming: dict[object, Rank] = {}

    @property
    def is_pressed(self) -> bool:
        """Whether anybody waits, or is about to: otherwise nobody is refused."""
        return self.admission.waiting > 0 or bool(self._coming)

    def refusal(self, path: str, connection: object) -> bytes | None:
        """The answer to a request that is refused; None: let it come, it has a place in line."""
        rank = rank_of(path)
        told = None if rank is None else self._refusals.get(rank)
        if rank is None or told is None:
            return None
        if self.admission.refuses(rank, self._clock()):
            return told
        self.left(connection)
        self._coming[connection] = rank
        self.admission.coming[rank] += 1
        return None

    def left(self, connection: object) -> bool:
        """Who was to come has come, or never will; whether there was anybody."""
        rank = self._coming.pop(connection, None)
        if rank is None:
            return False
        self.admission.coming[rank] -= 1
        return True

    def enter(self, rank: Rank, connection: object = None) -> Waiting | int:
        """The spell in which it begins, or what to wait for first.

        Raises:
            OverloadedError: it would wait for too long.
        """
        admission = self.admission
        now = self._clock()
        has_place = self.left(connection)
        entered: Waiting | int
        if admission.begins(rank, now):
            entered = admission.spell
        else:
            if not has_place and admission.refuses(rank, now):
                raise OverloadedError
            entered = asyncio.get_running_loop().create_future()
            admission.wait(rank, entered, now)
        if not self._turns:
            self._turns = True
            asyncio.get_running_loop().call_soon(self._turn)
        return entered

    def ended(self, spell: int) -> None:
        """One that began in that spell has ended."""
        self.admission.ended(spell)
        if self._later is not None and not self.admission.is_held:
            self._later.cancel()
            self._later = None
            asyncio.get_running_loop().call_soon(self._turn)

    def load(self) -> Load:
        """What is worth measuring of it."""
        admission = self.admission
        return Load(
            {rank.name.lower(): admission.admitted[rank] for rank in Rank},
            {rank.name.lower(): admission.shed[rank] for rank in Rank},
            self.connected(),
            self.under_way,
            admission.waiting,
            int(admission.room),
            int(admission.pace),
            self.lag,
        )

    async def run(self) -> NoReturn:
        """Look how late the loop is, until cancelled."""
        while True:
            due = self._clock() + _LOOK_EVERY
            await asyncio.sleep(_LOOK_EVERY)
            self.lag = max(self._clock() - due, self.lag * _FADING)

    def _turn(self) -> None:
        """Once in the turn after somebody began, and then when some of those who wait may begin.

        In between the loop is let rest: whoever else has the core may be the store.
        """
        self._later = None
        begun, late = self.admission.turn(self._clock(), time.thread_time(), self.reading)
        for waiting in begun:
            _tell(waiting, self.admission.spell)
        for waiting in late:
            _tell(waiting, 0)
        self._turns = bool(begun) or self.admission.waiting > 0
        if self.admission.is_held:
            self._later = asyncio.get_running_loop().call_later(SPELL, self._turn)
        elif self._turns:
            # Behind those who were woken.
            asyncio.get_running_loop().call_soon(self._turn)


def admitting(gate: Gate) -> Middleware:
    """Lets requests through the gate, each by the rank of its route."""

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        rank = Rank.STOCK if resource is None else rank_of(resource.canonical)
        if rank is None:
            return await handler(request)
        # Connections of other servers have nothing of the kind.
        entered = gate.enter(rank, getattr(request.protocol, "ticket", None))
        spell = entered if isinstance(entered, int) else await entered
        if not spell:
            raise OverloadedError
        gate.under_way += 1
        try:
            return await handler(request)
        finally:
            gate.under_way -= 1
            gate.ended(spell)

    return admit


def _tell(waiting: Waiting, spell: int) -> None:
    # Its request may have been given up meanwhile.
    if not waiting.done():
        waiting.set_result(spell)
