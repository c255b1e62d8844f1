"""Delivers by mail: the only code that knows aiosmtplib, and where its errors become ours."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Final

import aiosmtplib

from gateway.config.alert_sections import SmtpChannel
from loaders.alerts import wording
from loaders.alerts.letters import Letter, UndeliverableError

_LONGEST: Final = 160
_GOODBYE_SECONDS: Final = 1.0


class SmtpSender:
    """One mail server; `tls` is what its certificate is verified with."""

    def __init__(self, channel: SmtpChannel, tls: ssl.SSLContext | None) -> None:
        self._channel = channel
        self._tls = tls

    @property
    def addresses(self) -> tuple[str, ...]:
        """The mail addresses."""
        return self._channel.to

    async def check(self) -> None:
        """Connect, and log in where that is asked for.

        Raises:
            UndeliverableError: it cannot be done.
        """
        async with self._connected():
            return

    async def send(self, letter: Letter) -> None:
        """Hand the letter to the mail server.

        Raises:
            UndeliverableError: it has not taken it.
        """
        async with self._connected() as server:
            await server.send_message(
                self._message(letter), sender=self._channel.sender, recipients=[letter.address]
            )

    async def close(self) -> None:
        """Nothing is kept open: alerts are rare."""

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        channel = self._channel
        server = aiosmtplib.SMTP(
            hostname=channel.host,
            port=channel.port,
            username=channel.username,
            password=channel.password,
            use_tls=channel.security == "tls",
            start_tls=channel.security == "starttls",
            tls_context=self._tls,
            timeout=channel.timeout,
        )
        try:
            # aiosmtplib's own timeout is for each step, of which a slow server may make many.
            async with asyncio.timeout(channel.timeout):
                await server.connect()
                yield server
            # What was taken is taken, whether the server says goodbye or not.
            with suppress(aiosmtplib.SMTPException, OSError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await server.quit()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _translated(error) from error
        finally:
            server.close()

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._channel.sender
        message["To"] = letter.address
        message["Subject"] = wording.subject(letter.alert)
        message["Date"] = formatdate()
        # The same for a repetition: mail servers and readers know it by that.
        digest = hashlib.sha256(f"{letter.alert.id} {letter.address}".encode()).hexdigest()[:32]
        message["Message-ID"] = f"<{digest}@{self._channel.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Stockspan-Alert"] = letter.alert.id
        message.set_content(wording.text(letter.alert))
        return message


def _said(code: int, text: str) -> str:
    said = " ".join(text.split())
    return f"the mail server said {code} {said}"[:_LONGEST]


_REASONS: Final[Sequence[tuple[type[Exception], Callable[[Any], str]]]] = (
    (aiosmtplib.SMTPAuthenticationError, lambda _: "the mail server refused the user or password"),
    (
        aiosmtplib.SMTPRecipientsRefused,
        lambda error: _said(error.recipients[0].code, error.recipients[0].message),
    ),
    (aiosmtplib.SMTPResponseException, lambda error: _said(error.code, error.message)),
    (ssl.SSLError, lambda error: f"the mail server's certificate or TLS: {error.reason}"),
    (TimeoutError, lambda _: "the mail server gave no answer in time"),
    (OSError, lambda _: "no connection to the mail server"),
    # What it lacks: STARTTLS, or a login. The words are aiosmtplib's own.
    (aiosmtplib.SMTPException, lambda error: f"the mail server: {error}"[:_LONGEST]),
    (Exception, lambda error: f"the mail server: {type(error).__name__}"),
)
_THIS_ONE: Final = (
    aiosmtplib.SMTPRecipientsRefused,
    aiosmtplib.SMTPSenderRefused,
    aiosmtplib.SMTPDataError,
    ValueError,
)
"""What is about one letter; with anything else, others would fare no better."""


def _translated(error: Exception) -> UndeliverableError:
    tell = next(tell for type_, tell in _REASONS if isinstance(error, type_))
    return UndeliverableError(tell(error), only_this=isinstance(error, _THIS_ONE))
