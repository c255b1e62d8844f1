"""The command as people meet it: one line for a mistake, the right exit, nothing left behind."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stockspan.embedded.ports import free_port
from stockspan.embedded.valkey import EmbeddedValkey
from tests.integration.command.running_command import COMMAND, clean, stockspan


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["serve", "--prt", "3"],
        ["serve", "--port", "eighty"],
        ["load", "--twice"],
        ["keys", "create"],
        ["feed", "stats"],
        ["journal", "--kind", "moon.fell"],
    ],
)
def test_a_wrong_word_is_one_line_and_exit_2(words: list[str], tmp_path: Path) -> None:
    done = stockspan(*words, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("stockspan: ")
    assert done.stderr.count("\n") == 1


WRONG = {
    '[store]\nurl = "http://x"': "store.url: must begin with redis://, rediss:// or unix://",
    "[gateway]\nport = 99999": "gateway.port = 99999: ",
    "[gateway]\nprot = 1": "gateway.prot is no setting",
    "[surprise]": "surprise is no setting; allowed: alerts, channels, customer_tokens",
    '[freshness]\nfresh_for = "soon"': "freshness.fresh_for = 'soon': must be a duration",
    "[freshness]\nfresh_for = inf": "freshness.fresh_for = inf: ",
    '[store]\nurl = "redis://:hidden-secret@h:abc/0"': "store.url: has no valid port",
    'store = "redis://:secret@h"': "store: ",
    '[channels.a]\ncut_off = "14:00Z"': "without an offset",
    "[spans.a]\nbounds = [0.0005]": "with at most three decimals",
    '[freshness]\nfresh_for = "2d"': "stale_for must not be shorter",
    '[freshness.classes.fish]\nstale_for = "1m"': "classes.fish: stale_for must not be shorter",
    '[freshness.classes.fish]\nwhen_expired = "never"': "freshness.classes.fish.when_expired",
    '[channels.a]\ntimezone = "Mars"': "channels.a.timezone = 'Mars': must be a time zone",
    '[channels.a]\ncountry = "XX"': "channels.a.country = 'XX': must be a country",
    "[channels.a]\nworking_days = []": "channels.a.working_days",
    "[spans.a]\nbounds = [5, 1]": "spans.a.bounds = [5, 1]: must ascend",
    '[spans.a]\nchannel = "ghost"': "'ghost' is no channel; known: default",
    '[keys.a]\nsha256 = "abc"\nscopes = []': "keys.a.sha256: ",
    '[feeds.a]\nkind = "stock"\nsource = "erp"': "feeds.a.source: 'erp' is no source",
    '[sources.a]\ntype = "oracle"\ndsn = "secret"': (
        'sources.a.type = \'oracle\': must be "postgres", "http" or "files"'
    ),
    "[store": "is not TOML",
}


@pytest.mark.parametrize(
    ("word", "text"),
    [*(("serve", text) for text in WRONG), ("load", "[surprise]"), ("check", "[surprise]")],
)
def test_a_wrong_setting_stops_with_its_name_and_what_is_allowed(
    text: str, word: str, tmp_path: Path
) -> None:
    (tmp_path / "stockspan.toml").write_text(text, encoding="utf-8")
    done = stockspan(word, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert WRONG[text] in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "stockspan.toml").write_text("[gateway]\nport = 1\n", encoding="utf-8")
    done = stockspan("serve", folder=tmp_path, STOCKSPAN_GATEWAY__PORT="many")
    assert "gateway.port = 'many'" in done.stderr


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("STOCKSPAN_STOER__URL", "STOCKSPAN_STOER__URL in the environment is no setting"),
        ("STOCKSPAN_GATEWAY__CORS_ORIGINS", "given as JSON in the environment"),
    ],
)
def test_what_the_environment_misspells_is_told(name: str, told: str, tmp_path: Path) -> None:
    done = stockspan("serve", folder=tmp_path, **{name: "https://shop.example"})
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert told in done.stderr


def test_a_made_key_is_shown_once_and_kept_as_its_hash(tmp_path: Path) -> None:
    done = stockspan("keys", "create", "shop", "stock:exact", "ops", folder=tmp_path)
    assert done.returncode == 0
    secret = done.stdout.splitlines()[0].rsplit(" ", 1)[1]
    key = tomllib.loads(done.stdout)["keys"]["shop"]
    assert key["sha256"] == hashlib.sha256(secret.encode()).hexdigest()
    assert key["scopes"] == ["stock:exact", "ops"]


def test_a_store_that_is_away_is_said_in_one_line(tmp_path: Path) -> None:
    url = f"redis://:hidden@127.0.0.1:{free_port()}/0"
    for words in (["feed", "status"], ["check"]):
        done = stockspan(*words, folder=tmp_path, STOCKSPAN_STORE__URL=url)
        assert done.returncode == 1
        assert "store.url" in done.stderr
        assert done.stderr.count("\n") == 1
        assert "hidden" not in done.stderr


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for workers in ("1", "2"):
            done = stockspan("serve", "--port", port, "--workers", workers, folder=tmp_path)
            assert done.returncode == 1
            assert f"gateway.port: cannot listen on 127.0.0.1:{port}" in done.stderr
            assert done.stderr.count("\n") == 1


def test_nothing_to_load_is_said(tmp_path: Path) -> None:
    for words in (["load"], ["load", "--once"]):
        done = stockspan(*words, folder=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "nothing to load" in done.stderr


@contextmanager
def serving(folder: Path, url: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port)],
        cwd=folder,
        env={**clean(), "STOCKSPAN_STORE__URL": url},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(timeout=30)


def until_alive(url: str) -> None:
    while True:  # the test's own time limit ends it
        try:
            with urllib.request.urlopen(f"{url}/livez", timeout=5) as answer:  # noqa: S310 - ours
                assert json.load(answer) == {"alive": True}
                return
        except OSError:
            continue


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_and_stops_cleanly(
    number: signal.Signals, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    with serving(tmp_path, valkey.url) as (process, url):
        until_alive(url)
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
