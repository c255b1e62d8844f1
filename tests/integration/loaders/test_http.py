"""The HTTP source against a real server: pages, watermarks, conditions, who asks, how often."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from multidict import MultiDict

from gateway.store.feeds import Drift
from loaders.errors import SourceError
from loaders.feedbook import Feed
from tests.integration.loaders.http_feed import (
    MAPPING,
    follow,
    http_feed,
    http_reader,
    http_readers,
    lines,
    take,
)
from tests.rest_erp import Handler, data, rest_erp

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

CHANGED = "2026-01-01T00:00:00Z"


def items(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [{"no": f"S{n}", "stock": n, "changed": CHANGED} for n in range(first, first + count)]


def by_number(rows: list[dict[str, Any]], cap: int = 1000, first: int = 1) -> Handler:
    """An ERP that pages by number, never more than `cap` rows at once."""

    async def answer(request: web.Request) -> web.Response:
        size = min(int(request.query.get("size", cap)), cap)
        at = (int(request.query.get("page", first)) - first) * size
        return data({"value": rows[at : at + size], "total": len(rows)})

    return answer


def numbered(**more: Any) -> dict[str, Any]:
    return {"by": "page", "size_param": "size", "size": 5, **more}


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 10, 13])
@pytest.mark.parametrize("first", [0, 1])
async def test_numbered_pages_are_read_to_their_end(count: int, first: int) -> None:
    async with (
        rest_erp(by_number(items(count), first=first)) as erp,
        http_feed(erp.url, paging=numbered(first=first, count="total")) as reader,
    ):
        assert len(list(filter(None, await lines(reader)))) == count


async def test_an_erp_that_gives_less_at_once_than_asked_for_is_not_cut_short() -> None:
    async with rest_erp(by_number(items(20), cap=3)) as erp:
        async with http_feed(erp.url, paging=numbered()) as reader:
            with pytest.raises(SourceError, match="gives 3 rows a page, and size says 5"):
                await lines(reader)
        # Without a size the end is an empty page.
        async with http_feed(erp.url, paging={"by": "page"}) as reader:
            assert len(await lines(reader)) == 20


async def _always_the_same(request: web.Request) -> web.Response:
    del request
    return data({"value": items(5), "next": "c1"})


@pytest.mark.parametrize(
    ("paging", "told"),
    [
        (numbered(), "read before: does the ERP know page? (a loop)"),
        ({"by": "page"}, "read before: does the ERP know page? (a loop)"),
        (numbered(size=3), "the page has 5 rows, which is more than size (3)"),
        ({"by": "cursor", "next": "next"}, "the cursor is one that was there before (a loop)"),
        ({"by": "cursor", "next": "value"}, "paging.next finds no cursor but a list"),
        ({"by": "cursor", "next": "sum(value)"}, "sum() was given object"),
        ({"by": "link", "next": "value"}, "paging.next finds no address but a list"),
        ({"by": "link", "next": "'/items'"}, "the next page is one that was read before (a loop)"),
        (
            {"by": "link", "next": "'http://x.example/'"},
            "leads to another host (http://x.example/)",
        ),
        ({"by": "none", "count": "`6`"}, "the ERP counts 6 rows, 5 have come"),
        ({"by": "none", "count": "total"}, "the ERP counts null rows, 5 have come"),
    ],
)
async def test_pages_without_a_certain_end_are_no_snapshot(
    warehouse: Warehouse, paging: dict[str, Any], told: str
) -> None:
    async with rest_erp(_always_the_same) as erp, http_feed(erp.url, paging=paging) as reader:
        with pytest.raises(SourceError) as caught:
            await take(warehouse, reader)
    assert told in str(caught.value)
    assert f"GET {erp.url}/items" in str(caught.value)
    assert await warehouse.everything() == {}


async def _without_end(request: web.Request) -> web.Response:
    page = int(request.query.get("page", "0"))
    return data({"value": items(1, page), "next": f"{page + 1}"})


@pytest.mark.parametrize(
    "paging",
    [{"by": "page"}, {"by": "cursor", "param": "page", "next": "next"}],
)
async def test_more_pages_than_are_allowed_are_no_snapshot(paging: dict[str, Any]) -> None:
    async with (
        rest_erp(_without_end) as erp,
        http_feed(erp.url, paging={**paging, "most_pages": 7}) as reader,
    ):
        with pytest.raises(SourceError, match=r"more pages than most_pages \(7\)"):
            await lines(reader)
    assert len(erp.asked) == 7


async def test_a_404_after_the_last_page_is_an_end_only_where_that_is_said() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.query["page"] == "3":
            return web.Response(status=404)
        return data({"value": items(5, 5 * int(request.query["page"]))})

    async with rest_erp(answer) as erp:
        async with http_feed(erp.url, paging=numbered(not_found_ends=True)) as reader:
            assert len(await lines(reader)) == 10
        async with http_feed(erp.url, paging=numbered()) as reader:
            with pytest.raises(SourceError, match="page=3: there is no such address"):
                await lines(reader)


async def test_cursors_are_followed() -> None:
    rows = items(12)

    async def answer(request: web.Request) -> web.Response:
        at = int(request.query.get("after", 0))
        more = {"meta": {"next": at + 5}} if at + 5 < len(rows) else {"meta": {"next": None}}
        return data({"value": rows[at : at + 5], **more})

    paging = {"by": "cursor", "param": "after", "next": "meta.next"}
    async with rest_erp(answer) as erp, http_feed(erp.url, paging=paging) as reader:
        assert len(await lines(reader)) == 12
    assert erp.addresses == ["/items", "/items?after=5", "/items?after=10"]


async def test_links_are_followed() -> None:
    rows = items(12)

    async def answer(request: web.Request) -> web.Response:
        at = int(request.query.get("at", 0))
        response = data({"value": rows[at : at + 5]})
        response.headers["Link"] = f'</items?at=0>; rel="first", <?at={at + 5}>; rel="next"'
        if at + 5 >= len(rows):
            del response.headers["Link"]
        return response

    async with rest_erp(answer) as erp, http_feed(erp.url, paging={"by": "link"}) as reader:
        assert len(await lines(reader)) == 12
    assert erp.addresses == ["/items", "/items?at=5", "/items?at=10"]


async def test_a_broken_link_is_no_end() -> None:
    async def answer(request: web.Request) -> web.Response:
        del request
        return data({"value": items(1)}, Link='<http://[>; rel="next"')

    async with rest_erp(answer) as erp, http_feed(erp.url, paging={"by": "link"}) as reader:
        with pytest.raises(SourceError, match="address"):
            await lines(reader)


async def test_a_snapshot_cut_short_at_a_later_page_changes_nothing(warehouse: Warehouse) -> None:
    rows = items(13)
    dead = False

    async def answer(request: web.Request) -> web.StreamResponse:
        if dead and request.query.get("page") == "3":
            return web.Response(status=500)
        return await by_number(rows)(request)

    async with rest_erp(answer) as erp, http_feed(erp.url, paging=numbered()) as reader:
        assert (await take(warehouse, reader)).accepted == 13
        before = await warehouse.everything()
        dead, rows[0]["stock"] = True, 99
        with pytest.raises(SourceError, match="page=3"):
            await take(warehouse, reader)
        assert await warehouse.everything() == before
        dead = False
        del rows[1:3]
        outcome = await take(warehouse, reader)
        assert outcome.removed == 2


async def test_figures_are_exact(warehouse: Warehouse) -> None:
    text = (
        '{"value": [{"no": 7, "price": 123456789012.3456},'
        ' {"no": "B", "price": 1e2}, {"no": "C", "price": 1e400},'
        ' {"no": "D", "price": "79.00"}]}'
    )

    async def answer(request: web.Request) -> web.Response:
        del request
        return web.Response(text=text, content_type="application/json")

    prices = Feed("prices", "prices")
    mapping = {"price_list": "'P'", "sku": "no", "unit_price": "price"}
    async with rest_erp(answer) as erp, http_feed(erp.url, kind="prices", mapping=mapping) as r:
        outcome = await take(warehouse, r, prices)
    assert {row.target.name: row.unit_price for row in await warehouse.rows()} == {
        "7": 1234567890123456,
        "B": 1_000_000,
        "D": 790_000,
    }
    assert [(row.key["sku"], row.value) for row in outcome.rejections] == [("C", "1e400")]


async def test_a_mapping_that_fails_for_a_row_rejects_that_row_and_says_why(
    warehouse: Warehouse,
) -> None:
    async def answer(request: web.Request) -> web.Response:
        del request
        return data({"value": [{"no": "A", "bins": [1, 2.5]}, {"no": "B", "bins": None}, "C"]})

    mapping = {"sku": "no", "location": "'W1'", "quantity": "sum(bins)"}
    async with rest_erp(answer) as erp, http_feed(erp.url, mapping=mapping) as reader:
        outcome = await take(warehouse, reader)
    assert (outcome.accepted, outcome.quarantined) == (1, 2)
    rejected = outcome.rejections[0]
    assert (rejected.key["sku"], rejected.field) == ("B", "quantity")
    assert rejected.value == '{"mapping":"sum() was given null, and takes array-number"}'


def changing(rows: list[dict[str, Any]]) -> Handler:
    """An ERP that can be asked for what was changed at or after a time."""

    async def answer(request: web.Request) -> web.Response:
        since = request.query.get("since", "")
        return data({"value": [row for row in rows if row["changed"] >= since]})

    return answer


DELTAS = {"watermark": "updated_at", "delta_param": "since", "delta_every": 1}


async def test_deltas_ask_for_what_is_newer_less_the_overlap(warehouse: Warehouse) -> None:
    rows = items(3)
    rows[2]["changed"] = "2026-01-01T00:00:30Z"
    async with rest_erp(changing(rows)) as erp, http_feed(erp.url, **DELTAS) as reader:
        assert (await take(warehouse, reader)).accepted == 3
        rows[0] |= {"stock": 50, "changed": "2026-01-01T00:01:00Z"}
        outcome = await follow(warehouse, reader)
        assert (outcome.accepted, outcome.ignored) == (1, 1)
        assert await warehouse.quantity("S0") == 50
        await follow(warehouse, reader)
    assert erp.addresses == [
        "/items",
        "/items?since=2026-01-01T00:00:20Z",
        "/items?since=2026-01-01T00:00:50Z",
    ]


async def test_a_delta_that_fails_is_asked_for_again(warehouse: Warehouse) -> None:
    rows = items(1)
    async with rest_erp(changing(rows)) as erp:
        async with http_feed(erp.url, **DELTAS) as reader:
            await take(warehouse, reader)
        rows[0] |= {"stock": 5, "changed": "2026-02-01T00:00:00Z"}
        broken = {**DELTAS, "paging": {"by": "none", "count": "`9`"}}
        async with http_feed(erp.url, **broken) as reader:
            state = await warehouse.state(Feed("stock", "stock"))
            with pytest.raises(SourceError, match="counts 9"):
                await follow(warehouse, reader)
            assert (await warehouse.state(Feed("stock", "stock"))).watermark == state.watermark


async def test_a_row_of_the_future_hides_nothing(warehouse: Warehouse) -> None:
    rows = items(1)
    rows[0]["changed"] = "2999-01-01T00:00:00Z"
    async with rest_erp(changing(rows)) as erp, http_feed(erp.url, **DELTAS) as reader:
        await take(warehouse, reader)
        await follow(warehouse, reader)
    assert not erp.addresses[1].startswith("/items?since=2999")


async def test_rows_without_a_watermark_are_no_snapshot(warehouse: Warehouse) -> None:
    rows = [{"no": "A", "stock": 1, "changed": "yesterday"}]
    async with rest_erp(changing(rows)) as erp, http_feed(erp.url, **DELTAS) as reader:
        with pytest.raises(SourceError, match="updated_at is never a time or a whole number"):
            await take(warehouse, reader)


async def test_deleted_rows_are_left_out_of_snapshots_and_deleted_by_deltas(
    warehouse: Warehouse,
) -> None:
    rows = items(2)
    mapping = {**MAPPING, "delete": "gone"}
    async with (
        rest_erp(changing(rows)) as erp,
        http_feed(erp.url, mapping=mapping, **DELTAS) as reader,
    ):
        assert (await take(warehouse, reader)).accepted == 2
        rows[0] |= {"gone": True, "changed": "2026-01-02T00:00:00Z"}
        assert (await follow(warehouse, reader)).accepted == 1
        assert await warehouse.quantity("S0") is None
        outcome = await take(warehouse, reader)
        assert (outcome.accepted + outcome.ignored, outcome.quarantined) == (1, 0)


async def test_what_deltas_miss_is_found_but_not_what_the_next_one_brings(
    warehouse: Warehouse,
) -> None:
    rows = [row | {"changed": "2026-01-01T01:00:00Z"} for row in items(4)]
    mapping = {**MAPPING, "delete": "gone"}
    async with (
        rest_erp(changing(rows)) as erp,
        http_feed(erp.url, mapping=mapping, **DELTAS) as reader,
    ):
        await take(warehouse, reader)
        rows[0] |= {"stock": 50, "changed": CHANGED}  # too late, and without a new version
        rows[1] |= {"stock": 51, "changed": "2026-01-01T00:59:55Z"}
        rows[2] |= {"gone": True, "changed": "2026-01-01T02:00:00Z"}
        rows[3:] = [{"no": "late", "stock": 1, "changed": CHANGED}]
        watermark = (await warehouse.state(Feed("stock", "stock"))).watermark
        async with reader.reconcile(watermark or "") as reading:
            assert reading is not None
            outcome = await warehouse.ingest.snapshot(Feed("stock", "stock"), reading)
        assert outcome.drift == Drift(warehouse.clock.now, missing=1, extra=1)
        assert await warehouse.quantity("S2") == 2
        assert await warehouse.quantity("late") == 1
        async with reader.reconcile("another question's") as reading:
            assert reading is None


class Tagged:
    """An ERP whose answer has a tag, as long as it stays the same."""

    def __init__(self, header: str, tag: str) -> None:
        self.rows = items(3)
        self.header, self.tag = header, tag

    async def __call__(self, request: web.Request) -> web.Response:
        asked = "If-None-Match" if self.header == "ETag" else "If-Modified-Since"
        if request.headers.get(asked) == self.tag:
            return web.Response(status=304)
        return data({"value": self.rows}, **{self.header: self.tag})


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("ETag", ('W/"1"', 'W/"2"')),
        ("Last-Modified", ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:29:00 GMT")),
    ],
)
async def test_what_has_not_changed_is_confirmed_and_not_sent_again(
    warehouse: Warehouse, header: str, tags: tuple[str, str]
) -> None:
    stock = Feed("stock", "stock")
    tagged = Tagged(header, tags[0])
    async with rest_erp(tagged) as erp, http_feed(erp.url, **DELTAS) as reader:
        await take(warehouse, reader)
        before, held = await warehouse.state(stock), await warehouse.everything()
        outcome = await take(warehouse, reader)
        assert (outcome.applied, outcome.accepted, outcome.ignored) == (True, 0, 0)
        after = await warehouse.state(stock)
        assert await warehouse.everything() == held
        # The ERP has just said that the figures are right: they are as young as that.
        assert (after.verified_through_ms or 0) > (before.verified_through_ms or 0)
        assert after.accepted == 3
        # A delta between them forgets nothing.
        await follow(warehouse, reader)
        assert (await take(warehouse, reader)).accepted + len(tagged.rows) == 3
        tagged.tag = tags[1]
        assert (await take(warehouse, reader)).ignored == 3
        # The same answer would mean something else to another mapping.
        other = {**MAPPING, "safety_stock": "`1`", "updated_at": "'2026-03-01T00:00:00Z'"}
        async with http_feed(erp.url, **{**DELTAS, "mapping": other}) as changed:
            assert (await take(warehouse, changed)).accepted == 3


async def test_one_page_of_several_confirms_nothing(warehouse: Warehouse) -> None:
    tagged = Tagged("ETag", '"1"')
    async with rest_erp(tagged) as erp, http_feed(erp.url, paging={"by": "link"}) as reader:
        await take(warehouse, reader)
        assert (await take(warehouse, reader)).ignored == 3


async def test_a_snapshot_that_was_held_back_is_read_again(warehouse: Warehouse) -> None:
    tagged = Tagged("ETag", '"1"')
    rows, tagged.rows = tagged.rows, []
    async with rest_erp(tagged) as erp, http_feed(erp.url) as reader:
        assert not (await take(warehouse, reader)).applied
        tagged.rows = rows
        assert (await take(warehouse, reader)).accepted == 3


def guarded(check: Any) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        return data({"value": items(1)}) if check(request) else web.Response(status=401)

    return answer


async def test_who_asks_is_said_in_every_call() -> None:
    basic = "Basic " + base64.b64encode(b"shop:p\xc3\xa4ss").decode()
    for auth, header in (
        ({"type": "bearer", "token": "t0ken"}, "Bearer t0ken"),
        ({"type": "basic", "username": "shop", "password": "päss"}, basic),
    ):
        wanted = guarded(lambda request, h=header: request.headers["Authorization"] == h)
        source = {"auth": auth, "headers": {"X-Plant": "7", "Accept": "text/json"}}
        async with rest_erp(wanted) as erp, http_feed(erp.url, source=source) as reader:
            assert len(await lines(reader)) == 1
        assert erp.asked[0].headers["X-Plant"] == "7"
        assert erp.asked[0].headers.getall("Accept") == ["text/json"]


class Issuer:
    """An ERP with tokens: one is good until the next is made."""

    def __init__(self, **told: Any) -> None:
        self.made = 0
        self.withdrawn: set[int] = set()
        self.told = told
        self.forms: list[MultiDict[Any]] = []

    async def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            self.made += 1
            self.forms.append(MultiDict(await request.post()))
            return data({"access_token": f"t{self.made}", "token_type": "bearer", **self.told})
        number = int(request.headers["Authorization"].removeprefix("Bearer t"))
        if number in self.withdrawn:
            return web.Response(status=401)
        return data({"value": items(1)})


def client(url: str, **more: Any) -> dict[str, Any]:
    return {
        "auth": {
            "type": "oauth2",
            "token_url": f"{url}/token",
            "client_id": "shop",
            "client_secret": "s3cret",
            "scope": "erp/.default",
            **more,
        }
    }


async def test_a_token_is_fetched_once_and_renewed_when_it_is_refused() -> None:
    issuer = Issuer(expires_in=3600)
    async with rest_erp(issuer) as erp, http_feed(erp.url, source=client(erp.url)) as reader:
        await asyncio.gather(lines(reader), lines(reader))
        assert issuer.made == 1
        assert dict(issuer.forms[0]) == {
            "grant_type": "client_credentials",
            "scope": "erp/.default",
            "client_id": "shop",
            "client_secret": "s3cret",
        }
        issuer.withdrawn = {1}
        assert len(await lines(reader)) == 1
        assert issuer.made == 2
        # A new one is refused as well: once is enough.
        issuer.withdrawn = {2, 3}
        with pytest.raises(SourceError, match="refuses the credentials"):
            await lines(reader)
        assert issuer.made == 3


@pytest.mark.parametrize(
    ("told", "good", "over"),
    [(3600, 3539, 3541), ("3600", 3539, 3541), (10, 4, 6), (None, 239, 241), ("soon", 239, 241)],
)
async def test_a_token_is_renewed_before_its_end(told: object, good: int, over: int) -> None:
    issuer = Issuer(expires_in=told)
    now = 0.0
    async with (
        rest_erp(issuer) as erp,
        http_feed(erp.url, source=client(erp.url), clock=lambda: now) as reader,
    ):
        for now, made in ((0.0, 1), (float(good), 1), (float(over), 2)):  # noqa: B007 - the clock reads it
            await lines(reader)
            assert issuer.made == made


async def test_the_secret_goes_where_the_issuer_wants_it() -> None:
    issuer = Issuer()
    async with rest_erp(issuer) as erp:
        more = client(erp.url, secret_in="header", parameters={"audience": "erp"})
        async with http_feed(erp.url, source=more) as reader:
            await lines(reader)
        assert dict(issuer.forms[0]) == {
            "grant_type": "client_credentials",
            "scope": "erp/.default",
            "audience": "erp",
        }
        wanted = "Basic " + base64.b64encode(b"shop:s3cret").decode()
        assert erp.asked[0].headers["Authorization"] == wanted


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda: web.json_response({}), "the answer holds no access_token"),
        (lambda: web.json_response({"access_token": "a\nb"}), "none that can be sent"),
        (lambda: web.json_response({"access_token": "a", "token_type": "mac"}), "none that can"),
        (
            lambda: web.json_response({"error": "invalid_client"}, status=401),
            "401 (invalid_client)",
        ),
        (lambda: web.json_response({"error": "s3cret !"}, status=400), "the answer is 400"),
        (lambda: web.Response(text="<html>", status=200), "holds no access_token"),
        (lambda: web.Response(status=302, headers={"Location": "/x"}), "the answer is 302"),
    ],
)
async def test_a_token_that_is_not_to_be_had_is_said(answer: Any, told: str) -> None:
    async def issue(request: web.Request) -> web.Response:
        del request
        made: web.Response = answer()
        return made

    async with rest_erp(issue) as erp, http_feed(erp.url, source=client(erp.url)) as reader:
        with pytest.raises(SourceError) as caught:
            await lines(reader)
    said = str(caught.value)
    assert told in said
    assert said.startswith(f"feed stock: POST {erp.url}/token: ")
    assert "s3cret" not in said


async def test_a_pause_that_the_erp_asks_for_is_kept() -> None:
    refusals = [0, 0]

    async def answer(request: web.Request) -> web.Response:
        del request
        if refusals:
            return web.Response(status=429, headers={"Retry-After": str(refusals.pop())})
        return data({"value": items(1)})

    async with rest_erp(answer) as erp, http_feed(erp.url) as reader:
        assert len(await lines(reader)) == 1
        assert len(erp.asked) == 3
        refusals[:] = [0] * 99
        with pytest.raises(SourceError, match="more than 5 pauses"):
            await lines(reader)


@pytest.mark.parametrize("said", ["120", "Fri, 01 Jan 2100 00:00:00 GMT"])
async def test_a_pause_longer_than_the_deadline_is_not_waited_for_and_not_broken(said: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        del request
        return web.Response(status=429, headers={"Retry-After": said})

    async with rest_erp(answer) as erp, http_feed(erp.url) as reader:
        for _ in range(2):
            with pytest.raises(SourceError, match=r"left alone for \d+ s more"):
                await lines(reader)
        assert len(erp.asked) == 1


async def test_no_more_calls_at_once_than_the_source_may_make() -> None:
    under_way = most = 0
    go = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        nonlocal under_way, most
        del request
        under_way += 1
        most = max(most, under_way)
        await go.wait()
        under_way -= 1
        return data({"value": []})

    async with rest_erp(answer) as erp:
        one, other = http_readers(erp.url, 2, source={"concurrency": 2})
        reading = [asyncio.create_task(lines(reader)) for reader in (one, other) * 3]
        async with asyncio.timeout(10):
            # Two are asked, and the others stand in line.
            while under_way < 2 or len(one._erp._limits.slots._waiters or ()) < 4:  # noqa: ASYNC110 - the line has no event
                await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*reading)
        await one.close()
        await other.close()
    assert most == 2


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        (
            {**MAPPING, "quantitiy": "x"},
            "feeds.stock.mapping.quantitiy is no field of stock; ",
        ),
        ({"sku": "no", "location": "x"}, "feeds.stock.mapping has no quantity (it has: sku, loc"),
    ],
)
def test_a_mapping_that_does_not_fit_is_said_before_anything_is_asked(
    mapping: dict[str, str], told: str
) -> None:
    with pytest.raises(SourceError) as caught:
        http_reader("http://erp.invalid", mapping=mapping)
    assert told in str(caught.value)


async def test_a_feed_without_deltas_has_none() -> None:
    async with http_feed("http://erp.invalid") as reader, reader.delta(None) as reading:
        assert reading is None


async def test_check_says_what_is_wrong() -> None:
    async with rest_erp(_always_the_same) as erp:
        assert await http_reader(erp.url).check() == []
        (told,) = await http_reader(erp.url, rows="values").check()
    assert told == (
        f"feed stock: GET {erp.url}/items: rows 'values' finds no list but null "
        "(it has: value, next)"
    )
