"""Shut while the ledger is away: what would be taken then could not be promised.

Units that are pending when the ledger goes away stay taken until it is back. So as few as possible
are taken: after the first failure none, until the ledger has answered again.
"""

from __future__ import annotations

from typing import Final

from gateway.observability.events import EventKind
from gateway.observability.recorder import Recorder

_SUBJECT: Final = "ledger"


class LedgerGate:
    """Whether the ledger was away when it was last asked."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self.away = False
        self._recorder = recorder or Recorder()
        self._told = False

    def shut(self, reason: str) -> None:
        """It did not answer where nobody but us waits for it; told when that begins."""
        self.away = True
        if not self._told:
            self._recorder.record(EventKind.LEDGER_UNREACHABLE, _SUBJECT, reason=reason)
        self._told = True

    def reopen(self) -> None:
        """It has answered."""
        self.away = False
        if self._told:
            self._recorder.record(EventKind.LEDGER_BACK, _SUBJECT)
        self._told = False
