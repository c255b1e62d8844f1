"""When feeds are read: what does not go together is one line with its name, and what is shipped."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from gateway.config.feed_sections import Feed, PostgresSource
from gateway.config.file import SettingsError, load_settings
from gateway.config.http_sections import HttpSource

SOURCE = '[sources.erp]\ntype = "postgres"\ndsn = "postgresql://erp.example/erp"\n'
FILES = '[sources.erp]\ntype = "files"\ndirectory = "/drop"\n'
FEED = '[feeds.a]\nkind = "stock"\nsource = "erp"\n'
QUERY = 'query = "SELECT 1"\n'
DELTAS = 'watermark = "at"\ndelta_every = "1s"\n'

DATABASE = PostgresSource(type="postgres", dsn="postgresql://erp.example/erp")
REST = HttpSource(type="http", url="https://erp.example/api")

WRONG = {
    SOURCE + FEED + QUERY + 'timezone = "Mars/Phobos"': (
        "feeds.a.timezone = 'Mars/Phobos': must be a time zone such as"
    ),
    SOURCE + FEED + QUERY + 'snapshot_at = ["25:00"]': "feeds.a.snapshot_at.0 = '25:00'",
    SOURCE + FEED + QUERY + 'snapshot_at = ["00:05+01:00"]': "must be a time of the day there",
    SOURCE + FEED + QUERY + 'reconcile_every = "1h"': (
        "feeds.a.reconcile_every: is for feeds with deltas (watermark and delta_every)"
    ),
    FILES + FEED + DELTAS + 'reconcile_every = "1h"': "feeds.a.reconcile_every: is for feeds with",
    FILES + FEED + 'snapshot_at = ["00:05"]': "feeds.a.snapshot_at: is not for feeds from files",
    SOURCE + FEED.replace("stock", "order_acks") + QUERY + DELTAS + 'reconcile_every = "1h"': (
        "feeds.a.reconcile_every: order_acks do not stay"
    ),
    SOURCE + "audit_rate = -1\n" + FEED + QUERY: "sources.erp.audit_rate = -1",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_does_not_go_together_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "stockspan.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "stockspan.toml")
    assert WRONG[text] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_times_of_the_day_are_read(tmp_path: Path) -> None:
    text = SOURCE + FEED + QUERY + 'snapshot_at = ["00:05", "12:30:10"]\ntimezone = "Asia/Tokyo"'
    (tmp_path / "stockspan.toml").write_text(text, encoding="utf-8")
    feed = load_settings(tmp_path / "stockspan.toml").feeds["a"]
    assert (feed.snapshot_at, feed.timezone) == ((time(0, 5), time(12, 30, 10)), "Asia/Tokyo")


@pytest.mark.parametrize(
    ("source", "more", "seconds"),
    [
        (DATABASE, {}, None),
        (DATABASE, {"watermark": "at", "delta_every": 1}, 3600),
        (DATABASE, {"watermark": "at", "delta_every": 1, "reconcile_every": "0s"}, None),
        (DATABASE, {"watermark": "at", "delta_every": 1, "reconcile_every": "5m"}, 300),
        (DATABASE, {"watermark": "at", "delta_every": 1, "kind": "order_acks"}, None),
        (REST, {"watermark": "at", "delta_every": 1}, None),
        (REST, {"watermark": "at", "delta_every": 1, "reconcile_every": "1d"}, 86_400),
    ],
)
def test_feeds_with_deltas_are_reconciled(
    source: PostgresSource | HttpSource, more: dict[str, object], seconds: float | None
) -> None:
    feed = Feed.model_validate({"kind": "stock", "source": "erp", "query": "SELECT 1", **more})
    assert feed.reconciles_every(source) == seconds
