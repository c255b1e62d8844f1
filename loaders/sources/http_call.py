"""One call of an ERP over HTTP, and what is said when it goes wrong: one line, no secret in it.

The one place that turns aiohttp's errors, and those of what an answer holds, into `SourceError`.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import aiohttp
import msgspec
from yarl import URL

from loaders.errors import SourceError

_SECRET: Final = re.compile(
    r"token|secret|key|pass|pwd|sig|auth|code|session|credential", re.IGNORECASE
)
_LONGEST_SHOWN: Final = 300


class AnswerError(Exception):
    """What came is not what was asked for; the text says in what way."""


class Call(msgspec.Struct, frozen=True):
    """What is asked, for which feed."""

    feed: str
    url: URL
    method: str = "GET"

    def wrong(self, what: str) -> SourceError:
        return SourceError(f"feed {self.feed}: {self.method} {masked(self.url)}: {what}")

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Whatever goes wrong inside is told as what went wrong with this call.

        Raises:
            SourceError: it did.
        """
        try:
            yield
        except _OURS as error:
            raise self.wrong(_told(error)) from error


def address(base: str, path: str) -> URL:
    """Where a path of the source at `base` is."""
    if not path or path.startswith("?"):
        return URL(base + path)
    return URL(f"{base.rstrip('/')}/{path.lstrip('/')}")


def masked(url: URL) -> str:
    """The address as it may be shown: no user, no password, no value of what looks like a key."""
    shown = url.with_user(None)
    if shown.query:
        pairs = [(name, "***" if _SECRET.search(name) else v) for name, v in shown.query.items()]
        shown = shown.with_query(pairs)
    text = shown.human_repr()
    # What it was asked for may come from the ERP itself, which can put anything there.
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _certificate(error: aiohttp.ClientConnectorCertificateError) -> str:
    cause = error.certificate_error
    reason = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else "refused"
    return f"the certificate is not to be trusted: {reason} (ca_file names another authority)"


def _tls(error: aiohttp.ClientConnectorSSLError) -> str:
    reason = getattr(error.os_error, "reason", None) or "broken off"
    return f"no TLS connection ({reason})"


def _system(error: OSError) -> str:
    cause = getattr(error, "os_error", error)
    return cause.strerror or type(cause).__name__


# Each with what is told of it; the first that fits counts.
_TOLD: Final[Sequence[tuple[type[BaseException], Callable[[Any], str]]]] = (
    (AnswerError, str),
    (aiohttp.ClientConnectorCertificateError, _certificate),
    (aiohttp.ClientConnectorSSLError, _tls),
    (aiohttp.ClientConnectorDNSError, lambda error: f"the host {error.host} is not known"),
    (aiohttp.ConnectionTimeoutError, lambda _: "no connection within connect_timeout"),
    (TimeoutError, lambda _: "no whole answer within timeout"),
    (aiohttp.ClientConnectorError, lambda error: f"no connection ({_system(error)})"),
    (aiohttp.ServerDisconnectedError, lambda _: "the connection was closed without an answer"),
    (aiohttp.ClientPayloadError, lambda _: "the answer breaks off"),
    (aiohttp.ClientResponseError, lambda _: "the answer is no HTTP"),
    (aiohttp.ClientOSError, lambda error: f"the connection broke ({_system(error)})"),
    (aiohttp.ClientError, lambda error: f"the call failed ({type(error).__name__})"),
    (OSError, lambda error: f"the connection broke ({_system(error)})"),
    (ValueError, lambda _: "the answer holds an address that is none"),
)
_OURS: Final = tuple(type_ for type_, _ in _TOLD)


def _told(error: BaseException) -> str:
    return next(tell(error) for type_, tell in _TOLD if isinstance(error, type_))
