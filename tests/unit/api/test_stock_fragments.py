from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.api.shapes import StockItems, UnknownItem, encode
from gateway.api.stock_fragments import (
    _wording,
    digest,
    entity_tag,
    item_text,
    items_text,
    missing,
    shown,
    stock_item,
)
from gateway.domain.delivery import Promise
from gateway.domain.freshness import Freshness
from gateway.domain.spans import Color, Level, Span, StockStatus, StockView
from gateway.domain.stock import Location
from gateway.services.stock_answers import PickupAnswer, StockAnswer, UnknownSku

times = st.integers(0, 4_000_000_000_000)
texts = st.text(max_size=30) | st.sampled_from(
    ['"as_of":"', ',"status":', '\\","as_of":"2026-11-21T10:00:00Z', "Ärm", "\\"]
)
views = st.builds(
    StockView,
    st.sampled_from(StockStatus),
    st.sampled_from(Level),
    st.sampled_from(Color),
    st.none() | st.just(Span(5_000, 19_000)) | st.just(Span(1_500, None)),
)
answers = st.builds(
    StockAnswer,
    texts,
    views,
    texts,
    st.none() | st.just(Promise(date(2026, 11, 24), date(2026, 11, 25))),
    times,
    st.sampled_from(Freshness),
    st.just(900_000),
    sufficient=st.none() | st.booleans(),
    salable=st.none() | st.integers(0, 10**9),
    pickup=st.none() | st.tuples(st.builds(PickupAnswer, st.builds(Location, texts), views, texts)),
)


@given(st.lists(answers, max_size=4), st.booleans())
def test_what_is_put_together_is_what_would_be_encoded_whole(
    told: list[StockAnswer], judged: bool
) -> None:
    items = [shown(answer, judged=judged) for answer in told]
    texts_of = [item_text(item) for item in items]
    whole = [stock_item(answer, judged=judged) for answer in told]
    assert texts_of == [encode(item) for item in whole]
    assert items_text(texts_of) == encode(StockItems(whole))


@given(st.lists(answers, min_size=1, max_size=4), times)
def test_the_validator_covers_everything_but_as_of(told: list[StockAnswer], later: int) -> None:
    def tag(answers: list[StockAnswer]) -> str:
        return entity_tag([shown(answer, judged=True).digest for answer in answers])

    before = tag(told)
    assert tag([replace(answer, as_of_ms=later) for answer in told]) == before
    for place, answer in enumerate(told):
        changed = replace(answer, label=answer.label + "x")
        assert tag([*told[:place], changed, *told[place + 1 :]]) != before
    assert tag([*told, told[0]]) != before


def test_what_is_missing_has_a_place_of_its_own_in_the_validator() -> None:
    unknown, other = missing(UnknownSku("A")), missing(UnknownSku("B"))
    assert UnknownItem.__struct_fields__ == ("sku", "error")
    assert unknown == (
        b'{"sku":"A","error":{"type":"/problems/unknown-sku","title":"Unknown SKU"}}'
    )
    one, two = digest(unknown), digest(other)
    assert entity_tag([one, two]) != entity_tag([two, one])


@given(answers)
def test_an_exact_figure_is_remembered_nowhere(answer: StockAnswer) -> None:
    before = _wording.cache_info()
    exact = shown(replace(answer, salable=7_000), judged=True)
    assert b'"salable":7' in exact.wording.end
    assert _wording.cache_info() == before
