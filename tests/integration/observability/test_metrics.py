"""Metrics as a real gateway and a real loader tell them: documented, named as the field does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from gateway.api.app import METRICS
from gateway.config.settings import Settings
from loaders.errors import SourceError
from loaders.load import load
from stockspan.embedded.ports import free_port
from tests.gateway_server import running
from tests.told_metrics import Told, families_of, labels_of

PAGE: Final = (Path(__file__).parents[3] / "docs/metrics.md").read_text("utf-8")
_UNITS: Final = {"seconds": "seconds", "bytes": "bytes", "share": "ratio", "1": "info"}


def documented(heading: str) -> Mapping[str, tuple[str, frozenset[str], str]]:
    """Type, labels and unit of each metric in the table under this heading."""
    table = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split("|") for line in table.splitlines() if line.startswith("| `")]
    return {
        name.strip(" `"): (kind.strip(), frozenset(re.findall(r"\w+", labels)), unit.strip())
        for name, kind, labels, unit, _means, *_worry in rows
    }


@pytest.mark.parametrize("who", ["gateway", "loader"])
def test_the_page_lists_what_is_told_and_nothing_else(told: Told, who: str) -> None:
    heading = {"gateway": "The gateway", "loader": "A loader"}[who]
    families = families_of(getattr(told, who))
    page = documented(heading)
    assert page.keys() == families.keys()
    for name, family in families.items():
        kind, labels, unit = page[name]
        assert family.samples, f"{name}: nothing was told that could be compared"
        assert (kind, labels) == (family.type, labels_of(family)), name
        stem = name.removesuffix("_total")
        for word, ending in _UNITS.items():
            assert (unit == word) == stem.endswith(f"_{ending}"), name


@pytest.mark.parametrize("who", ["gateway", "loader"])
def test_names_and_labels_are_as_the_field_has_them(told: Told, who: str) -> None:
    for name, family in families_of(getattr(told, who)).items():
        assert re.fullmatch(r"(stockspan|process)_[a-z_]+", name)
        assert name.endswith("_total") == (family.type == "counter")
        assert not re.search(r"(milli|_ms|minutes|hours|kilo|_kb|percent|_created)", name), name
        assert family.documentation, name
        for sample in family.samples:
            assert all(len(value) < 64 for value in sample.labels.values()), sample
    # SKUs and callers were at work.
    assert not re.search(r'"(S1|S2|all|exact)"', getattr(told, who))


async def test_requests_are_told_apart_up_to_ten_seconds(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        value = gateway.app[METRICS].registry.get_sample_value
        for seconds in (0.0005, 2.6, 9.9, 11):
            gateway.app[METRICS].answered("/x", "GET", 200, seconds)
        bounds = {"0.0005": 1, "2.5": 1, "5.0": 2, "10.0": 3, "+Inf": 4}
        for bound, count in bounds.items():
            labels = {"route": "/x", "le": bound}
            assert value("stockspan_http_request_seconds_bucket", labels) == count, bound


async def test_what_was_at_hand_and_what_was_not_are_counted(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        await gateway.store.verify(gateway.clock.now_ms)
        await gateway.store.stock("A", {"W1": 5})
        await gateway.store.stock("B", {"W1": 5})
        await gateway.attend()
        for path in ("/v1/stock/A", "/v1/stock/A", "/v1/stock?sku=A&sku=B", "/v1/stock/A"):
            assert (await gateway.ask(path)).status == 200
        # Whoever is told exact figures is told them from the store, and is no miss.
        await gateway.ask("/v1/stock/A", key="exact-secret")
        lines = (await gateway.ask("/metrics")).body.decode().splitlines()
    for name, count in {"hits_total": 3, "misses_total": 2, "entries": 2, "usable": 1}.items():
        assert f"stockspan_near_cache_{name} {count}.0" in lines, name


async def test_an_address_that_is_taken_is_named(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port)
    chosen = Settings(
        store={"url": redis_url},
        loaders={"spool_dir": tmp_path, "metrics": {"port": port}},
    )
    async with server:
        with pytest.raises(SourceError, match=f"loaders.metrics: 127.0.0.1:{port} cannot be"):
            await load(chosen, once=False, shutdown=asyncio.Event())
