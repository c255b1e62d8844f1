"""A loader that leads, for tests of what only a leader does."""

from __future__ import annotations

from dataclasses import dataclass

from loaders.ingest import Ingest


@dataclass
class Leads:
    """Writes with this ingest, whoever else leads."""

    writes: Ingest

    def ingest(self) -> Ingest:
        return self.writes

    def deposed(self, ingest: Ingest) -> None:
        raise AssertionError(ingest)
