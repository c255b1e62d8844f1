"""Feeds of a benchmark's loaders: each kind of record by its query to the source `erp`."""

from __future__ import annotations

from collections.abc import Mapping


def feed_sections(queries: Mapping[str, str]) -> str:
    """The sections of a settings file, in TOML."""
    return "\n".join(
        f"[feeds.{kind}]\nkind = \"{kind}\"\nsource = \"erp\"\nquery = '''{query}'''"
        for kind, query in queries.items()
    )
