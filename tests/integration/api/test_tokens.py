"""Tokens over HTTP: customers' tokens taken and refused, and the keys of price tokens told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from gateway.api.app import ROUTES
from gateway.config.settings import Settings
from gateway.wiring.token_keys import price_tokens
from tests.bad_tokens import (
    BAD,
    CUSTOMER,
    GOOD,
    MAIN,
    NOW,
    STRANGER,
    price_section,
    section,
    with_claims,
)
from tests.gateway_server import CHECKOUT, EXACT, NOON_MS, Answered, Gateway, running
from tests.pages import ROOT, only, tried
from tests.token_keys import pair, signed

JWKS = "/.well-known/jwks.json"
GUIDE = "docs/price-tokens.md"


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    """Takes customers' tokens; signs prices with the same key, issuer and name, by mistake."""
    sections = {"customer_tokens": section(), "price_tokens": price_section()}
    async with running(redis_url, **sections) as gateway:
        await gateway.store.stock("A-100", {"W1": 30})
        await gateway.store.verify(NOON_MS)
        await gateway.refresh()
        yield gateway


def _assert_refused(answer: Answered) -> None:
    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] in {"no-store", "private, no-store"}
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    # Why it is not good is nobody's business.
    assert answer.json == {
        "type": "/problems/unauthorized",
        "title": "Unauthorized",
        "status": 401,
    }


@pytest.mark.parametrize("bad", BAD)
async def test_a_bad_token_is_refused_even_where_none_is_needed(gateway: Gateway, bad: str) -> None:
    _assert_refused(await gateway.ask("/v1/stock/A-100", key=BAD[bad]()))


@pytest.mark.parametrize("second", [with_claims(), EXACT, CHECKOUT, ""])
async def test_a_good_token_beside_another_is_refused(gateway: Gateway, second: str) -> None:
    lines = [f"Authorization: Bearer {each}\r\n" for each in (with_claims(), second)]
    for first, other in (lines, reversed(lines)):
        head = f"GET /v1/stock/A-100 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{first}{other}\r\n"
        assert (await gateway.send(head.encode())).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("secret", [b"\xff", b"a.\xff.c", b"\xc3\xa9.b.c", b"a.b.c d"])
async def test_bytes_that_are_no_text_are_refused(gateway: Gateway, secret: bytes) -> None:
    head = b"GET /v1/stock/A-100 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    sent = head + b"Authorization: Bearer " + secret + b"\r\n\r\n"
    assert (await gateway.send(sent)).startswith(b"HTTP/1.1 401 ")


async def test_every_route_that_asks_who_it_is_refuses_a_bad_token(gateway: Gateway) -> None:
    asking = [
        route
        for route in gateway.app[ROUTES]
        if route.operation is not None and route.operation.callers
    ]
    assert len(asking) >= 3
    for route in asking:
        path = route.path.replace("{sku}", "A-100")
        body: dict[str, Any] = {} if route.method == "GET" else {"json": {}}
        for bad in ("another key", "expired", "a price token", "alg none"):
            _assert_refused(await gateway.ask(path, route.method, key=BAD[bad](), **body))


async def test_a_good_token_sees_what_everyone_sees(gateway: Gateway) -> None:
    known = await gateway.ask("/v1/stock/A-100", key=with_claims())
    anyone = await gateway.ask("/v1/stock/A-100")
    assert known.status == 200
    assert known.body == anyone.body
    assert "salable" not in known.json
    assert known.headers["Cache-Control"] == anyone.headers["Cache-Control"]


async def test_a_token_may_be_long_but_not_without_end(gateway: Gateway) -> None:
    longest, longer = with_claims(more="x" * 2877), with_claims(more="x" * 2878)
    assert len(longest) == 4096 < len(longer)
    assert (await gateway.ask("/v1/stock/A-100", key=longest)).status == 200
    _assert_refused(await gateway.ask("/v1/stock/A-100", key=longer))


async def test_a_token_ends_while_it_is_used(gateway: Gateway) -> None:
    token = with_claims(exp=NOW + 1)
    assert (await gateway.ask("/v1/stock/A-100", key=token)).status == 200
    gateway.clock.now_ms += 1000
    _assert_refused(await gateway.ask("/v1/stock/A-100", key=token))


