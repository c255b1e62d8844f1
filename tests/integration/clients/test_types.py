"""The types for TypeScript are those of the gateway as it is now."""

from __future__ import annotations

import re
from pathlib import Path

from clients.typescript.describe import description, digest
from tests.gateway_server import running

TYPES = Path(__file__).parents[3] / "clients" / "typescript" / "stockspan.d.ts"


async def test_what_is_described_is_what_a_gateway_tells(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        assert (await gateway.ask("/openapi.json")).json == await description()


async def test_the_types_were_made_from_it() -> None:
    described = await description()
    text = TYPES.read_text("utf-8")
    made = re.match(r"// Made by scripts/types\. sha256 of the description: (\w{64})\n", text)
    assert made is not None
    assert made[1] == digest(described), "the description has changed: run scripts/types"
    assert all(f'"{path}": {{' in text for path in described["paths"])


async def test_a_release_alone_makes_no_new_types_and_a_field_does() -> None:
    described = await description()
    before = digest(described)
    described["info"]["version"] = "9.9.9"
    assert digest(described) == before
    described["components"]["schemas"]["StockItem"]["properties"]["newer"] = {"type": "string"}
    assert digest(described) != before
