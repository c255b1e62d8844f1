"""The short forms of what goes wrong between the ERP and the store, all in one world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
import pytest_asyncio

from stockspan.embedded.postgres import EmbeddedPostgres
from tests.faults.plays import Stage
from tests.faults.scenarios.cut import cut
from tests.faults.scenarios.erp_clocks import erp_clocks
from tests.faults.scenarios.flood import flood
from tests.faults.scenarios.garbage import garbage
from tests.faults.scenarios.guard import guard
from tests.faults.scenarios.links import links
from tests.faults.scenarios.loader_kills import loader_kills
from tests.faults.scenarios.outage import outage
from tests.faults.scenarios.shuffled import shuffled
from tests.faults.scenarios.slow import MADE_OF, slow
from tests.faults.scenarios.strange import strange
from tests.faults.scenarios.two_loaders import two_loaders
from tests.faults.supply import Act, Supply, supplied

ACTS: Final[Mapping[str, tuple[Act, Mapping[str, Any]]]] = {
    "outage": (outage, {}),
    "cut": (cut, {}),
    "guard": (guard, {}),
    "garbage": (garbage, {}),
    "shuffled": (shuffled, {}),
    "erp_clocks": (erp_clocks, {}),
    "links": (links, {}),
    "loader_kills": (loader_kills, {"times": 2, "skus": 4_000}),
    "slow": (slow, {}),
    "flood": (flood, {}),
    "strange": (strange, {}),
    "two_loaders": (two_loaders, {"skus": 4_000}),
}
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def supply(
    tmp_path_factory: pytest.TempPathFactory, durable_postgres: EmbeddedPostgres
) -> AsyncIterator[Supply]:
    stage = Stage(tmp_path_factory.mktemp("supply"), durable_postgres, seed=1)
    async with supplied(stage, shape=replace(MADE_OF, loading_way=True)) as ours:
        yield ours


@pytest.mark.parametrize("name", ACTS)
async def test_act(supply: Supply, name: str) -> None:
    act, size = ACTS[name]
    report = supply.judged(name, await act(supply, **size))
    report.require_clean()
    assert report.measured
