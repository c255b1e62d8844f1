"""Rules and senders, as the settings have them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import msgspec

from gateway.config.alert_sections import Alerts, SmtpChannel
from gateway.config.file import SettingsError
from gateway.observability.alert_rules import Rule, shipped
from loaders.alerts.letters import Sender
from loaders.alerts.smtp import SmtpSender
from loaders.alerts.webhook import WebhookSender


class Telling(msgspec.Struct, frozen=True):
    """Who is told of what: rules, and by channel what delivers."""

    rules: tuple[Rule, ...]
    senders: Mapping[str, Sender]


def telling(alerts: Alerts) -> Telling:
    """What is configured; nothing is connected yet.

    Raises:
        SettingsError: a channel cannot work as it is configured.
    """
    return Telling(rules(alerts), senders(alerts))


def rules(alerts: Alerts) -> tuple[Rule, ...]:
    """The rules that are configured; where there are channels and none is, those as shipped."""
    everyone = tuple(alerts.channels)
    if not alerts.rules:
        return shipped(everyone) if everyone else ()
    return tuple(
        Rule(
            name,
            rule.to or everyone,
            frozenset(kind.value for kind in rule.kinds),
            rule.severity,
            rule.count,
            int(rule.within * 1000),
            int(rule.quiet * 1000),
            rule.all_clear,
        )
        for name, rule in alerts.rules.items()
    )


def senders(alerts: Alerts) -> Mapping[str, Sender]:
    """What delivers for each channel; nothing is connected yet.

    Raises:
        SettingsError: a channel cannot work as it is configured.
    """
    return {
        name: _smtp(f"alerts.channels.{name}", channel)
        if isinstance(channel, SmtpChannel)
        else WebhookSender(channel)
        for name, channel in alerts.channels.items()
    }


def _smtp(setting: str, channel: SmtpChannel) -> SmtpSender:
    # Not said when the settings are read: the gateway reads them too, and needs no password.
    if channel.username is not None and channel.password is None:
        raise SettingsError(f"{setting}.password is missing: username is given")
    if channel.security == "none":
        return SmtpSender(channel, None)
    try:
        return SmtpSender(channel, ssl.create_default_context(cafile=channel.ca_file))
    except OSError as error:
        place = f"{setting}.ca_file = {str(channel.ca_file)!r}"
        reason = "is no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingsError(f"{place}: cannot be used ({reason})") from None