async def test_no_address_in_a_token_is_ever_visited(gateway: Gateway) -> None:
    visits = 0

    def visited(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        writer.close()

    server = await asyncio.start_server(visited, "127.0.0.1", 0)
    async with server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
        for header in ({"jku": address}, {"x5u": address}, {"kid": address}, {"iss": address}):
            token = signed({**GOOD, "iss": address}, STRANGER.private, "ES256", **header)
            _assert_refused(await gateway.ask("/v1/stock/A-100", key=token))
        assert visits == 0


async def test_without_settings_for_them_no_token_is_good(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        _assert_refused(await gateway.ask("/v1/stock/A-100", key=with_claims()))


async def test_the_keys_are_told_to_everyone_without_a_private_half(gateway: Gateway) -> None:
    answer = await gateway.ask(JWKS)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    (key,) = answer.json["keys"]
    assert key.keys() == {"kid", "kty", "crv", "x", "y", "use", "alg"}
    assert jwt.PyJWK(key).key.public_numbers() == MAIN.private.public_key().public_numbers()
    etag = {"If-None-Match": answer.headers["ETag"]}
    assert (await gateway.ask(JWKS, headers=etag)).status == 304
    assert (await gateway.ask(JWKS, "HEAD")).status == 200


async def test_where_prices_are_not_signed_there_is_no_key(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        assert (await gateway.ask(JWKS)).json == {"keys": []}


async def test_the_keys_need_no_store_that_is_warm(redis_url: str) -> None:
    async with running(redis_url, price_tokens=price_section()) as gateway:
        assert (await gateway.ask("/readyz")).status == 503
        assert (await gateway.ask(JWKS)).status == 200


async def _verify(folder: Path, url: str, token: str, ordered_at: str) -> tuple[int | None, str]:
    """Runs the guide's example as an ERP would."""
    script = folder / "verify.py"
    script.write_text(only(GUIDE, "python"), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(script), url + JWKS, "stockspan", ordered_at),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate(token.encode())
    return process.returncode, output.decode()


def _rotated(old: dict[str, Any], signing: str) -> dict[str, Any]:
    new = {"algorithm": "EdDSA", "private_key": pair("Ed25519", "prices").private_pem}
    return {"signing_key": signing, "keys": {"old": old, "new": new}}


async def test_the_guides_example_verifies_as_an_erp_would(redis_url: str, tmp_path: Path) -> None:
    old = pair("P-256", "prices")
    before = {"algorithm": "ES256", "private_key": old.private_pem}
    retired = {"algorithm": "ES256", "public_key": old.public_pem}
    claims = {"customer": "Ärm-42", "lines": []}
    async with running(redis_url, price_tokens=_rotated(retired, "new")) as gateway:
        assert gateway.parts.price_tokens is not None
        former = price_tokens(Settings.model_validate({"price_tokens": _rotated(before, "old")}))
        assert former is not None
        by_old = former.sign(claims, NOON_MS)
        by_new = gateway.parts.price_tokens.sign(claims, NOON_MS)
        head, payload, _ = by_new.split(".")
        cases = (
            (by_new, "2026-11-21T10:59:59+00:00", "Ärm-42"),
            (by_old, "2026-11-21T10:59:59+00:00", "Ärm-42"),
            (by_new, "2026-11-21T11:00:00+00:00", "refused: the order was placed after"),
            (f"{head}.{payload}.{'A' * 86}", "2026-11-21T10:30:00+00:00", "refused: "),
            (with_claims(), "2026-11-21T10:00:00+00:00", "refused: this is no price token"),
            ("", "2026-11-21T10:00:00+00:00", "refused: "),
        )
        for token, ordered_at, told in cases:
            code, output = await _verify(tmp_path, gateway.url, token, ordered_at)
            assert told in output
            assert code == (1 if told.startswith("refused") else 0)


def test_the_guides_keys_and_settings_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (keys,) = (block.text for block in tried("sh", ROOT / GUIDE) if "genpkey" in block.text)
    subprocess.run(["/bin/sh", "-ec", keys], check=True, capture_output=True)
    assert (tmp_path / "price-2026-11.pem").stat().st_mode & 0o077 == 0
    tokens = price_tokens(Settings.model_validate(tomllib.loads(only(GUIDE, "toml"))))
    assert tokens is not None
    assert [key["kid"] for key in tokens.jwks()["keys"]] == ["2026-11", "2026-05"]
    assert jwt.get_unverified_header(tokens.sign({}, NOON_MS))["alg"] == "EdDSA"
    assert CUSTOMER not in (ROOT / GUIDE).read_text("utf-8")
