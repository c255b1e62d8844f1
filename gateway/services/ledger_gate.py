"""Shut while the ledger is away: what would be taken then could not be promised.

Units that are pending when the ledger goes away stay taken until it is back. So as few as possible
are taken: after the first failure none, until the ledger has answered again.
"""

from __future__ import annotations


class LedgerGate:
    """Whether the ledger was away when it was last asked."""

    def __init__(self) -> None:
        self.away = False
