"""Every implementation of a contract, each at real servers."""

from __future__ import annotations

# The same servers as the store's own tests have.
from tests.integration.store.conftest import cluster, cluster_client, single_client

__all__ = ["cluster", "cluster_client", "single_client"]
