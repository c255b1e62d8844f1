"""What an ERP may answer instead of data: each said in one line, and nothing taken over."""

from __future__ import annotations

import gzip
import ssl
import tracemalloc
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from loaders.errors import SourceError
from stockspan.embedded.ports import free_port
from tests.integration.loaders.http_feed import http_feed, lines
from tests.rest_erp import Handler, data, ok, raw_erp, rest_erp

ROWS = b'{"value": [{"no": "A", "stock": 5}]}'
PACKED = gzip.compress(ROWS)
GZIP = "Content-Encoding: gzip"


async def refused(url: str, **more: object) -> str:
    """What is said of a snapshot that fails."""
    async with http_feed(url, **more) as reader:
        with pytest.raises(SourceError) as caught:
            await lines(reader)
    said = str(caught.value)
    assert said.startswith("feed stock: ")
    assert said.isprintable()
    return said


RAW = {
    "200 with HTML": (ok(b"<!DOCTYPE html><p>Sign in"), "a page (HTML), no data"),
    "no JSON": (ok(b"value: []"), "is not JSON"),
    "nothing": (ok(b""), "the answer is empty"),
    "JSON cut short": (ok(ROWS[:-3]), "is not JSON (Input data was truncated)"),
    "nan": (ok(ROWS.replace(b"5", b"nan")), "holds NaN or Infinity"),
    "broken UTF-8 and cut short": (ok(ROWS[:-1].replace(b"A", b"\xc4")), "is not UTF-8"),
    "nested too deeply": (ok(b"[" * 200_000), "nested too deeply"),
    "an endless figure": (ok(ROWS.replace(b"5", b"5" * 5000)), "Integer value out of range"),
    "rows elsewhere": (ok(b'{"items": [], "total": 0}'), "finds no list but null (it has: items,"),
    "rows that are none": (ok(b'{"value": {"no": "A"}}'), "finds no list but an object"),
    "a longer length": (ok(ROWS, f"Content-Length: {len(ROWS) + 9}"), "the answer breaks off"),
    "gzip": (ok(PACKED[:-9], GZIP), "the gzip of the body is cut short"),
    "no gzip": (ok(ROWS, GZIP), "the body is no gzip"),
    "another packing": (ok(ROWS, "Content-Encoding: br"), "packed as 'br', which was not asked"),
    "too long": (ok(b" " * 5000), "longer than largest_body (4096 bytes)"),
    "no HTTP": (b"220 mail.example ESMTP\r\n", "is no HTTP"),
    "silence": (b"", "closed without an answer"),
    "a broken header": (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "is no HTTP"),
    "304 unasked": (b"HTTP/1.1 304 Not Modified\r\n\r\n", "the ERP answers 304"),
    "a status of its own": (b"HTTP/1.1 599 Off\r\nContent-Length: 0\r\n\r\n", "answers 599"),
}


@pytest.mark.parametrize("what", RAW)
async def test_what_is_no_data_is_said_in_one_line(what: str) -> None:
    answer, told = RAW[what]
    async with raw_erp(answer) as url:
        largest = 4096 if "largest" in told else 1 << 20
        said = await refused(url, source={"largest_body": largest})
        assert f"GET {url}/items: " in said
    assert told in said


async def test_of_a_bomb_no_more_is_unpacked_than_is_allowed() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    async with raw_erp(ok(bomb, GZIP)) as url:
        tracemalloc.start()
        said = await refused(url, source={"largest_body": 1 << 20})
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert "longer than largest_body" in said
    assert most < 20_000_000


@pytest.mark.parametrize("cut", range(0, len(PACKED), 7))
async def test_a_gzip_cut_anywhere_is_no_snapshot(cut: int) -> None:
    async with raw_erp(ok(PACKED[:cut], GZIP)) as url:
        assert "cut short" in await refused(url)


