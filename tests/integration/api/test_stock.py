from __future__ import annotations

import json
import re
from urllib.parse import quote, urlencode

import pytest

from gateway.api.caching import PRIVATE, PUBLIC
from gateway.domain.stock import Product
from tests.gateway_server import CHECKOUT, EXACT, NOON_MS, Gateway, running


def _skus(*skus: str) -> str:
    return "/v1/stock?" + urlencode([("sku", sku) for sku in skus])


async def test_one_is_answered_field_by_field_as_the_contract_says(gateway: Gateway) -> None:
    answer = await gateway.ask("/v1/stock/A-100")
    assert answer.status == 200
    assert answer.body.decode() == (
        '{"sku":"A-100","status":"in_stock","level":"many","color":"green",'
        '"span":{"min":20,"max":null},"label":"20+ available",'
        '"schema_org":"https://schema.org/InStock",'
        '"delivery":{"earliest":"2026-11-24","latest":"2026-11-24"},'
        '"as_of":"2026-11-21T10:00:00Z","freshness":"fresh"}'
    )
    assert answer.headers["Content-Type"] == "application/json"


async def test_the_headers_are_those_of_the_contract(gateway: Gateway) -> None:
    gateway.clock.now_ms += 2_001
    headers = (await gateway.ask("/v1/stock/A-100")).headers
    assert headers["Cache-Control"] == PUBLIC
    assert headers["Vary"] == "Accept-Language, Authorization"
    assert headers["Age"] == "3"
    assert headers["Cache-Status"] == "stockspan; hit"
    assert headers["ETag"].startswith('W/"')


@pytest.mark.parametrize(
    ("sku", "status", "level", "color", "span", "schema_org"),
    [
        ("few", "limited_availability", "few", "yellow", (1, 4), "LimitedAvailability"),
        ("cable", "limited_availability", "few", "yellow", (1, 5), "LimitedAvailability"),
        ("gone", "discontinued", "none", "red", (0, 0), "Discontinued"),
        ("later", "backorder", "none", "yellow", (0, 0), "BackOrder"),
        ("empty", "out_of_stock", "none", "red", (0, 0), "OutOfStock"),
        ("soon", "preorder", "none", "yellow", (0, 0), "PreOrder"),
    ],
)
async def test_every_status_has_its_symbol_and_its_word_for_search_engines(
    gateway: Gateway, sku: str, status: str, level: str, color: str, span: object, schema_org: str
) -> None:
    item = (await gateway.ask(f"/v1/stock/{sku}")).json
    assert (item["status"], item["level"], item["color"]) == (status, level, color)
    assert (item["span"]["min"], item["span"]["max"]) == span
    assert item["schema_org"] == "https://schema.org/" + schema_org


async def test_an_expired_figure_is_on_request_where_that_is_the_policy(redis_url: str) -> None:
    async with running(redis_url, freshness={"when_expired": "on_request"}) as gateway:
        await gateway.store.verify(NOON_MS)
        await gateway.store.stock("A", {"W1": 5})
        await gateway.refresh()
        gateway.clock.now_ms += 86_400_001
        answer = await gateway.ask("/v1/stock/A?quantity=1")
    item = answer.json
    assert (item["status"], item["freshness"]) == ("on_request", "expired")
    assert item["span"] is item["schema_org"] is item["delivery"] is item["sufficient"] is None


async def test_an_unknown_sku_is_a_problem_that_caches_may_keep_shortly(gateway: Gateway) -> None:
    answer = await gateway.ask("/v1/stock/X")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["type"] == "/problems/unknown-sku"
    assert answer.json["title"] == "Unknown SKU"
    assert answer.headers["Cache-Control"] == "public, max-age=5"
    assert answer.headers["Cache-Status"] == "stockspan; fwd=miss"
    private = await gateway.ask("/v1/stock/X", key=EXACT)
    assert private.headers["Cache-Control"] == PRIVATE


