"""Writes the gateway's own description to a file, and prints its digest: for `scripts/types`.

It is what a running gateway tells at `/openapi.json`; none is started for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from gateway.api.app import ROUTES, create_app
from gateway.api.openapi import document
from gateway.config.settings import Settings
from gateway.wiring.assembly import assemble


async def description() -> dict[str, Any]:
    """The OpenAPI document of a gateway as shipped."""
    parts = assemble(Settings())
    try:
        routes = create_app(parts)[ROUTES]
        return document(routes)
    finally:
        await parts.close()


def digest(described: dict[str, Any]) -> str:
    """SHA-256 of all that types are made from: a release by itself changes none."""
    unversioned = {**described, "info": None}
    return hashlib.sha256(json.dumps(unversioned, sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    made = asyncio.run(description())
    Path(sys.argv[1]).write_text(json.dumps(made), encoding="utf-8")
    sys.stdout.write(digest(made) + "\n")
