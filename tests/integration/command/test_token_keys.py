"""Keys of tokens that cannot be used: the command says so in one line and serves nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.token_keys import pair

EC = pair("P-256")
SETTINGS = {
    "customer_tokens.keys.it.public_key: EdDSA needs an Ed25519 key; this is an EC key on P-256": (
        f'[customer_tokens]\nissuer = "i"\naudience = "a"\n[customer_tokens.keys.it]\n'
        f'algorithm = "EdDSA"\npublic_key = """{EC.public_pem}"""'
    ),
    "price_tokens.keys.it.private_key: is locked with a password; it must have none": (
        f'[price_tokens]\nsigning_key = "it"\n[price_tokens.keys.it]\n'
        f'algorithm = "ES256"\nprivate_key = """{EC.locked_pem}"""'
    ),
    "price_tokens.keys.it.private_key_file = 'none.pem': cannot be read (No such file or "
    "directory)": (
        '[price_tokens]\nsigning_key = "it"\n[price_tokens.keys.it]\n'
        'algorithm = "ES256"\nprivate_key_file = "none.pem"'
    ),
    # Written in the wrong place altogether: not shown either.
    "price_tokens.keys.it: input should be a valid dictionary or instance of PriceTokenKey": (
        f'[price_tokens]\nsigning_key = "it"\n[price_tokens.keys]\nit = """{EC.private_pem}"""'
    ),
}


@pytest.mark.parametrize("words", [("check",), ("serve",), ("serve", "--workers", "2")])
@pytest.mark.parametrize("told", SETTINGS)
def test_a_key_that_cannot_be_used_ends_the_command(
    told: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "stockspan.toml").write_text(SETTINGS[told], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "stockspan", *words],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("STOCKSPAN_")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("stockspan: ")
    assert done.stderr.rstrip("\n").endswith(told)
    assert done.stderr.count("\n") == 1
    assert "BEGIN" not in done.stderr
