"""A journal in an empty database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.ledger.journal import Journal
from tests.integration.ledger.promises import a_journal


@pytest.fixture
async def journal(database: str) -> AsyncIterator[Journal]:
    async with a_journal(database) as made:
        yield made
