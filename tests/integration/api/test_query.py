from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from tests.gateway_server import Answered, Gateway

PATH = "/v1/stock/query"
JSON = {"Content-Type": "application/json"}


async def _post(gateway: Gateway, body: bytes, path: str = PATH, **headers: str) -> Answered:
    sent = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.ask(path, "POST", data=body, headers=sent)


def _fields(answer: Answered) -> list[str]:
    assert (answer.status, answer.json["type"]) == (400, "/problems/invalid-request")
    return [error["field"] for error in answer.json["errors"]]


async def test_a_number_of_thousands_of_digits_is_no_accident(gateway: Gateway) -> None:
    body = b'{"skus":["A-100"],"x":' + b"1" * 5000 + b"}"
    assert (await _post(gateway, body)).status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b"\xef\xbb\xbf{}", "body"),
        (b'{"skus":["\xff"]}', "body"),
        (b'{"skus":["\\ud800"]}', "body"),
        (b'{"skus":["a"]} x', "body"),
        (b'{"skus":["a"],"quantity":NaN}', "body"),
        (b"{}", "skus"),
        (b'{"skus":null}', "skus"),
        (b'{"skus":"a"}', "skus"),
        (b'{"skus":[]}', "skus"),
        (b'{"skus":["a",1]}', "skus[1]"),
        (b'{"skus":["a","\\u0000"]}', "skus[1]"),
        (b'{"skus":["a"],"skus":["b"]}', "skus"),
        (b'{"skus":["a"],"x":{"y":1,"y":2}}', "y"),
        (b'{"skus":["a"],"x":' + b"[" * 60_000 + b"]" * 60_000 + b"}", "body"),
        (b'{"skus":["a"],"quantity":"5"}', "quantity"),
        (b'{"skus":["a"],"quantity":true}', "quantity"),
        (b'{"skus":["a"],"quantity":0}', "quantity"),
        (b'{"skus":["a"],"quantity":0.0001}', "quantity"),
        (b'{"skus":["a"],"quantity":1e308}', "quantity"),
        (b'{"skus":["a"],"quantity":1e400}', "quantity"),
        (b'{"skus":["a"],"quantity":' + b"9" * 500 + b"}", "quantity"),
        (b'{"skus":["a"],"pickup":"true"}', "pickup"),
        (b'{"skus":["a"],"locale":"fr"}', "locale"),
        (b'{"skus":["a"],"channel":""}', "channel"),
        (b'{"skus":["a"],"location":" a"}', "location"),
    ],
)
async def test_a_wrong_body_is_told_where(gateway: Gateway, body: bytes, field: str) -> None:
    answer = await _post(gateway, body)
    assert _fields(answer) == [field]
    assert len(answer.body) < 600


async def test_a_thousand_skus_are_answered_and_not_one_more(gateway: Gateway) -> None:
    skus = [f"S-{n}" for n in range(1000)]
    answer = await _post(gateway, json.dumps({"skus": skus}).encode())
    assert [item["sku"] for item in answer.json["items"]] == skus
    assert _fields(await _post(gateway, json.dumps({"skus": [*skus, "x"]}).encode())) == ["skus"]


async def test_parameters_may_stand_in_the_address(gateway: Gateway) -> None:
    body = b'{"skus":["A-100"],"locale":null}'
    answer = await _post(gateway, body, PATH + "?quantity=5&locale=sv&pickup=true")
    (item,) = answer.json["items"]
    assert (item["sufficient"], item["label"]) == (True, "20+ i lager")
    assert "pickup" in item


@pytest.mark.parametrize(
    ("address", "body", "field"),
    [
        ("quantity=5", {"quantity": 6}, "quantity"),
        ("locale=sv", {"locale": "en"}, "locale"),
        ("pickup=true", {"pickup": False}, "pickup"),
        ("channel=web", {"channel": "shop"}, "channel"),
        ("quantity=5.0", {"quantity": 5}, None),
        ("locale=sv-SE", {"locale": "sv"}, None),
        ("pickup=false", {"pickup": False}, None),
    ],
)
async def test_address_and_body_must_not_contradict(
    gateway: Gateway, address: str, body: dict[str, Any], field: str | None
) -> None:
    content = json.dumps({"skus": ["A-100"], **body}).encode()
    answer = await _post(gateway, content, f"{PATH}?{address}")
    assert answer.status == 200 if field is None else _fields(answer) == [field]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
async def test_only_json_is_read(gateway: Gateway, media: str) -> None:
    answer = await gateway.ask(
        PATH, "POST", data=b'{"skus":["a"]}', headers={"Content-Type": media}
    )
    assert _fields(answer) == ["content-type"]


async def test_json_with_a_charset_is_json(gateway: Gateway) -> None:
    answer = await _post(gateway, b'{"skus":["a"]}', Content_Type="application/json; charset=utf-8")
    assert answer.status == 200


async def test_a_body_has_at_most_256_kib(gateway: Gateway) -> None:
    def padded(size: int) -> bytes:
        body = b'{"skus":["a"]}'
        return body + b" " * (size - len(body))

    assert (await _post(gateway, padded(256 * 1024))).status == 200
    for answer in (
        await _post(gateway, padded(256 * 1024 + 1)),
        await _post(gateway, gzip.compress(padded(50_000_000)), Content_Encoding="gzip"),
        await gateway.ask(PATH, "POST", data=_chunks(padded(300_000)), headers=JSON),
    ):
        assert (answer.status, answer.json["type"]) == (413, "/problems/body-too-large")


async def _chunks(body: bytes) -> Any:
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


async def test_a_compressed_body_is_read_and_a_broken_one_is_told(gateway: Gateway) -> None:
    packed = gzip.compress(b'{"skus":["A-100"]}')
    assert (await _post(gateway, packed, Content_Encoding="gzip")).status == 200
    assert _fields(await _post(gateway, b"no gzip", Content_Encoding="gzip")) == ["body"]


async def test_a_body_that_is_cut_off_harms_nobody(gateway: Gateway) -> None:
    before = _unexpected(await gateway.ask("/metrics"))
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = "POST /v1/stock/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(f'{head}Content-Length: 100\r\n\r\n{{"skus"'.encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await gateway.ask("/v1/stock/A-100")).status == 200
    assert _unexpected(await gateway.ask("/metrics")) == before
    chunked = f"{head}Transfer-Encoding: chunked\r\n\r\nZZ\r\n".encode()
    assert b"400" in (await gateway.send(chunked)).split(b"\r\n")[0]


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.api.bodies._PATIENCE", 0.01)
    head = "POST /v1/stock/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    async with asyncio.timeout(10):
        assert b" 400 " in await reader.readline()
        assert b"did not arrive" in await reader.readuntil(b"]}")
    writer.close()
    await writer.wait_closed()


def _unexpected(metrics: Answered) -> bytes:
    return next(
        line for line in metrics.body.splitlines() if line.startswith(b"stockspan_unexpected")
    )
