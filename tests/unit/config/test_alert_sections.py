"""The settings of alerts: what is wrong is named, and no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.alert_sections import Alerts
from gateway.config.file import SettingsError, load_settings
from gateway.observability.events import EventKind, Severity
from loaders.alerts.channels import rules, telling

MAIL = """
[alerts.channels.mail]
type = "smtp"
host = "mail.example"
sender = "stockspan@shop.example"
to = ["ops@shop.example"]
"""
HOOK = '[alerts.channels.hook]\ntype = "webhook"\nurl = "https://hooks.example/hidden"\n'
RULE = '[alerts.rules.r]\nseverity = "error"\n'
SECRET = "hidden-hidden-hidden"

WRONG = {
    MAIL + "port = 99999": "alerts.channels.mail.port = 99999: ",
    MAIL.replace('host = "mail.example"', ""): "alerts.channels.mail.host is missing",
    MAIL.replace("ops@shop.example", "ops"): "alerts.channels.mail.to.0 = 'ops': ",
    MAIL.replace("ops@shop.example", r"a@b\r\nBcc: c@d"): "alerts.channels.mail.to.0 = ",
    MAIL.replace('"smtp"', '"pigeon"'): (
        'alerts.channels.mail.type = \'pigeon\': must be "smtp" or "webhook"'
    ),
    MAIL.replace('type = "smtp"', ""): ('alerts.channels.mail.type: must be "smtp" or "webhook"'),
    MAIL + f'security = "none"\nusername = "u"\npassword = "{SECRET}"': (
        'alerts.channels.mail: username needs security = "starttls" or "tls"'
    ),
    MAIL + "password = 7": "alerts.channels.mail.password: ",
    MAIL + f'passwort = "{SECRET}"': "alerts.channels.mail.passwort is no setting",
    HOOK + 'secret = "hidden"': "alerts.channels.hook.secret: ",
    HOOK.replace("https", "ftp"): "alerts.channels.hook.url: must begin with https:// or http://",
    HOOK.replace("//hooks.example", ""): "alerts.channels.hook.url: must begin with",
    RULE: "alerts: rules without channels tell nobody",
    HOOK + RULE + 'to = ["mail"]': "alerts: rules.r.to: 'mail' is no channel; known: hook",
    HOOK + RULE + 'kinds = ["moon.fell"]': "alerts.rules.r.kinds.0 = 'moon.fell': ",
    HOOK + "[alerts.rules.r]\ncount = 1": "alerts.rules.r: needs kinds, or a severity, or both",
    HOOK + RULE + "count = 0": "alerts.rules.r.count = 0: ",
    HOOK + RULE + 'quiet = "soon"': "alerts.rules.r.quiet = 'soon': must be a duration",
    "[journal]\nlength = 5": "journal.length = 5: ",
}


@pytest.mark.parametrize("content", WRONG)
def test_what_is_wrong_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "stockspan.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {})
    said = str(caught.value).removeprefix(f"{path}: ")
    assert said.startswith(WRONG[content])
    assert "hidden" not in said


def test_as_shipped_every_channel_is_told_of_errors_and_warnings() -> None:
    assert rules(Alerts()) == ()
    hook = {"type": "webhook", "url": "https://hooks.example"}
    alerts = Alerts.model_validate({"channels": {"one": hook, "two": hook}})
    told = telling(alerts)
    assert [(rule.name, rule.to) for rule in told.rules] == [
        ("errors", ("one", "two")),
        ("warnings", ("one", "two")),
    ]
    assert set(told.senders) == {"one", "two"}


def test_rules_are_as_they_are_configured() -> None:
    hook = {"type": "webhook", "url": "https://hooks.example"}
    given = {
        "kinds": ["feed.failed"],
        "severity": "error",
        "count": 3,
        "within": "5m",
        "quiet": "1h",
        "all_clear": False,
        "to": ["two"],
    }
    alerts = Alerts.model_validate(
        {"channels": {"one": hook, "two": hook}, "rules": {"a": given, "b": {"severity": "info"}}}
    )
    first, second = rules(alerts)
    assert (first.name, first.to) == ("a", ("two",))
    assert first.kinds == frozenset({EventKind.FEED_FAILED.value})
    assert (first.severity, first.count, first.all_clear) == (Severity.ERROR, 3, False)
    assert (first.within_ms, first.quiet_ms) == (300_000, 3_600_000)
    assert (second.to, second.count, second.all_clear) == (("one", "two"), 1, True)
