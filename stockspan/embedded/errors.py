"""What can go wrong with an embedded server.

EmbeddedServerError         what failed, in one line; `detail` says why or what to do
├── ServerNotInstalled      the wheel or the tool it needs is not there
└── ServerNotStarted        it was launched and did not become ready; detail: tail of its log
"""

from __future__ import annotations


class EmbeddedServerError(Exception):
    """An embedded server cannot be had. `summary` is one line, `detail` may be several."""

    def __init__(self, summary: str, detail: str = "") -> None:
        super().__init__(f"{summary}\n{detail}" if detail else summary)
        self.summary = summary
        self.detail = detail


class ServerNotInstalled(EmbeddedServerError):
    """A wheel, a binary or a permission that the server needs is missing."""


class ServerNotStarted(EmbeddedServerError):
    """The server was launched and ended, or was not ready within its deadline.

    `passing`: the reason goes away by itself within moments; another launch is worth it.
    """

    def __init__(self, summary: str, detail: str = "", *, passing: bool = False) -> None:
        super().__init__(summary, detail)
        self.passing = passing