async def test_many_are_answered_in_order_each_as_often_as_asked(gateway: Gateway) -> None:
    answer = await gateway.ask(_skus("few", "X", "A-100", "few"))
    items = answer.json["items"]
    assert [item["sku"] for item in items] == ["few", "X", "A-100", "few"]
    assert items[1] == {
        "sku": "X",
        "error": {"type": "/problems/unknown-sku", "title": "Unknown SKU"},
    }
    assert items[0] == items[3]
    assert answer.headers["Cache-Status"] == "stockspan; hit"


async def test_a_batch_of_nothing_known_is_a_miss_without_an_age(gateway: Gateway) -> None:
    headers = (await gateway.ask(_skus("X", "Y"))).headers
    assert headers["Cache-Status"] == "stockspan; fwd=miss"
    assert "Age" not in headers


async def test_one_many_and_query_say_the_same(gateway: Gateway) -> None:
    alone = (await gateway.ask("/v1/stock/A-100?quantity=6&pickup=true&locale=de")).json
    many = await gateway.ask(_skus("A-100") + "&quantity=6&pickup=true&locale=de")
    body = {"skus": ["A-100"], "quantity": 6, "pickup": True, "locale": "de"}
    query = await gateway.ask("/v1/stock/query", "POST", json=body)
    assert many.json == query.json == {"items": [alone]}
    assert query.headers["Cache-Control"] == PUBLIC


@pytest.mark.parametrize(
    "sku", ["A/12", "a}{b", "Ärm-42", "..", "%", "100%25", "a b", "{x}", "日本", "*"]
)
async def test_every_id_reaches_the_store_whole(gateway: Gateway, sku: str) -> None:
    encoded = quote(sku, safe="").replace(".", "%2e")
    small = re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    for path in (encoded, small):
        assert (await gateway.ask("/v1/stock/" + path)).json["sku"] == sku
    assert [item["span"]["min"] for item in (await gateway.ask(_skus(sku))).json["items"]] == [20]


async def test_a_slash_that_is_not_encoded_is_another_path(gateway: Gateway) -> None:
    answer = await gateway.ask("/v1/stock/A/12")
    assert (answer.status, answer.json["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/stock/a%00b", "sku"),
        ("/v1/stock/a%0D%0Ab", "sku"),
        ("/v1/stock/%20a", "sku"),
        ("/v1/stock/%FF", "sku"),
        ("/v1/stock/" + "a" * 65, "sku"),
        ("/v1/stock", "sku"),
        ("/v1/stock?sku=", "sku[0]"),
        ("/v1/stock?sku=a&sku=%00", "sku[1]"),
        ("/v1/stock?sku=%FF", "query"),
        ("/v1/stock?" + "&".join(["sku=a"] * 201), "sku"),
        ("/v1/stock/a?quantity=0", "quantity"),
        ("/v1/stock/a?quantity=-1", "quantity"),
        ("/v1/stock/a?quantity=0.0001", "quantity"),
        ("/v1/stock/a?quantity=1e3", "quantity"),
        ("/v1/stock/a?quantity=NaN", "quantity"),
        ("/v1/stock/a?quantity=", "quantity"),
        ("/v1/stock/a?quantity=1000000000.001", "quantity"),
        ("/v1/stock/a?quantity=" + "9" * 4000, "quantity"),
        ("/v1/stock/a?pickup=yes", "pickup"),
        ("/v1/stock/a?locale=fr", "locale"),
        ("/v1/stock/a?locale=", "locale"),
        ("/v1/stock/a?channel=", "channel"),
        ("/v1/stock/a?location=%0A", "location"),
        ("/v1/stock/a?locale=en&locale=sv", "locale"),
        ("/v1/stock/a?quantity=1&quantity=1", "quantity"),
    ],
)
async def test_a_wrong_parameter_is_named(gateway: Gateway, path: str, field: str) -> None:
    answer = await gateway.ask(path)
    assert (answer.status, answer.json["type"]) == (400, "/problems/invalid-request")
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert len(answer.body) < 500


