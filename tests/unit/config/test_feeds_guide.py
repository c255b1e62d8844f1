"""The settings in docs/feeds.md are settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.config.file import load_settings
from gateway.config.http_sections import HttpSource
from gateway.config.outbox_section import Outbox

GUIDE = Path(__file__).parents[3] / "docs/feeds.md"
BLOCKS = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
REST = next(block for block in BLOCKS if 'type = "http"' in block)
OUTBOX = next(block for block in BLOCKS if "[feeds.stock.outbox.tables]" in block)
AUTHS = next(block for block in BLOCKS if 'type = "oauth2"' in block and "[" not in block)


def test_the_rest_api_of_the_guide_is_read(tmp_path: Path) -> None:
    path = tmp_path / "stockspan.toml"
    path.write_text(REST, encoding="utf-8")
    settings = load_settings(path, {})
    source = settings.sources["shop_erp"]
    assert isinstance(source, HttpSource)
    # What the guide gives for the limits is what is shipped.
    shipped = HttpSource(type="http", url=source.url)
    for name in ("rate", "burst", "concurrency", "connect_timeout", "timeout", "largest_body"):
        assert getattr(source, name) == getattr(shipped, name)


@pytest.mark.parametrize("auth", AUTHS.splitlines())
def test_each_way_to_ask_is_read(auth: str, tmp_path: Path) -> None:
    path = tmp_path / "stockspan.toml"
    path.write_text(f'[sources.a]\ntype = "http"\nurl = "https://erp.example"\n{auth}\n', "utf-8")
    assert load_settings(path, {}).sources["a"].type == "http"


def test_the_outbox_of_the_guide_is_read_with_the_limits_that_are_shipped(tmp_path: Path) -> None:
    path = tmp_path / "stockspan.toml"
    source = next(block for block in BLOCKS if "[sources.erp]" in block).partition("[feeds")[0]
    path.write_text(source + OUTBOX, encoding="utf-8")
    outbox = load_settings(path, {}).feeds["stock"].outbox
    assert outbox is not None
    shipped = Outbox(tables=outbox.tables)
    assert (outbox.most_keys, outbox.most_deleted) == (shipped.most_keys, shipped.most_deleted)