async def test_a_packed_answer_is_unpacked() -> None:
    async with raw_erp(ok(PACKED, GZIP)) as url, http_feed(url) as reader:
        assert await lines(reader) == [b'{"sku":"A","location":"W1","quantity":5}']


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, "does not understand this address"),
        (401, "refuses the credentials (401)"),
        (403, "may not read this (403)"),
        (404, "no such address (404)"),
        (429, "too often (429) and does not say how long"),
        (500, "answers 500 (Internal Server Error)"),
        (503, "answers 503 (Service Unavailable)"),
        (204, "answers 204 (No Content)"),
    ],
)
async def test_a_status_is_said_in_words(status: int, told: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        del request
        return web.Response(status=status)

    async with rest_erp(answer) as erp:
        assert told in await refused(erp.url)
        # No second try here: the keeper decides when.
        assert len(erp.asked) == 1


async def test_where_nobody_listens_it_is_said() -> None:
    assert "no connection (" in await refused(f"http://127.0.0.1:{free_port()}")


async def test_a_host_that_is_not_known_is_named() -> None:
    said = await refused("http://no-such-erp.invalid")
    assert "the host no-such-erp.invalid is not known" in said


@pytest.mark.parametrize("said_before", [b"", ok(ROWS)[:-9]])
async def test_an_erp_that_hangs_is_given_up(said_before: bytes) -> None:
    async with raw_erp(said_before, hangs=True) as url:
        said = await refused(url, source={"timeout": 0.2})
    assert "no whole answer within timeout" in said


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def _items(request: web.Request) -> web.Response:
    del request
    return data({"value": []})


async def test_a_certificate_of_nobody_is_refused_and_of_our_own_authority_taken(
    authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ca_file = {"ca_file": tmp_path / "ca.pem"}
    async with rest_erp(_items, tls(authority, "localhost")) as erp:
        assert "the certificate is not to be trusted" in await refused(erp.url)
        async with http_feed(erp.url, source=ca_file) as reader:
            assert await lines(reader) == []
    async with rest_erp(_items, tls(authority, "erp.example")) as erp:
        said = await refused(erp.url, source=ca_file)
        assert "not to be trusted: Hostname mismatch" in said


async def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, told in (("gone.pem", "No such file"), ("text.pem", "no certificate")):
        (tmp_path / "text.pem").write_text("nothing")
        said = await refused("https://localhost:1", source={"ca_file": tmp_path / name})
        assert f"ca_file {tmp_path / name} cannot be used: " in said
        assert told in said


async def test_tls_where_there_is_none_is_said() -> None:
    async with rest_erp(_items) as erp:
        assert "no TLS connection" in await refused(erp.url.replace("http", "https"))


def redirect(to: str) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/there":
            return data({"value": [{"no": "A", "stock": 1}]})
        return web.Response(status=307, headers={"Location": to})

    return answer


async def test_a_redirect_is_followed_on_its_own_host_alone() -> None:
    async with rest_erp(redirect("/there")) as erp, http_feed(erp.url) as reader:
        assert len(await lines(reader)) == 1
    for elsewhere in ("http://other.example/there", "//127.0.0.2:1/x", "https://localhost/there"):
        async with rest_erp(redirect(elsewhere)) as erp:
            assert "redirects to another host" in await refused(erp.url)
    for nowhere in ("", "http://[", "http://:99999/"):
        async with rest_erp(redirect(nowhere)) as erp:
            assert "redirects to no address" in await refused(erp.url)
    async with rest_erp(redirect("/items")) as erp:
        assert "redirects more than 5 times" in await refused(erp.url)


async def test_no_secret_is_in_what_is_said() -> None:
    async with rest_erp(redirect("http://u:s3cret@other.example/?token=s3cret")) as erp:
        said = await refused(
            erp.url,
            path="items?api_key=s3cret&plant=7",
            source={
                "auth": {"type": "basic", "username": "u", "password": "s3cret"},
                "headers": {"X-Key": "s3cret"},
            },
        )
    assert "s3cret" not in said
    assert "/items?api_key=***&plant=7: " in said
