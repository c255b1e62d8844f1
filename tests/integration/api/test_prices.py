"""Prices over HTTP, as the contract has them: the item, one and many, defaults, bad input."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.domain.stock import Product
from tests.gateway_server import ALL, ANY, NOON_MS, Answered, Gateway
from tests.priced_gateway import MINE, ms, priced, row

QUERY = "/v1/prices/query"


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    async with priced(redis_url) as gateway:
        yield gateway


def _address(*skus: str, **parameters: Any) -> str:
    pairs = [("sku", sku) for sku in skus]
    for name, given in parameters.items():
        pairs += [(name, str(each)) for each in (given if isinstance(given, list) else [given])]
    return "/v1/prices?" + urlencode(pairs)


async def _price(gateway: Gateway, sku: str, **parameters: Any) -> Any:
    answer = await gateway.ask(_address(sku, **parameters), key=ALL)
    assert answer.status == 200, answer.body
    return answer.json


def _amount(item: Any, name: str = "unit_price") -> tuple[str, str]:
    return item[name]["amount"], item[name]["currency"]


async def test_one_is_answered_field_by_field_as_the_contract_says(gateway: Gateway) -> None:
    expected = (
        '{"sku":"A-100","quantity":10,'
        '"unit_price":{"amount":"79.00","currency":"SEK"},'
        '"base_price":{"amount":"100.00","currency":"SEK"},'
        '"line_net":{"amount":"790.00","currency":"SEK"},'
        '"line_tax":{"amount":"197.50","currency":"SEK"},'
        '"line_gross":{"amount":"987.50","currency":"SEK"},'
        '"price_list":"contract-42","layer":"contract","min_quantity":10,'
        '"breaks":[{"min_quantity":1,"unit_price":"85.00"},{"min_quantity":10,"unit_price":"79.00"}],'
        '"valid_until":"2026-12-31T23:00:00Z","as_of":"2026-11-21T10:00:00Z","freshness":"fresh"}'
    )
    for key, path in (
        (MINE, "/v1/prices?sku=A-100&quantity=10"),
        (MINE, "/v1/prices?customer=C-1&sku=A-100&quantity=10"),
        (ANY, "/v1/prices?customer=C-1&sku=A-100&quantity=10&channel=web&currency=SEK"),
    ):
        answer = await gateway.ask(path, key=key)
        assert answer.status == 200
        assert answer.body.decode() == expected
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["Vary"] == "Authorization"
        assert "ETag" not in answer.headers


async def test_one_many_and_query_say_the_same(gateway: Gateway) -> None:
    alone = await _price(gateway, "A-100", customer="C-1", quantity=2.5)
    other = await _price(gateway, "B-200", customer="C-1", quantity=10)
    many = await gateway.ask(
        _address("A-100", "B-200", customer="C-1", quantity=[2.5, 10]), key=ANY
    )
    lines = [{"sku": "A-100", "quantity": 2.5}, {"sku": "B-200", "quantity": 10}]
    query = await gateway.ask(QUERY, "POST", key=ANY, json={"customer": "C-1", "lines": lines})
    in_address = await gateway.ask(QUERY + "?customer=C-1", "POST", key=ANY, json={"lines": lines})
    assert many.json == {"items": [alone, other]}
    assert many.body == query.body == in_address.body
    single = {"customer": "C-1", "lines": lines[:1]}
    assert (await gateway.ask(QUERY, "POST", key=ANY, json=single)).json == {"items": [alone]}


async def test_quantities_are_one_for_all_or_one_each_or_one(gateway: Gateway) -> None:
    async def quantities(**given: Any) -> list[float]:
        answer = await gateway.ask(_address("A-100", "B-200", **given), key=ANY)
        return [item["quantity"] for item in answer.json["items"]]

    assert await quantities() == [1, 1]
    assert await quantities(quantity=3) == [3, 3]
    assert await quantities(quantity=[3, 1.5]) == [3, 1.5]
    answer = await gateway.ask(QUERY, "POST", key=ANY, json={"lines": [{"sku": "A-100"}]})
    assert answer.json["items"][0]["quantity"] == 1


async def test_many_are_answered_in_order_with_errors_in_their_place(gateway: Gateway) -> None:
    skus = ("B-200", "X", "A-100", "unpriced", "B-200")
    answer = await gateway.ask(_address(*skus), key=ANY)
    items = answer.json["items"]
    assert [item["sku"] for item in items] == list(skus)
    assert items[0] == items[4]
    unknown = {"type": "/problems/unknown-sku", "title": "Unknown SKU"}
    no_price = {"type": "/problems/no-price", "title": "No price"}
    assert items[1] == {"sku": "X", "error": unknown}
    assert items[3] == {"sku": "unpriced", "error": no_price}


@pytest.mark.parametrize(("sku", "problem"), [("X", "unknown-sku"), ("unpriced", "no-price")])
async def test_a_single_one_without_a_price_is_a_problem(
    gateway: Gateway, sku: str, problem: str
) -> None:
    answer = await gateway.ask(_address(sku), key=ANY)
    assert (answer.status, answer.json["type"]) == (404, f"/problems/{problem}")
    assert sku in answer.json["detail"]
    lines = [{"sku": sku}]
    query = await gateway.ask(QUERY, "POST", key=ANY, json={"lines": lines})
    assert (query.status, len(query.json["items"])) == (200, 1)


async def test_what_is_left_out_is_the_customers_else_the_channels(gateway: Gateway) -> None:
    assert _amount(await _price(gateway, "A-100")) == ("100.00", "SEK")
    assert _amount(await _price(gateway, "A-100", channel="euro")) == ("9.50", "EUR")
    assert _amount(await _price(gateway, "A-100", customer="euro")) == ("9.50", "EUR")
    in_sek = await _price(gateway, "A-100", customer="euro", currency="SEK")
    assert _amount(in_sek) == ("100.00", "SEK")
    # The channel's own list, because it is this customer's channel.
    assert (await _price(gateway, "A-100", customer="walk-in"))["price_list"] == "shelf"
    on_the_web = await _price(gateway, "A-100", customer="walk-in", channel="web")
    assert on_the_web["price_list"] == "base"


async def test_a_currency_without_any_list_has_no_price(gateway: Gateway) -> None:
    for sku in ("A-100", "B-200"):
        answer = await gateway.ask(_address(sku, currency="USD", customer="C-1"), key=ANY)
        assert (answer.status, answer.json["type"]) == (404, "/problems/no-price")
    euro = await gateway.ask(_address("B-200", currency="EUR"), key=ANY)
    assert euro.json["type"] == "/problems/no-price"


@pytest.mark.parametrize(
    ("customer", "price", "price_list", "layer"),
    [
        ("gold", "90.00", "gold", "group"),
        ("matrix", "80.00", "discounts", "group"),
        ("hold", "100.00", "base", "base"),
        # A contract wins over all of them.
        ("C-2", "66.6077", "contract-77", "contract"),
    ],
)
async def test_each_layer_has_its_say(
    gateway: Gateway, customer: str, price: str, price_list: str, layer: str
) -> None:
    item = await _price(gateway, "A-100", customer=customer)
    assert _amount(item) == (price, "SEK")
    assert (item["price_list"], item["layer"]) == (price_list, layer)
    assert _amount(item, "base_price") == ("100.00", "SEK")


async def test_a_price_with_tax_is_taken_apart_at_the_line(gateway: Gateway) -> None:
    item = await _price(gateway, "A-100", customer="walk-in", quantity=3)
    # 3 × 119.90 = 359.70 is what is paid; 359.70 / 1.25 = 287.76.
    assert _amount(item) == ("119.90", "SEK")
    amounts = [_amount(item, name)[0] for name in ("line_net", "line_tax", "line_gross")]
    assert amounts == ["287.76", "71.94", "359.70"]
    assert item["breaks"] == [{"min_quantity": 1, "unit_price": "119.90"}]


async def test_amounts_are_rounded_at_the_line_and_prices_are_not(gateway: Gateway) -> None:
    item = await _price(gateway, "odd", quantity=3)
    # 3 × 0.0049 = 0.0147, half up at the line; a quarter of one öre of tax is none.
    assert _amount(item) == ("0.0049", "SEK")
    amounts = [_amount(item, name)[0] for name in ("line_net", "line_tax", "line_gross")]
    assert amounts == ["0.01", "0.00", "0.01"]


async def test_without_a_base_price_there_is_none_to_show(gateway: Gateway) -> None:
    await gateway.store.stock("own", {"W1": 1}, Product())
    await gateway.store.prices(row("contract-42", "own", "7"))
    item = await _price(gateway, "own", customer="C-1")
    assert (item["base_price"], item["valid_until"]) == (None, None)


async def test_a_moment_is_answered_for(gateway: Gateway) -> None:
    async def at(moment: str, customer: str = "C-1") -> str:
        item = await _price(gateway, "A-100", customer=customer, at=moment)
        return str(item["unit_price"]["amount"])

    # Until the contract's very last millisecond, and not at its end.
    assert await at("2026-12-31T22:59:59.999Z") == "85.00"
    assert await at("2026-12-31T23:00:00Z") == "100.00"
    assert await at("2027-03-01T00:59:59+01:00", "hold") == "100.00"
    assert await at("2027-03-01T01:00:00+01:00", "hold") == "60.00"
    assert await at("2027-06-01T00:00:00Z", "hold") == "100.00"
    body = {"customer": "hold", "at": "2027-03-01T00:00:00Z", "lines": [{"sku": "A-100"}]}
    answer = await gateway.ask(QUERY, "POST", key=ANY, json=body)
    (item,) = answer.json["items"]
    assert (_amount(item)[0], item["valid_until"]) == ("60.00", "2027-06-01T00:00:00Z")


async def test_time_passes_and_prices_with_it(gateway: Gateway) -> None:
    await gateway.listen()
    assert (await _price(gateway, "A-100", customer="C-1"))["price_list"] == "contract-42"
    gateway.clock.now_ms = ms("2026-12-31T23:00")
    later = await _price(gateway, "A-100", customer="C-1")
    assert (later["price_list"], later["freshness"]) == ("base", "expired")


async def test_a_customer_on_hold_sees_prices_and_a_blocked_one_sees_nothing(
    gateway: Gateway,
) -> None:
    assert (await gateway.ask(_address("A-100", customer="hold"), key=ANY)).status == 200
    blocked = await gateway.ask(_address("A-100", customer="blocked"), key=ANY)
    unknown = await gateway.ask(_address("X", customer="C-1"), key=ANY)
    assert blocked.status == 404
    assert blocked.json["type"] == "/problems/unknown-sku"
    # As if it did not exist: not a word that would tell the two apart.
    assert blocked.body.replace(b"A-100", b"X") == unknown.body
    many = await gateway.ask(_address("A-100", "B-200", "X", customer="blocked"), key=ANY)
    assert {item["error"]["type"] for item in many.json["items"]} == {"/problems/unknown-sku"}


async def test_an_assortment_is_for_those_who_have_it(gateway: Gateway) -> None:
    assert _amount(await _price(gateway, "secret", customer="insider"))[0] == "500.00"
    for customer in ({"customer": "C-1"}, {}):
        answer = await gateway.ask(_address("secret", explain="true", **customer), key=ALL)
        assert (answer.status, answer.json["type"]) == (404, "/problems/unknown-sku")
        assert b"500" not in answer.body


async def test_an_explanation_names_every_candidate(gateway: Gateway) -> None:
    item = await _price(gateway, "A-100", customer="C-1", quantity=2, explain="true")
    told = [
        (one["price_list"], one["min_quantity"], one["unit_price"], one["outcome"], one["reason"])
        for one in item.pop("explanation")
    ]
    assert told[:2] == [
        ("contract-42", 1, "85.00", "won", "best"),
        ("base", 1, "100.00", "lost", "layer"),
    ]
    assert sorted(told[2:]) == [
        ("base-eur", 1, "9.50", "rejected", "currency"),
        ("contract-42", 10, "79.00", "rejected", "below_min_quantity"),
        ("shelf", 1, "119.90", "rejected", "not_for_customer"),
        ("spring", 1, "60.00", "rejected", "list_not_valid"),
    ]
    assert item == await _price(gateway, "A-100", customer="C-1", quantity=2, explain="false")


async def test_an_explanation_says_what_a_candidate_is_for(gateway: Gateway) -> None:
    item = await _price(gateway, "A-100", customer="C-2", explain="true")
    told = {one["price_list"]: one for one in item["explanation"]}
    assert told["gold"] == {
        "price_list": "gold",
        "layer": "group",
        "target": "product_group",
        "min_quantity": 1,
        "unit_price": "90.00",
        "outcome": "lost",
        "reason": "layer",
    }
    assert (told["discounts"]["target"], told["contract-77"]["target"]) == ("all", "sku")


async def test_that_there_is_no_price_is_explained_too(gateway: Gateway) -> None:
    asked: dict[str, Any] = {"customer": "C-1", "currency": "USD", "explain": "true"}
    alone = await gateway.ask(_address("B-200", **asked), key=ALL)
    many = await gateway.ask(_address("B-200", "X", **asked), key=ALL)
    assert (alone.status, alone.json["type"]) == (404, "/problems/no-price")
    ((one,), other) = alone.json["explanation"], many.json["items"][1]
    assert (one["price_list"], one["outcome"], one["reason"]) == ("base", "rejected", "currency")
    assert many.json["items"][0]["explanation"] == [one]
    assert "explanation" not in other


async def test_an_item_is_as_old_as_the_older_of_what_it_rests_on(gateway: Gateway) -> None:
    await gateway.store.verify(NOON_MS - 1_000_500, feed="slow", kind="prices")
    await gateway.store.prices(row("base", "B-200", "41"))
    await gateway.refresh()
    answer = await gateway.ask(_address("A-100", "B-200"), key=ANY)
    fresh, stale = answer.json["items"]
    assert (fresh["as_of"], fresh["freshness"]) == ("2026-11-21T10:00:00Z", "fresh")
    assert (stale["as_of"], stale["freshness"]) == ("2026-11-21T09:43:19Z", "stale")


@pytest.mark.parametrize("sku", ["A/12", 'a"}{b', "Ärm-42", "..", "%s", "100%25", "日本", "*"])
async def test_every_id_reaches_the_store_whole_and_comes_back(gateway: Gateway, sku: str) -> None:
    await gateway.store.stock(sku, {"W1": 1})
    await gateway.store.prices(row("base", sku, "1.5"))
    assert (await _price(gateway, sku))["sku"] == sku
    answer = await gateway.ask(QUERY, "POST", key=ANY, json={"lines": [{"sku": sku}]})
    assert [item["sku"] for item in answer.json["items"]] == [sku]


async def test_a_thousand_lines_are_answered_and_not_one_more(gateway: Gateway) -> None:
    lines = [{"sku": f"S-{n}", "quantity": 1 + n} for n in range(1000)]
    answer = await gateway.ask(QUERY, "POST", key=ANY, json={"lines": lines})
    assert [item["sku"] for item in answer.json["items"]] == [line["sku"] for line in lines]
    lines.append({"sku": "one more", "quantity": 1})
    assert _fields(await gateway.ask(QUERY, "POST", key=ANY, json={"lines": lines})) == ["lines"]


async def test_head_has_the_headers_of_get_and_no_body(gateway: Gateway) -> None:
    for path in (_address("A-100"), _address("A-100", "X"), _address("X"), "/v1/prices"):
        get, head = await gateway.ask(path, key=ANY), await gateway.ask(path, "HEAD", key=ANY)
        assert (head.status, head.body) == (get.status, b"")
        assert dict(head.headers) | {"Date": ""} == dict(get.headers) | {"Date": ""}


def _fields(answer: Answered) -> list[str]:
    assert (answer.status, answer.json["type"]) == (400, "/problems/invalid-request")
    assert len(answer.body) < 700
    return [error["field"] for error in answer.json["errors"]]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", ["sku"]),
        ("sku=", ["sku[0]"]),
        ("sku=A&sku=%00", ["sku[1]"]),
        ("sku=%FF", ["query"]),
        ("&".join(["sku=A"] * 201), ["sku"]),
        ("sku=A&quantity=0", ["quantity"]),
        ("sku=A&quantity=-1", ["quantity"]),
        ("sku=A&quantity=0.0001", ["quantity"]),
        ("sku=A&quantity=1e3", ["quantity"]),
        ("sku=A&quantity=NaN", ["quantity"]),
        ("sku=A&quantity=", ["quantity"]),
        ("sku=A&quantity=1000000000.001", ["quantity"]),
        ("sku=A&quantity=1&quantity=2", ["quantity"]),
        ("sku=A&sku=B&sku=C&quantity=1&quantity=2", ["quantity"]),
        ("sku=A&sku=B&quantity=1&quantity=0", ["quantity[1]"]),
        ("sku=A&customer=", ["customer"]),
        ("sku=A&customer=%0A", ["customer"]),
        ("sku=A&customer=C-1&customer=C-1", ["customer"]),
        ("sku=A&channel=", ["channel"]),
        ("sku=A&channel=web&channel=shop", ["channel"]),
        ("sku=A&currency=", ["currency"]),
        ("sku=A&currency=sek", ["currency"]),
        ("sku=A&currency=XYZ", ["currency"]),
        ("sku=A&currency=XAU", ["currency"]),
        ("sku=A&currency=SEK&currency=EUR", ["currency"]),
        ("sku=A&at=", ["at"]),
        ("sku=A&at=2026-11-21", ["at"]),
        ("sku=A&at=2026-11-21T10:00:00", ["at"]),
        ("sku=A&at=2026-11-21T10:00:00+01:00", ["at"]),
        ("sku=A&explain=yes", ["explain"]),
        ("sku=A&explain=", ["explain"]),
        ("sku=A&currency=X&at=now&explain=1&channel=", ["channel", "currency", "at", "explain"]),
    ],
)
async def test_a_wrong_parameter_is_named(gateway: Gateway, query: str, fields: list[str]) -> None:
    assert _fields(await gateway.ask(f"/v1/prices?{query}", key=ALL)) == fields


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b"{}", "lines"),
        (b'{"lines":null}', "lines"),
        (b'{"lines":{}}', "lines"),
        (b'{"lines":[]}', "lines"),
        (b'{"lines":["A"]}', "lines[0]"),
        (b'{"lines":[{}]}', "sku"),
        (b'{"lines":[{"sku":1}]}', "lines[0].sku"),
        (b'{"lines":[{"sku":null}]}', "lines[0].sku"),
        (b'{"lines":[{"sku":""}]}', "lines[0].sku"),
        (b'{"lines":[{"sku":"A"},{"sku":"\\u0000"}]}', "lines[1].sku"),
        (b'{"lines":[{"sku":"\\ud800"}]}', "body"),
        (b'{"lines":[{"sku":"\xff"}]}', "body"),
        (b'{"lines":[{"sku":"A","quantity":"1"}]}', "lines[0].quantity"),
        (b'{"lines":[{"sku":"A","quantity":true}]}', "lines[0].quantity"),
        (b'{"lines":[{"sku":"A","quantity":0}]}', "lines[0].quantity"),
        (b'{"lines":[{"sku":"A","quantity":-1}]}', "lines[0].quantity"),
        (b'{"lines":[{"sku":"A","quantity":0.0001}]}', "lines[0].quantity"),
        (b'{"lines":[{"sku":"A","quantity":1000000001}]}', "lines[0].quantity"),
        (b'{"lines":[{"sku":"A","quantity":1e308}]}', "lines[0].quantity"),
        (b'{"lines":[{"sku":"A","quantity":1e400}]}', "lines[0].quantity"),
        (b'{"lines":[{"sku":"A","quantity":NaN}]}', "body"),
        (b'{"lines":[{"sku":"A","quantity":' + b"9" * 400 + b"}]}", "lines[0].quantity"),
        (b'{"lines":[{"sku":"A","quantity":' + b"9" * 5000 + b"}]}", "lines[0].quantity"),
        (b'{"lines":[{"sku":"A","sku":"B"}]}', "sku"),
        (b'{"lines":[{"sku":"A","quantity":1,"quantity":2},{"sku":"B"}]}', "quantity"),
        (b'{"lines":[{"sku":"A","\\u0073ku":"B"}]}', "sku"),
        (b'{"lines":[{"sku":"A"}],"customer":"C-1","customer":"C-2"}', "customer"),
        (b'{"lines":[{"sku":"A"}],"customer":""}', "customer"),
        (b'{"lines":[{"sku":"A"}],"customer":7}', "customer"),
        (b'{"lines":[{"sku":"A"}],"channel":" a"}', "channel"),
        (b'{"lines":[{"sku":"A"}],"currency":"kr"}', "currency"),
        (b'{"lines":[{"sku":"A"}],"at":"tomorrow"}', "at"),
        (b'{"lines":[{"sku":"A"}],"at":1795255200}', "at"),
        (b'{"lines":[{"sku":"A"}],"explain":"true"}', "explain"),
        (b'{"lines":[{"sku":"A"}],"x":' + b"[" * 60_000 + b"]" * 60_000 + b"}", "body"),
    ],
)
async def test_a_wrong_body_is_told_where(gateway: Gateway, body: bytes, field: str) -> None:
    headers = {"Content-Type": "application/json"}
    assert _fields(await gateway.ask(QUERY, "POST", key=ALL, data=body, headers=headers)) == [field]


async def test_what_is_no_field_of_ours_is_ignored(gateway: Gateway) -> None:
    line = {"sku": "A-100", "quantity": 1}
    plain = await gateway.ask(QUERY, "POST", key=ANY, json={"lines": [line]})
    body = {"lines": [line | {"note": "for the cellar"}], "cart": {"id": 1}}
    assert (await gateway.ask(QUERY, "POST", key=ANY, json=body)).body == plain.body
    tagged = await gateway.ask(_address("A-100") + "&utm_source=x&utm_source=y", key=ANY)
    assert [tagged.json] == plain.json["items"]


@pytest.mark.parametrize(
    ("address", "body", "field"),
    [
        ("customer=C-1", {"customer": "C-2"}, "customer"),
        ("channel=web", {"channel": "shop"}, "channel"),
        ("currency=SEK", {"currency": "EUR"}, "currency"),
        ("explain=true", {"explain": False}, "explain"),
        ("at=2026-11-21T10:00:00Z", {"at": "2026-11-21T10:00:01Z"}, "at"),
        ("at=2026-11-21T10:00:00Z", {"at": "2026-11-21T11:00:00+01:00"}, None),
        ("customer=C-1", {"customer": "C-1"}, None),
        ("customer=C-1", {"customer": None}, None),
    ],
)
async def test_address_and_body_must_not_contradict(
    gateway: Gateway, address: str, body: dict[str, Any], field: str | None
) -> None:
    content = {"lines": [{"sku": "A-100"}], **body}
    answer = await gateway.ask(f"{QUERY}?{address}", "POST", key=ALL, json=content)
    assert answer.status == 200 if field is None else _fields(answer) == [field]


async def test_who_and_where_must_be_known(gateway: Gateway) -> None:
    for name in ("customer", "channel"):
        given = {name: "nobody"}
        one = await gateway.ask(_address("A-100", **given), key=ANY)
        many = await gateway.ask(_address("A-100", "X", **given), key=ANY)
        body = {"lines": [{"sku": "A-100"}], **given}
        query = await gateway.ask(QUERY, "POST", key=ANY, json=body)
        for answer in (one, many, query):
            assert (answer.status, answer.json["type"]) == (404, f"/problems/unknown-{name}")


async def test_a_value_that_is_not_ours_is_a_miss(gateway: Gateway) -> None:
    keys, redis = gateway.store.keys, gateway.store.client.redis
    await redis.set(keys.sku_prices("A-100"), b"not a value of ours")
    answer = await gateway.ask(_address("A-100", customer="C-1"), key=ANY)
    assert (answer.status, answer.json["type"]) == (404, "/problems/unknown-sku")
    await redis.delete(keys.customer("C-1"))
    await redis.lpush(keys.customer("C-1"), "x")
    gone = await gateway.ask(_address("B-200", customer="C-1"), key=ANY)
    assert (gone.status, gone.json["type"]) == (404, "/problems/unknown-customer")
    assert b"stockspan_corrupt_values_total 1.0" in (await gateway.ask("/metrics")).body