async def test_all_that_is_wrong_is_named_at_once(gateway: Gateway) -> None:
    answer = await gateway.ask("/v1/stock/a?quantity=x&locale=fr&pickup=1")
    errors = {error["field"]: error for error in answer.json["errors"]}
    assert errors.keys() == {"quantity", "locale", "pickup"}
    assert errors["locale"]["reason"] == "must be one of de, en, nl, ro, sv"
    assert errors["locale"]["value"] == "fr"


async def test_what_is_no_parameter_of_ours_is_ignored(gateway: Gateway) -> None:
    plain = await gateway.ask("/v1/stock/A-100")
    tagged = await gateway.ask("/v1/stock/A-100?utm_source=x&utm_source=y&v=%20")
    assert tagged.body == plain.body


@pytest.mark.parametrize("path", ["/v1/stock/A-100", "/v1/stock?sku=A-100"])
async def test_unknown_places_are_not_found(gateway: Gateway, path: str) -> None:
    more = path + ("&" if "?" in path else "?")
    for name in ("channel", "location"):
        answer = await gateway.ask(f"{more}{name}=nowhere")
        assert (answer.status, answer.json["type"]) == (404, f"/problems/unknown-{name}")
    elsewhere = await gateway.ask(f"{more}location=S2")
    assert elsewhere.json["type"] == "/problems/unknown-location"


@pytest.mark.parametrize(
    ("query", "header", "label"),
    [
        ("", None, "20+ available"),
        ("?locale=sv-SE", "de", "20+ i lager"),
        ("?locale=SV_se", None, "20+ i lager"),
        ("", "sv-SE, en;q=0.8", "20+ i lager"),
        ("", "fr, en;q=0.2, sv;q=0.9", "20+ i lager"),
        ("", "sv;q=0, en;q=0.1", "20+ available"),
        ("", "fr, es", "20+ available"),
        ("", "*, sv;q=0.5", "20+ available"),
        ("", ";;q=,=,\u00e5", "20+ available"),
        ("?channel=shop", None, "20+ i lager"),
        ("?channel=shop", "en", "20+ available"),
        ("?channel=shop", "fr", "20+ i lager"),
    ],
)
async def test_the_language_is_asked_for_preferred_or_the_channels(
    gateway: Gateway, query: str, header: str | None, label: str
) -> None:
    headers = {} if header is None else {"Accept-Language": header}
    answer = await gateway.ask("/v1/stock/A-100" + query, headers=headers)
    assert answer.json["label"] == label


async def test_only_a_quantity_brings_a_judgement(gateway: Gateway) -> None:
    assert "sufficient" not in (await gateway.ask("/v1/stock/few")).json

    async def judged(sku: str, quantity: str) -> object:
        return (await gateway.ask(f"/v1/stock/{sku}?quantity={quantity}")).json["sufficient"]

    assert [await judged("few", each) for each in ("1", "2", "4", "5")] == [True, None, None, False]
    assert await judged("A-100", "20") is True
    assert await judged("A-100", "21") is None
    assert await judged("cable", "5") is False
    assert await judged("cable", "4.999") is None
    assert await judged("later", "1") is False


async def test_only_a_trusted_caller_sees_the_figure(gateway: Gateway) -> None:
    for key in (None, CHECKOUT):
        public = await gateway.ask("/v1/stock/few?quantity=4", key=key)
        assert "salable" not in public.json
        assert public.headers["Cache-Control"] == PUBLIC
    exact = await gateway.ask("/v1/stock/few?quantity=4", key=EXACT)
    assert (exact.json["salable"], exact.json["sufficient"]) == (3, False)
    assert exact.headers["Cache-Control"] == "private, no-store"
    assert b'"salable":3' in exact.body
    cable = await gateway.ask("/v1/stock/cable", key=EXACT)
    assert b'"salable":2.5' in cable.body
    assert "sufficient" not in cable.json


