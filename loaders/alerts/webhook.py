"""Delivers by webhook: a POST of JSON, with a signature by which the receiver knows us."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from urllib.parse import quote

import aiohttp
import msgspec

from gateway.config.alert_sections import WebhookChannel
from loaders.alerts import wording
from loaders.alerts.letters import Letter, UndeliverableError

ALERT: Final = "X-Stockspan-Alert"
SIGNATURE: Final = "X-Stockspan-Signature"
"""`sha256=` and the HMAC-SHA256 of the body with the channel's secret, in hexadecimal."""

_BUSY: Final = frozenset({408, 425, 429})


class WebhookSender:
    """One receiver."""

    def __init__(self, channel: WebhookChannel) -> None:
        self._channel = channel
        self._session: aiohttp.ClientSession | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """One, without a name."""
        return ("",)

    async def check(self) -> None:
        """Nothing can be tried: whatever is posted would be taken for an alert."""

    async def send(self, letter: Letter) -> None:
        """Post the alert; any 2xx means that it was taken.

        Raises:
            UndeliverableError: it was not.
        """
        body = msgspec.json.encode(wording.shape(letter.alert))
        headers = {"Content-Type": "application/json", ALERT: quote(letter.alert.id, safe="/:-.")}
        if self._channel.secret is not None:
            digest = hmac.digest(self._channel.secret.encode(), body, hashlib.sha256)
            headers[SIGNATURE] = f"sha256={digest.hex()}"
        try:
            async with self._opened().post(
                self._channel.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
        except TimeoutError as error:
            raise UndeliverableError("the webhook gave no answer in time") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise UndeliverableError("the webhook's certificate is not trusted") from error
        except (aiohttp.ClientError, OSError) as error:
            # Its text would show the address, which may hold a secret.
            raise UndeliverableError("no connection to the webhook") from error
        if not 200 <= status < 300:
            only_this = 400 <= status < 500 and status not in _BUSY
            raise UndeliverableError(f"the webhook answered {status}", only_this=only_this)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._channel.timeout)
            self._session = aiohttp.ClientSession(timeout=timeout)
        return self._session
