"""What the demo tells: `demo.json` for programs, a screenful for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape

from stockspan.demo.folder import DataFolder
from stockspan.demo.settings import Addresses


@dataclass(frozen=True)
class Facts:
    """Where everything is and what opens it. `shop` and `psql` are None without a sample ERP."""

    folder: DataFolder
    addresses: Addresses
    keys: Mapping[str, str]
    channels: Sequence[str]
    skus: Sequence[str] = ()
    shop: str | None = None
    psql: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The content of `demo.json`."""
        return {
            "gateway": self.addresses.gateway,
            "ingest": self.addresses.ingest,
            "valkey": self.addresses.valkey_url,
            "erp_dsn": self.addresses.erp_dsn,
            "shop": self.shop,
            "keys": dict(self.keys),
            "sample": {
                "skus": list(self.skus),
                "customers": [],
                "channels": list(self.channels),
            },
        }


def tell(console: Console, facts: Facts) -> None:
    """Print addresses, keys and the first things to try."""
    where = facts.addresses
    console.print("\n[bold green]Stockspan is ready.[/]\n")
    if facts.shop:
        _line(console, "Shop", facts.shop, "open it in a browser")
    _line(console, "Gateway", where.gateway, f"{where.gateway}/docs")
    _line(console, "Push", where.ingest, "POST /ingest/{kind}")
    _line(console, "Valkey", where.valkey_url)
    if where.erp_dsn:
        _line(console, "ERP", where.erp_dsn)
    kept = "kept" if facts.folder.kept else "removed at the end; --data-dir DIR keeps it"
    _line(console, "Data", str(facts.folder.root), kept)
    _line(console, "Facts", str(facts.folder.ready), "all of this, for programs")
    console.print("\n[bold]Keys[/] (Authorization: Bearer …)")
    for name, key in facts.keys.items():
        _line(console, name, key)
    console.print("\n[bold]Try[/]")
    for line in _first_steps(facts):
        console.print(f"  {escape(line)}")
    console.print("\nCtrl-C ends everything.\n")


def _first_steps(facts: Facts) -> list[str]:
    gateway = facts.addresses.gateway
    if facts.psql is None:
        place = '{"location":"W1","name":"Warehouse"}'
        level = '{"sku":"A-100","location":"W1","quantity":25}'
        push = f"curl -H 'Authorization: Bearer {facts.keys['ingest']}' --data-binary"
        return [
            f"{push} '{place}' {facts.addresses.ingest}/ingest/locations",
            f"{push} '{level}' {facts.addresses.ingest}/ingest/stock",
            f"curl {gateway}/v1/stock/A-100",
        ]
    sku = facts.skus[0]
    # Printed for a person to run; the SKU is the sample's own.
    change = f"UPDATE stock_balance SET on_hand = 2 WHERE item_no = '{sku}'"  # noqa: S608 - as said
    return [
        f"curl {gateway}/v1/stock/{sku}",
        "and change it in the ERP, with the shop open beside (docs/sample-erp.md has more):",
        f'{facts.psql} -c "{change}"',
    ]


def _line(console: Console, name: str, value: str, remark: str = "") -> None:
    console.print(f"  {name:<9}{escape(value)}" + (f"  [dim]{escape(remark)}[/]" if remark else ""))
