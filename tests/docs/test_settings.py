"""The settings on the pages are settings, and what they say is shipped is."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.config.file import load_settings
from gateway.config.http_sections import HttpSource
from gateway.config.outbox_section import Outbox
from gateway.config.settings import Settings
from gateway.domain.record_kinds import KINDS
from tests.pages import Block, tried

# What a page's block leaves out because it stands elsewhere.
_SOURCES = {
    "postgres": {"type": "postgres", "dsn": "postgresql://erp.example/erp"},
    "http": {"type": "http", "url": "https://erp.example/api"},
}
_FEEDS: Mapping[str, Mapping[str, Any]] = {
    "postgres": {"query": "SELECT 1", "watermark": "changed_at", "delta_every": "5s"},
    "http": {"path": "items", "mapping": {"sku": "sku", "location": "'W1'", "quantity": "free"}},
    "files": {},
}
_REST_ALONE = frozenset({"sku_query", "mapping", "path"})


def settings_of(block: Block, folder: Path) -> Settings:
    """The block as settings, read as a file is."""
    path = folder / "stockspan.toml"
    completed = _completed(tomllib.loads(block.text))
    path.write_text("".join(f"{name} = {_toml(it)}\n" for name, it in completed.items()), "utf-8")
    return load_settings(path, {})


def _completed(content: dict[str, Any]) -> dict[str, Any]:
    sources = content.setdefault("sources", {})
    for name, source in sources.items():
        if "type" not in source:
            sources[name] = _SOURCES["http" if "auth" in source else "postgres"] | source
    feeds = content.setdefault("feeds", {})
    for name, feed in feeds.items():
        way = "http" if _REST_ALONE & feed.keys() else "postgres"
        kind = name if name in KINDS else "stock"
        source = sources.setdefault(feed.setdefault("source", way), _SOURCES[way])
        missing = {} if "query" in feed else _FEEDS[source["type"]]
        feeds[name] = {"kind": kind, **missing, **feed}
    return content


def _toml(value: object) -> str:
    if isinstance(value, dict):
        pairs = (f"{json.dumps(name)} = {_toml(each)}" for name, each in value.items())
        return f"{{ {', '.join(pairs)} }}"
    return json.dumps(value)


@pytest.mark.parametrize("block", tried("toml"), ids=str)
def test_settings_are_settings(block: Block, tmp_path: Path) -> None:
    assert settings_of(block, tmp_path).model_fields_set


def _block(holding: str) -> Block:
    (found,) = (block for block in tried("toml") if holding in block.text)
    return found


def test_the_limits_told_of_a_rest_api_are_as_shipped(tmp_path: Path) -> None:
    source = settings_of(_block("largest_body"), tmp_path).sources["shop_erp"]
    assert isinstance(source, HttpSource)
    shipped = HttpSource(type="http", url=source.url)
    for name in ("rate", "burst", "concurrency", "connect_timeout", "timeout", "largest_body"):
        assert getattr(source, name) == getattr(shipped, name)


def test_the_limits_told_of_an_outbox_are_as_shipped(tmp_path: Path) -> None:
    outbox = settings_of(_block("[feeds.stock.outbox]"), tmp_path).feeds["stock"].outbox
    assert outbox is not None
    shipped = Outbox(tables=outbox.tables)
    assert (outbox.most_keys, outbox.most_deleted) == (shipped.most_keys, shipped.most_deleted)


def test_every_way_to_ask_a_rest_api_is_shown(tmp_path: Path) -> None:
    sources = settings_of(_block('type = "oauth2"'), tmp_path).sources.values()
    auths = [source.auth for source in sources if isinstance(source, HttpSource)]
    assert {auth.type for auth in auths if auth} == {"bearer", "basic", "oauth2"}
