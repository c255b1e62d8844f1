"""Garbage: whatever an ERP says that is no data, from each source, is told of and never served.

An answer that is garbage altogether changes nothing. A row that is garbage is kept out alone: of
its SKU the last good figure stays, and all others are taken.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from tests.faults.generations import Generations
from tests.faults.pushes import push
from tests.faults.supply import BASE, FILES, WEB, Supply
from tests.faults.web_erp import Answer, answering, page

_GOOD: Final = b'{"value": [{"sku": "X", "location": "W1", "quantity": 5, "version": 1}]}'
_SKUS: Final = 60

ANSWERS: Final[Mapping[str, tuple[Answer, str]]] = {
    "HTML with 200": (answering(b"<!DOCTYPE html><p>Sign in"), "HTML"),
    "gzip cut short": (
        answering(gzip.compress(_GOOD)[:-9], **{"Content-Encoding": "gzip"}),
        "gzip",
    ),
    "a page loop": (answering(page([], next="/stock")), "page"),
    "another shape": (answering(b'{"items": []}'), "no list"),
    "nothing": (answering(b""), "empty"),
}
"""With a word of the reason that is told."""

ROWS: Final[Mapping[str, tuple[Callable[[str, int], bytes], str]]] = {
    "NaN": (lambda sku, version: _row(sku, version, "NaN"), "NaN"),
    "negative": (lambda sku, version: _row(sku, version, "-5"), "negative"),
    "10¹²": (lambda sku, version: _row(sku, version, "1000000000000"), "10"),
    "a word": (lambda sku, version: _row(sku, version, '"many"'), "many"),
    "a list": (lambda sku, version: _row(sku, version, "[7]"), "["),
    "no quantity": (lambda sku, version: _row(sku, version, "null"), "quantity"),
    "broken UTF-8": (lambda sku, version: _row(sku, version, '"\udcff"'), "UTF-8"),
}
"""A row with that garbage, and a word of the reason."""

PRICED: Final[Mapping[str, Mapping[str, Any]]] = {
    "no currency": {"price_list": BASE, "currency": "EURO", "layer": "base"},
    "no layer": {"price_list": BASE, "currency": "EUR", "layer": "bottom"},
}
PRICES: Final[Mapping[str, Any]] = {"negative": -1, "10¹²": 10**12, "a word": "cheap", "none": None}


async def garbage(ours: Supply, *, answers: int = 3) -> str:
    """So many kinds of answers, and every kind of row by every way."""
    told: list[str] = []
    erp = Generations("GH", _SKUS)
    ours.web.answer = answering(page(erp.next()))
    await ours.feeds.forced(WEB)
    for name, (answer, word) in list(ANSWERS.items())[:answers]:
        ours.web.answer = answer
        state = await ours.feeds.failed(WEB)
        ours.require(f"{name}: reason", word in (state.error or ""), state.error)
        await _all_of(ours, erp, erp.now, name)
        ours.web.answer = answering(page(erp.next()))
        await ours.feeds.synced(WEB)
        ours.report.faults[name] += 1
        told.append(name)
    for way in (_web, _files, _push):
        await _rows(ours, way)
    await _prices(ours)
    kinds = f"{len(told)} answers, {len(ROWS)} rows by 3 ways, {len(PRICED) + len(PRICES)} prices"
    return f"{kinds}: 0 bad values served"


Way = Callable[[Supply, Sequence[bytes], bool], Awaitable[int]]
"""Brings a snapshot of these lines, the first one or a later; how many rows were kept out."""


async def _rows(ours: Supply, way: Way) -> None:
    erp = Generations(f"G{way.__name__.upper()}", _SKUS)
    await way(ours, [json.dumps(row).encode() for row in erp.next()], True)
    held = erp.now
    good = [json.dumps(row).encode() for row in erp.next()]
    bad = {name: erp.names(erp.now)[place] for place, name in enumerate(ROWS)}
    wrong = [ROWS[name][0](sku, erp.now) for name, sku in bad.items()]
    kept_out = await way(ours, [*wrong, *good[len(wrong) :]], False)
    where = way.__name__.strip("_")
    ours.require(f"{where}: rows kept out", kept_out == len(wrong), kept_out)
    for name, sku in bad.items():
        ours.report.faults[name] += 1
        _, told = await ours.front().stock(sku)
        ours.require(f"{where}, {name}", told[sku].get("salable") == held, told)
    _, told = await ours.front().stock(*erp.names(erp.now)[len(wrong) : -1])
    salable = {item.get("salable") for item in told.values()}
    ours.require(f"{where}: the others", salable == {erp.now}, salable)


async def _web(ours: Supply, lines: Sequence[bytes], first: bool) -> int:
    ours.web.answer = answering(b'{"value": [' + b", ".join(lines) + b"]}")
    return await _synced(ours, WEB, first)


async def _files(ours: Supply, lines: Sequence[bytes], first: bool) -> int:
    ours.folder.write(lines)
    return await _synced(ours, FILES, first)


async def _synced(ours: Supply, feed: str, first: bool) -> int:
    if first:
        await ours.feeds.forced(feed)
        return 0
    return (await ours.feeds.synced(feed)).quarantined


async def _push(ours: Supply, lines: Sequence[bytes], first: bool) -> int:
    del first
    status, answer = await push(ours.world, "stock", b"\n".join(lines))
    ours.require("pushed", status == 200, answer)
    for (name, (_, word)), error in zip(ROWS.items(), answer["errors"], strict=False):
        told = json.dumps(error, ensure_ascii=False)
        ours.require(f"{name}: reason", word in told and error["reason"], told)
    return int(answer["quarantined"])


async def _prices(ours: Supply) -> None:
    """Lists and prices: the customer's are as before."""
    known = await ours.known()
    skus = list(known.prices)[:20]
    rows = [
        {"price_list": BASE, "sku": skus[0], "unit_price": price, "version": 9}
        for price in PRICES.values()
    ]
    for kind, wrong in (("price_lists", list(PRICED.values())), ("prices", rows)):
        body = "\n".join(json.dumps(row) for row in wrong).encode()
        status, answer = await push(ours.world, kind, body)
        kept_out = status == 200 and answer["quarantined"] == len(wrong)
        ours.require(f"{kind} kept out", kept_out and len(answer["errors"]) == len(wrong), answer)
        ours.report.faults[f"garbage in {kind}"] += len(wrong)
    visit = await ours.front().looked_at(skus, known)
    ours.require("prices served", not visit, visit)


async def _all_of(ours: Supply, erp: Generations, generation: int, name: str) -> None:
    found = erp.whole(await ours.feeds.levels())
    ours.require(name, found == generation, f"{found} is held, not {generation}")
    _, told = await ours.front().stock(*erp.names(generation)[:20])
    salable = {item.get("salable") for item in told.values()}
    ours.require(f"{name}: served", salable == {generation}, salable)


def _row(sku: str, version: int, quantity: str) -> bytes:
    text = f'{{"sku": "{sku}", "location": "W1", "quantity": {quantity}, "version": {version}}}'
    return text.encode("utf-8", "surrogateescape")
