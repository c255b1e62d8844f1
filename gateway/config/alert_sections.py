"""The settings of alerts: who is told of what, and by which way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from gateway.config.section import Section
from gateway.config.values import Port, Seconds, http_url
from gateway.observability.events import EventKind, Severity

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Address = Annotated[str, Field(pattern=r"^[^@\s<>,;:\"]+@[^@\s<>,;:\"]+$", max_length=254)]
HttpUrl = Annotated[str, AfterValidator(http_url)]


class Journal(Section):
    """How much of what happened is kept."""

    length: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000


class SmtpChannel(Section):
    """Mail, by a server that takes it from us; each address gets a letter of its own."""

    type: Literal["smtp"]
    host: Annotated[str, Field(min_length=1)]
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: Path | None = None
    username: str | None = None
    password: str | None = None
    sender: Address
    to: Annotated[tuple[Address, ...], Field(min_length=1)]
    timeout: Seconds = 10.0

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> SmtpChannel:
        if self.username is not None and self.security == "none":
            msg = 'username needs security = "starttls" or "tls": the password would be readable'
            raise ValueError(msg)
        return self


class WebhookChannel(Section):
    """A POST of JSON, signed where there is a secret."""

    type: Literal["webhook"]
    url: HttpUrl
    secret: Annotated[str, Field(min_length=16)] | None = None
    timeout: Seconds = 10.0


Channel = Annotated[SmtpChannel | WebhookChannel, Field(discriminator="type")]


class AlertRule(Section):
    """Who is told of which events, and how often; without `to`, every channel."""

    kinds: tuple[EventKind, ...] = ()
    severity: Severity | None = None
    count: Annotated[int, Field(ge=1, le=1000)] = 1
    within: Seconds = 600.0
    quiet: Seconds = 900.0
    all_clear: bool = True
    to: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_something_to_match(self) -> AlertRule:
        if not self.kinds and self.severity is None:
            msg = "needs kinds, or a severity, or both"
            raise ValueError(msg)
        return self


class Alerts(Section):
    """Channels, and rules; where there are channels and no rule, those as shipped."""

    channels: dict[Name, Channel] = Field(default={})
    rules: dict[Name, AlertRule] = Field(default={})

    @model_validator(mode="after")
    def _names_meet(self) -> Alerts:
        known = ", ".join(sorted(self.channels)) or "none is configured"
        if self.rules and not self.channels:
            msg = "rules without channels tell nobody: configure alerts.channels"
            raise ValueError(msg)
        for name, rule in self.rules.items():
            for channel in rule.to:
                if channel not in self.channels:
                    msg = f"rules.{name}.to: {channel!r} is no channel; known: {known}"
                    raise ValueError(msg)
        return self
