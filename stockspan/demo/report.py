"""What the demo tells: `demo.json` for programs, a screenful for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape

from stockspan.demo.access import Secrets
from stockspan.demo.folder import DataFolder
from stockspan.demo.key_pairs import ALGORITHM
from stockspan.demo.keyboard import has_keyboard
from stockspan.demo.settings import (
    CUSTOMER_AUDIENCE,
    CUSTOMER_ISSUER,
    EMPTY_CHANNELS,
    SAMPLE_CHANNELS,
    Addresses,
)


@dataclass(frozen=True)
class Sample:
    """What the sample ERP has to show: ids to try, its shop, and the line that opens it."""

    skus: Sequence[str]
    customers: Sequence[str]
    shop: str
    psql: str


@dataclass(frozen=True)
class Facts:
    """Where everything is and what opens it. `sample` is None without a sample ERP."""

    folder: DataFolder
    addresses: Addresses
    secrets: Secrets
    sample: Sample | None = None

    def as_json(self) -> dict[str, Any]:
        """The content of `demo.json`."""
        sample = self.sample
        return {
            "gateway": self.addresses.gateway,
            "ingest": self.addresses.ingest,
            "valkey": self.addresses.valkey_url,
            "erp_dsn": self.addresses.erp_dsn,
            "shop": sample.shop if sample else None,
            "keys": dict(self.secrets.keys),
            "jwt": {
                "algorithm": ALGORITHM,
                "issuer": CUSTOMER_ISSUER,
                "audience": CUSTOMER_AUDIENCE,
                "private_key": self.secrets.customer_tokens.private_pem,
            },
            "sample": {
                "skus": list(sample.skus) if sample else [],
                "customers": list(sample.customers) if sample else [],
                "channels": list(SAMPLE_CHANNELS if sample else EMPTY_CHANNELS),
            },
        }


def tell(console: Console, facts: Facts) -> None:
    """Print addresses, keys and the first things to try."""
    where = facts.addresses
    console.print("\n[bold green]Stockspan is ready.[/]\n")
    if facts.sample:
        _line(console, "Shop", facts.sample.shop, "open it in a browser")
    _line(console, "Gateway", where.gateway, f"{where.gateway}/docs")
    _line(console, "Push", where.ingest, "POST /ingest/{kind}")
    _line(console, "Valkey", where.valkey_url)
    if where.erp_dsn:
        _line(console, "ERP", where.erp_dsn)
    kept = "kept" if facts.folder.kept else "removed at the end; --data-dir DIR keeps it"
    _line(console, "Data", str(facts.folder.root), kept)
    _line(console, "Facts", str(facts.folder.ready), "all of this, for programs")
    console.print("\n[bold]Keys[/] (Authorization: Bearer …)")
    for name, key in facts.secrets.keys.items():
        _line(console, name, key)
    console.print("\n[bold]Try[/]")
    for line in _first_steps(facts):
        console.print(f"  {escape(line)}")
    if facts.sample and has_keyboard():
        console.print("\nPress e to cut the line to the ERP, and e again to mend it.")
    console.print("\nCtrl-C ends everything.\n")


def _first_steps(facts: Facts) -> list[str]:
    gateway, keys, sample = facts.addresses.gateway, facts.secrets.keys, facts.sample
    if sample is None:
        place = '{"location":"W1","name":"Warehouse"}'
        level = '{"sku":"A-100","location":"W1","quantity":25}'
        push = f"curl -H 'Authorization: Bearer {keys['ingest']}' --data-binary"
        return [
            f"{push} '{place}' {facts.addresses.ingest}/ingest/locations",
            f"{push} '{level}' {facts.addresses.ingest}/ingest/stock",
            f"curl {gateway}/v1/stock/A-100",
        ]
    sku, customer = sample.skus[0], sample.customers[0]
    asked = f"customer={customer}&sku={sku}&quantity=5&explain=true"
    # Printed for a person to run; the SKU is the sample's own.
    change = f"UPDATE stock_balance SET on_hand = 2 WHERE item_no = '{sku}'"  # noqa: S608 - as said
    return [
        f"curl {gateway}/v1/stock/{sku}",
        f"curl -H 'Authorization: Bearer {keys['all']}' '{gateway}/v1/prices?{asked}'",
        "and change it in the ERP, with the shop open beside (docs/first-steps.md has more):",
        f'{sample.psql} -c "{change}"',
    ]


def _line(console: Console, name: str, value: str, remark: str = "") -> None:
    console.print(f"  {name:<9}{escape(value)}" + (f"  [dim]{escape(remark)}[/]" if remark else ""))