async def test_order_ahead_is_sufficient_for_a_trusted_caller(gateway: Gateway) -> None:
    for sku in ("later", "soon"):
        assert (await gateway.ask(f"/v1/stock/{sku}?quantity=9", key=EXACT)).json["sufficient"]


async def test_stores_are_added_when_pickup_is_asked_for(gateway: Gateway) -> None:
    assert "pickup" not in (await gateway.ask("/v1/stock/A-100?pickup=false")).json
    answer = await gateway.ask("/v1/stock/A-100?pickup=true&channel=shop&locale=en")
    assert [json.dumps(store) for store in answer.json["pickup"]] == [
        json.dumps(
            {
                "location": location,
                "name": name,
                "status": status,
                "level": level,
                "span": {"min": low, "max": high},
                "label": label,
            }
        )
        for location, name, status, level, low, high, label in (
            ("S1", "Lund", "limited_availability", "few", 1, 4, "Few left"),
            ("S2", "Ystad", "out_of_stock", "none", 0, 0, "Out of stock"),
        )
    ]


async def test_a_location_is_answered_for_alone(gateway: Gateway) -> None:
    item = (await gateway.ask("/v1/stock/A-100?location=S1")).json
    assert item["span"] == {"min": 1, "max": 4}


async def test_an_unchanged_answer_is_not_sent_again(gateway: Gateway) -> None:
    first = await gateway.ask("/v1/stock/A-100")
    tag = first.headers["ETag"]
    await gateway.store.verify(NOON_MS + 5_000)
    await gateway.refresh()
    gateway.clock.now_ms += 6_000
    for given in (tag, f'"x", {tag}', "*", tag.removeprefix("W/"), f'W/"a,b",{tag}'):
        again = await gateway.ask("/v1/stock/A-100", headers={"If-None-Match": given})
        assert (again.status, again.body) == (304, b""), given
        for name in ("ETag", "Cache-Control", "Vary", "Cache-Status"):
            assert again.headers[name] == first.headers[name]
        assert again.headers["Age"] == "1"
    second = await gateway.ask("/v1/stock/A-100", headers={"If-None-Match": 'W/"other"'})
    assert second.status == 200
    assert second.headers["ETag"] == tag
    assert second.body != first.body
    await gateway.store.stock("A-100", {"W1": 0, "W2": 4, "S1": 3})
    changed = await gateway.ask("/v1/stock/A-100", headers={"If-None-Match": tag})
    assert changed.status == 200
    assert changed.headers["ETag"] != tag


async def test_a_batch_has_one_validator_for_all_its_items(gateway: Gateway) -> None:
    tag = (await gateway.ask(_skus("A-100", "few"))).headers["ETag"]
    known = {"If-None-Match": tag}
    assert (await gateway.ask(_skus("A-100", "few"), headers=known)).status == 304
    assert (await gateway.ask(_skus("few", "A-100"), headers=known)).status == 200
    await gateway.store.stock("few", {"W1": 0})
    assert (await gateway.ask(_skus("A-100", "few"), headers=known)).status == 200


async def test_a_sku_that_looks_like_a_field_does_not_blind_the_validator(gateway: Gateway) -> None:
    trap = '"as_of":"2026-11-21T10:00:00Z'
    await gateway.store.stock(trap + "a", {"W1": 30})
    await gateway.store.stock(trap + "b", {"W1": 30})
    tags = {(await gateway.ask(_skus(trap + end))).headers["ETag"] for end in "ab"}
    assert len(tags) == 2


async def test_a_post_is_always_answered_in_full(gateway: Gateway) -> None:
    body = {"skus": ["A-100"]}
    answer = await gateway.ask("/v1/stock/query", "POST", json=body, headers={"If-None-Match": "*"})
    assert answer.status == 200


async def test_head_has_the_headers_of_get_and_no_body(gateway: Gateway) -> None:
    for path in ("/v1/stock/A-100", _skus("A-100"), "/v1/stock/X", "/livez", "/docs"):
        get, head = await gateway.ask(path), await gateway.ask(path, "HEAD")
        assert (head.status, head.body) == (get.status, b"")
        assert dict(head.headers) | {"Date": ""} == dict(get.headers) | {"Date": ""}


