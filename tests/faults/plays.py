"""A play: a world with its ERP and its shoppers, in which a scenario lets things go wrong."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from stockspan.embedded.postgres import EmbeddedPostgres
from tests.faults.erp import LOCATIONS, Erp
from tests.faults.history import Kind, Op, Outcome
from tests.faults.programs import GatewayProgram, accidents
from tests.faults.reports import Report
from tests.faults.rest import Rest
from tests.faults.shoppers import Habits, Shopper, Tally
from tests.faults.violations import Limits
from tests.faults.world import Shape, World, world

LIMITS: Final = Limits(lingering=4.0)
"""A request that nobody waits for any more ends by the gateway's own deadlines, within seconds."""

_RECOVERED_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.05
_TOGETHER: Final = 8
_ANSWERED: Final = frozenset({201, 409})


@dataclass(frozen=True)
class Stage:
    """Where a scenario plays: a folder of its own, a running PostgreSQL, chance from a seed."""

    folder: Path
    postgres: EmbeddedPostgres
    seed: int = 0


class Play:
    """What a scenario directs."""

    def __init__(
        self, there: World, erp: Erp, habits: Habits, limits: Limits, report: Report, folder: Path
    ) -> None:
        self.world = there
        self.erp = erp
        self.report = report
        self._habits = habits
        self._limits = limits
        self._folder = folder
        self._tally = Tally()
        self._numbers = count()
        self._findings: list[str] = []
        (self.prober,) = self._shoppers(1, Habits(hangs_up=0.0, repeats=0.0))
        self.rest = Rest(there, erp, limits, self.prober)

    @asynccontextmanager
    async def trade(self, clients: int) -> AsyncIterator[None]:
        """While it lasts, so many shop and the ERP works."""
        closing = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.erp.work(closing))
            for shopper in self._shoppers(clients, self._habits):
                group.create_task(shopper.shop(closing))
            try:
                yield
            finally:
                closing.set()

    async def recovered(self, gateways: Sequence[GatewayProgram] | None = None) -> float:
        """Wait until each of these gateways, or all, has an answer to a reservation again."""
        began = time.monotonic()
        async with asyncio.timeout(_RECOVERED_SECONDS):
            for gateway in gateways or self.world.gateways:
                while (await self.prober.try_once(gateway)).status not in _ANSWERED:  # noqa: ASYNC110
                    # Asked from outside, as a customer would: there is nothing to wait for.
                    await asyncio.sleep(_PAUSE_SECONDS)
        self.report.recoveries.append(time.monotonic() - began)
        return self.report.recoveries[-1]

    async def replay(self) -> None:
        """Ask once more with every key that was ever used."""
        history = self.world.recorder.history()
        firsts = {(op.caller, op.key): op for op in reversed(list(history.of(Kind.RESERVE)))}
        repeaters = self._shoppers(_TOGETHER, Habits(hangs_up=0.0))
        keys = iter(firsts.values())

        async def repeat(repeater: Shopper) -> None:
            for first in keys:
                await repeater.ask_again(first)

        await asyncio.gather(*map(repeat, repeaters))

    def judge(self) -> Report:
        """What the checker says of it all."""
        self.report.requests = self._tally.requests
        self.report.done = Counter({**self._tally.statuses, "pushes": self.erp.pushes})
        self.report.findings = [
            *self._findings,
            *accidents((self.world.loaders, *self.world.gateways)),
        ]
        self.report.judge(self.world.recorder.history(), self._limits, self._folder)
        return self.report

    def between(self, since: float, until: float, *kinds: Kind) -> list[Op]:
        """Operations of these kinds that began and ended in this time."""
        history = self.world.recorder.history()
        return [op for op in history.of(*kinds) if since <= op.invoked and op.ended <= until]

    def require(
        self, what: str, ops: Sequence[Op], good: Callable[[Op], bool], share: float
    ) -> None:
        """Report it if not so large a share of the operations is good, or there are none."""
        right = sum(map(good, ops))
        if not ops or right < share * len(ops):
            self.find(f"{what}: {right} of {len(ops)}")

    def find(self, sentence: str) -> None:
        """Report what no checker of histories sees."""
        self._findings.append(sentence)

    def _shoppers(self, number: int, habits: Habits) -> list[Shopper]:
        return [
            Shopper(
                self.world,
                self.erp,
                next(self._numbers),
                habits,
                self._tally,
                random.Random(self.world.chance.random()),
            )
            for _ in range(number)
        ]


@asynccontextmanager
async def play(
    stage: Stage,
    name: str,
    *,
    shape: Shape | None = None,
    skus: int = 40,
    most: int = 8,
    habits: Habits | None = None,
    limits: Limits = LIMITS,
) -> AsyncIterator[Play]:
    """Begun: the ERP has said what there is (`most` at a place), and every gateway is ready."""
    chance = random.Random(stage.seed)
    async with world(stage.folder, stage.postgres, chance, shape) as there:
        erp = Erp(there, scarce(skus, chance), most)
        await erp.open()
        await there.ready()
        yield Play(there, erp, habits or Habits(), limits, Report(name), stage.folder)


def scarce(number: int, chance: random.Random) -> dict[str, list[str]]:
    """So many SKUs, each at one to three locations."""
    return {
        f"S-{place:02}": sorted(chance.sample(LOCATIONS, chance.randint(1, len(LOCATIONS))))
        for place in range(number)
    }


def reserved(op: Op) -> bool:
    """Whether it granted a reservation."""
    return op.outcome is Outcome.OK
