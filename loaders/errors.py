"""Every way a sync can fail, as one tree. Each says in one line what an operator should know.

    LoaderError
     ├─ SourceError         the ERP, its database or its files cannot be read as configured
     ├─ SpoolError          no place to stage a snapshot
     ├─ WriteRefusedError   the store answers, but does not take what is written
     ├─ ArchiveError        a file is no archive, or not a whole one; or nothing is to be saved
     ├─ FeedVanishedError   the store lost what it knew of the feed: it was restarted empty
     ├─ ReleaseError        a snapshot that was held back cannot take effect, or there is none
     └─ NotLeadingError     another loader leads: this one writes nothing

`WholeNeededError` is no failure: a source says that a delta cannot tell what has changed.

The store's own errors pass through as they are: `StoreUnavailableError`, and `DeposedError` where
the fence refused a write, which ends this loader's term. None of these texts holds a password.
"""

from __future__ import annotations

from gateway.domain.errors import StockspanError


class LoaderError(StockspanError):
    """The root: whatever the loaders raise on purpose."""


class SourceError(LoaderError):
    """What is to be read cannot be read."""


class SpoolError(LoaderError):
    """A snapshot cannot be staged on disk."""


class ArchiveError(LoaderError):
    """An archive cannot be read, written or restored as it was asked for."""


class FeedVanishedError(LoaderError):
    """The feed's registration is gone, and with it what it had written."""


class WriteRefusedError(LoaderError):
    """The store refused commands (a replica, no permission), or another loader came first."""


class ReleaseError(LoaderError):
    """What an operator asks of a held-back snapshot cannot be done."""


class NotLeadingError(LoaderError):
    """Another loader leads, or none does just now."""

    def __init__(self, leader: str | None) -> None:
        super().__init__(f"another loader leads: {leader}" if leader else "no loader leads now")
        self.leader = leader


class WholeNeededError(StockspanError):
    """What has changed can only be told by a snapshot."""