async def test_age_is_told_and_never_too_young(gateway: Gateway) -> None:
    await gateway.store.verify(NOON_MS - 700)
    await gateway.refresh()
    answer = await gateway.ask("/v1/stock/A-100")
    assert answer.json["as_of"] == "2026-11-21T09:59:59Z"
    assert answer.headers["Age"] == "1"


async def test_a_batch_is_as_old_as_its_oldest_item(gateway: Gateway) -> None:
    await gateway.store.verify(NOON_MS - 1_000_000, feed="slow")
    await gateway.store.stock("slow", {"W1": 1})
    await gateway.refresh()
    assert (await gateway.ask("/v1/stock/few")).headers["Age"] == "0"
    for skus in (("few", "slow"), ("slow", "few")):
        batch = await gateway.ask(_skus(*skus))
        assert batch.headers["Age"] == "1000"
        assert batch.headers["Cache-Status"] == "stockspan; hit; ttl=-100"


async def test_a_stale_answer_says_so_and_why(gateway: Gateway) -> None:
    gateway.clock.now_ms += 900_000
    fresh = await gateway.ask("/v1/stock/A-100")
    assert (fresh.json["freshness"], fresh.headers["Cache-Status"]) == ("fresh", "stockspan; hit")
    gateway.clock.now_ms += 412_000
    stale = await gateway.ask("/v1/stock/A-100")
    assert stale.json["freshness"] == "stale"
    assert stale.headers["Cache-Status"] == "stockspan; hit; ttl=-412"
    assert stale.headers["ETag"] != fresh.headers["ETag"]
    await gateway.store.verify(NOON_MS, failing=True)
    await gateway.refresh()
    down = await gateway.ask(_skus("X", "A-100"))
    assert down.headers["Cache-Status"] == "stockspan; hit; ttl=-412; detail=erp-down"
    gateway.clock.now_ms += 86_400_000
    assert (await gateway.ask("/v1/stock/A-100")).json["freshness"] == "expired"


async def test_a_cold_store_is_not_ready_and_nothing_is_called_sold_out(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        await gateway.refresh()
        for method, path in (("GET", "/v1/stock/A"), ("GET", "/v1/stock?sku=A")):
            answer = await gateway.ask(path, method)
            assert (answer.status, answer.json["type"]) == (503, "/problems/not-ready")
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.headers["Cache-Control"] == "no-store"


async def test_a_value_that_is_not_ours_is_a_miss(gateway: Gateway) -> None:
    await gateway.store.spoil("few")
    assert (await gateway.ask("/v1/stock/few")).status == 404
    await gateway.store.client.redis.delete(gateway.store.keys.sku("few"))
    await gateway.store.client.redis.lpush(gateway.store.keys.sku("few"), "x")
    assert (await gateway.ask("/v1/stock/few")).status == 404


async def test_a_channel_has_its_own_spans(redis_url: str) -> None:
    spans = {
        "coarse": {"bounds": [10]},
        "bulky": {"stock_class": "bulky", "bounds": [0.5], "few_below": 0},
    }
    async with running(redis_url, spans=spans) as gateway:
        await gateway.store.verify(NOON_MS)
        await gateway.store.stock("A", {"W1": 7})
        await gateway.store.stock("B", {"W1": 7}, Product(stock_class="bulky"))
        await gateway.refresh()
        assert (await gateway.ask("/v1/stock/A")).json["span"] == {"min": 0, "max": 9}
        assert (await gateway.ask("/v1/stock/B")).json["span"] == {"min": 0.5, "max": None}


async def test_two_hundred_of_the_longest_ids_fit_in_an_address(gateway: Gateway) -> None:
    answer = await gateway.ask(_skus(*["😀" * 63 + str(n % 10) for n in range(200)]))
    assert answer.status == 200
    assert len(answer.json["items"]) == 200
