"""The demo's `stockspan.toml`: the same settings a real installation has, for people to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stockspan.demo.access import SCOPES, Secrets, digest
from stockspan.demo.key_pairs import ALGORITHM

SAMPLE_CHANNELS: Final = ("eu", "se")
EMPTY_CHANNELS: Final = ("default",)

CUSTOMER_ISSUER: Final = "stockspan-demo-shop"
CUSTOMER_AUDIENCE: Final = "stockspan"

_FEEDS: Final = Path(__file__).with_name("sample_erp") / "feeds.toml"

_HEAD: Final = """\
# Written by `stockspan demo` at every start: changes here are lost. It is a fine place to begin
# settings of your own. Every value can also be given by environment, e.g. STOCKSPAN_STORE__URL.

[store]
url = {store}

# What customers were promised is written down here before they are told.
[ledger]
dsn = {ledger}

[gateway]
host = {host}
port = {port}
workers = {workers}
cors_origins = ["*"]

[push]
host = {host}
port = {push_port}

[loaders]
spool_dir = {spool}

# The most specific list wins, not the lowest price ("best_price") or the first in the ERP's own
# sequence ("first_match").
[prices]
strategy = "most_specific"
"""

_TOKENS: Final = """
# Who signs customers in: whoever has the private half, which is in demo.json.
[customer_tokens]
issuer = {issuer}
audience = {audience}

[customer_tokens.keys.{customer_key_id}]
algorithm = {algorithm}
public_key = \"""
{customer_public_key}\"""

# How the prices of a checkout are signed.
[price_tokens]
signing_key = {price_key_id}

[price_tokens.keys.{price_key_id}]
algorithm = {algorithm}
private_key_file = {price_key_file}
"""

_SAMPLE: Final = """
# The first channel is the default one.
[channels.eu]
currency = "EUR"
locale = "en"
timezone = "Europe/Amsterdam"
country = "NL"
cut_off = "16:00"
transit_days = [1, 3]

[channels.se]
currency = "SEK"
locale = "sv"
timezone = "Europe/Stockholm"
country = "SE"
cut_off = "14:00"
transit_days = [1, 2]

# What is sold by the hundred, by the metre or is bulky is told in other steps.
[spans.hundred]
stock_class = "hundred"
bounds = [100, 1000, 5000]
few_below = 1000

[spans.metre]
stock_class = "metre"
bounds = [1, 50, 200]
few_below = 50

[spans.bulky]
stock_class = "bulky"
bounds = [1, 3, 10]
few_below = 3

[sources.erp]
type = "postgres"
dsn = {dsn}

"""

_EMPTY: Final = """
[channels.default]
currency = "EUR"
locale = "en"
"""


@dataclass(frozen=True)
class Addresses:
    """Where everything of one demo is. `erp_dsn` is None when there is no sample ERP.

    `line_dsn` is the same ERP by way of a line that can be cut: it is Stockspan's address of it.
    The ledger lies in the same PostgreSQL server as the sample ERP, in a database of its own.
    """

    host: str
    port: int
    push_port: int
    valkey_url: str
    ledger_dsn: str
    erp_dsn: str | None
    line_dsn: str | None = None

    @property
    def gateway(self) -> str:
        """The gateway's address."""
        return f"http://{self.host}:{self.port}"

    @property
    def ingest(self) -> str:
        """The loaders' own address, for pushes."""
        return f"http://{self.host}:{self.push_port}"


def demo_settings(addresses: Addresses, secrets: Secrets, workers: int, spool: Path) -> str:
    """The text of `stockspan.toml`; there is no secret in it but the addresses' passwords."""
    head = _HEAD.format(
        store=_string(addresses.valkey_url),
        ledger=_string(addresses.ledger_dsn),
        host=_string(addresses.host),
        port=addresses.port,
        workers=workers,
        push_port=addresses.push_port,
        spool=_string(str(spool)),
    )
    head += _keys(secrets.keys) + _tokens(secrets)
    if addresses.line_dsn is None:
        return head + _EMPTY
    return head + _SAMPLE.format(dsn=_string(addresses.line_dsn)) + _FEEDS.read_text("utf-8")


def _keys(keys: Mapping[str, str]) -> str:
    return "".join(
        f'\n[keys.{name}]\nsha256 = "{digest(key)}"\nscopes = {json.dumps(SCOPES[name])}\n'
        for name, key in keys.items()
    )


def _tokens(secrets: Secrets) -> str:
    return _TOKENS.format(
        algorithm=_string(ALGORITHM),
        issuer=_string(CUSTOMER_ISSUER),
        audience=_string(CUSTOMER_AUDIENCE),
        customer_key_id=_string(secrets.customer_tokens.key_id),
        customer_public_key=secrets.customer_tokens.public_pem,
        price_key_id=_string(secrets.price_tokens.key_id),
        price_key_file=_string(str(secrets.price_tokens.file)),
    )


def _string(text: str) -> str:
    # Every JSON string of printable characters is a TOML basic string too.
    return json.dumps(text, ensure_ascii=False)
