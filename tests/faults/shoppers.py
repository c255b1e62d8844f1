"""Shoppers: clients of a world's gateways, whose every request is taken down.

They reserve scarce things, retry what they got no answer to with the same key, hang up in the
middle of requests, and lead reservations on to their ends.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import aiohttp
import msgspec

from tests.faults.attempts import is_definite, problem
from tests.faults.erp import Erp
from tests.faults.history import Kind, Op, Outcome
from tests.faults.programs import GatewayProgram
from tests.faults.world import CALLERS, SECRETS, World

_STEPS: Final = (Kind.CONFIRM, Kind.RELEASE, Kind.EXTEND, Kind.CANCEL, Kind.GET)


@dataclass(frozen=True)
class Habits:
    """How shoppers behave; shares between 0 and 1, seconds."""

    ttls: Sequence[int] = (1, 2, 3)
    pause: float = 0.02
    hangs_up: float = 0.04
    repeats: float = 0.1
    other_body: float = 0.01
    tries: int = 6
    patience: float = 5.0
    most_lines: int = 3
    most_units: int = 3
    steps: Sequence[float] = (4, 2, 1.5, 1, 1.5)
    """How often each of confirm, release, extend, cancel and get is done, one to another."""
    reserves: float = 0.5
    reads: float = 0.25


@dataclass
class Mine:
    """A reservation that the shopper was given."""

    reservation: str
    lines: Sequence[dict[str, Any]]
    order_ref: str


@dataclass
class Tally:
    """What all shoppers did, for people: requests, and by what came of them."""

    requests: int = 0
    statuses: Counter[str] = field(default_factory=Counter)


class Shopper:
    """One client of one caller; does one thing after another."""

    def __init__(
        self,
        world: World,
        erp: Erp,
        number: int,
        habits: Habits,
        tally: Tally,
        chance: random.Random,
    ) -> None:
        self.name = f"shopper-{number}"
        self.caller = CALLERS[number % len(CALLERS)]
        self.mine: list[Mine] = []
        self._world = world
        self._erp = erp
        self._habits = habits
        self._tally = tally
        self._chance = chance
        self._keys = count()

    async def shop(self, closing: asyncio.Event) -> None:
        """Go on till closing."""
        while not closing.is_set():
            dice = self._chance.random()
            if dice < self._habits.reserves or not self.mine:
                await self.reserve(self.lines())
            elif dice < self._habits.reserves + self._habits.reads:
                await self.read(self._chance.choice(list(self._erp.stocked)))
            else:
                await self.step()
            await asyncio.sleep(self._chance.uniform(0, 2 * self._habits.pause))

    def lines(self) -> list[dict[str, Any]]:
        """By chance: several SKUs, one of them twice, some at a location."""
        found: list[dict[str, Any]] = []
        for _ in range(self._chance.randint(1, self._habits.most_lines)):
            again = found and self._chance.random() < 0.3
            sku = found[-1]["sku"] if again else self._chance.choice(list(self._erp.stocked))
            line: dict[str, Any] = {
                "sku": sku,
                "quantity": self._chance.randint(1, self._habits.most_units),
            }
            if self._chance.random() < 0.15:
                line["location"] = self._chance.choice(self._erp.stocked[sku])
            found.append(line)
        return found

    async def reserve(self, lines: Sequence[dict[str, Any]], ttl: int | None = None) -> Op:
        """Ask for a reservation until there is a word on it; the last answer."""
        ttl = self._chance.choice(self._habits.ttls) if ttl is None else ttl
        body = {"lines": lines, "ttl_seconds": ttl}
        key = f"{self.name}-{next(self._keys)}"
        op = await self.ask_for(key, body)
        for _ in range(self._habits.tries):
            if is_definite(op) or (op.status is not None and op.status < 500 and not _running(op)):
                break
            await asyncio.sleep(self._chance.uniform(0, 4 * self._habits.pause))
            op = await self.ask_for(key, body)
        if op.outcome is Outcome.OK:
            self._given(op, lines)
            if self._chance.random() < self._habits.repeats:
                await self.ask_for(key, body)
            if self._chance.random() < self._habits.other_body:
                await self.ask_for(key, {**body, "ttl_seconds": ttl + 1})
        return op

    async def try_once(self, gateway: GatewayProgram, ttl: int = 1) -> Op:
        """Ask that gateway for one piece of something."""
        lines = [{"sku": self._chance.choice(list(self._erp.stocked)), "quantity": 1}]
        body = {"lines": lines, "ttl_seconds": ttl}
        return await self.ask_for(f"{self.name}-{next(self._keys)}", body, gateway)

    async def ask_for(
        self, key: str, body: dict[str, Any], gateway: GatewayProgram | None = None
    ) -> Op:
        """One request for a reservation."""
        return await self._ask(
            Kind.RESERVE,
            "",
            "POST",
            "/v1/reservations",
            body,
            key=key,
            gateway=gateway,
            may_hang_up=True,
        )

    async def ask_again(self, first: Op) -> Op:
        """The same request once more, whoever asked it first."""
        self.caller = first.caller
        return await self.ask_for(first.key, first.body)

    async def read(self, sku: str, gateway: GatewayProgram | None = None) -> None:
        """Look at a SKU: at one location, or at all."""
        body: dict[str, Any] = {}
        path = f"/v1/stock/{sku}"
        if self._chance.random() < 0.6:
            body["location"] = self._chance.choice(self._erp.stocked[sku])
            path += f"?location={body['location']}"
        await self._ask(Kind.STOCK, sku, "GET", path, body, gateway=gateway)

    async def read_at(self, sku: str, location: str) -> Op:
        """Look at a SKU at a location."""
        path = f"/v1/stock/{sku}?location={location}"
        return await self._ask(Kind.STOCK, sku, "GET", path, {"location": location})

    async def step(self) -> None:
        """Something with one of its reservations."""
        mine = self._chance.choice(self.mine[-6:])
        (kind,) = self._chance.choices(_STEPS, self._habits.steps)
        for _ in range(self._habits.tries):
            op = await self.take_step(kind, mine)
            if op.outcome is not Outcome.UNKNOWN:
                break
            await asyncio.sleep(self._chance.uniform(0, 4 * self._habits.pause))

    async def take_step(self, kind: Kind, mine: Mine) -> Op:
        """One step, once."""
        path = f"/v1/reservations/{mine.reservation}"
        if kind is Kind.GET:
            return await self._ask(kind, mine.reservation, "GET", path, {})
        body: dict[str, Any] = {}
        if kind is Kind.CONFIRM:
            # From now on the ERP may know of it, and be faster than the confirmation.
            body["order_ref"] = mine.order_ref
            self._erp.ordered(mine.order_ref, {str(line["sku"]) for line in mine.lines})
        if kind is Kind.EXTEND:
            body["ttl_seconds"] = self._chance.choice(self._habits.ttls)
        return await self._ask(
            kind, mine.reservation, "POST", f"{path}/{kind}", body, may_hang_up=True
        )

    def _given(self, op: Op, lines: Sequence[dict[str, Any]]) -> None:
        name = str(op.answer["reservation"])
        self.mine.append(Mine(name, lines, f"order-{name}"))

    async def _ask(
        self,
        kind: Kind,
        target: str,
        method: str,
        path: str,
        body: dict[str, Any],
        *,
        key: str = "",
        gateway: GatewayProgram | None = None,
        may_hang_up: bool = False,
    ) -> Op:
        gateway = gateway or self._chance.choice(self._world.serving)
        headers = {"Authorization": f"Bearer {SECRETS[self.caller]}"}
        if key:
            headers["Idempotency-Key"] = key
        data = None
        if method == "POST":
            data = msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        hangs_up = may_hang_up and self._chance.random() < self._habits.hangs_up
        patience = self._chance.uniform(0, 0.08) if hangs_up else self._habits.patience
        fields = {"body": body, "key": key, "caller": self.caller}
        with self._world.recorder.operation(self.name, kind, target, **fields) as underway:
            try:
                async with (
                    asyncio.timeout(patience),
                    self._world.session.request(
                        method, gateway.url + path, data=data, headers=headers
                    ) as response,
                ):
                    raw = await response.read()
            except aiohttp.ClientConnectorError as error:
                op = underway.refused(repr(error))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                op = underway.lost(repr(error))
            else:
                op = underway.answered(response.status, raw)
        self._count(op)
        return op

    def _count(self, op: Op) -> None:
        self._tally.requests += 1
        self._tally.statuses[f"{op.kind} {op.status or 'no answer'}"] += 1


def _running(op: Op) -> bool:
    return op.status == 409 and problem(op) == "idempotency-in-progress"
