"""One step of a hold as a command: which keys a script takes, and what it tells when it is done."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.store.hold_scripts import Script
from gateway.store.keys import Change, ChangeKind, Keyspace, encode_change
from gateway.store.lane import Command


def step(
    keys: Keyspace, script: Script, sku: str, arguments: Sequence[bytes | str | int]
) -> Command:
    """The command that runs a script at one SKU."""
    message = encode_change(Change(ChangeKind.SKU, sku))
    mine = keys.holds(sku)
    return (b"EVALSHA", script.sha, len(mine), *mine, keys.changes, message, *arguments)
