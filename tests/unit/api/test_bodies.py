"""Bodies: a field named twice is told, however it is written, by the short way as by the long."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api import bodies, checkout_parameters, price_parameters
from gateway.api.bodies import decode
from gateway.api.checkout_shapes import CheckoutQuery
from gateway.api.price_parameters import PriceQuery
from gateway.domain.errors import InvalidRequestError
from tests.examples import examples

PRICES: Final = msgspec.json.Decoder(PriceQuery)
CHECKOUT: Final = msgspec.json.Decoder(CheckoutQuery)

LINE: Final = '{"sku":"A","quantity":1}'

# Names with escapes mean the same names: `\u0073ku` is `sku`.
_top = st.sampled_from(
    ["lines", "customer", "channel", "currency", "at", "explain", "confirm", "x", r"cu\u0073tomer"]
)
_inner = st.sampled_from(["sku", "quantity", "location", "y", r"\u0073ku"])
_texts = st.sampled_from(["sku", "quantity", "A", "a:b", r"\"", r"\\", r"\u0022", "", "Ä"])
_values = st.one_of(
    _texts.map(lambda text: f'"{text}"'),
    st.sampled_from(["1", "2.5", "null", "true", "[]", '["sku"]', '{"y":1}', '{"y":1,"y":2}']),
)


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in pairs) + "}"


@st.composite
def _lines(draw: st.DrawFn) -> str:
    extra = st.lists(st.tuples(_inner, _values), max_size=2)
    lines = []
    for _ in range(draw(st.integers(0, 3))):
        pairs = [("sku", draw(_texts.map(lambda text: f'"{text}"'))), ("quantity", "1")]
        kept = [pair for pair in pairs if draw(st.integers(0, 5))]
        lines.append(_object(draw(st.permutations(kept + draw(extra)))))
    return "[" + ",".join(lines) + "]"


@st.composite
def _bodies(draw: st.DrawFn) -> bytes:
    pairs = [("lines", draw(_lines()))]
    names = draw(st.lists(_top, max_size=3))
    pairs += [(name, draw(_lines() if name == "lines" else _values)) for name in names]
    return _object(draw(st.permutations(pairs))).encode()


def _outcome(body: bytes, decoder: Any, texts_of: Any) -> object:
    try:
        return decode(body, decoder, texts_of)
    except InvalidRequestError as error:
        return error.errors


@given(_bodies())
@settings(max_examples=examples(1500))
def test_the_short_way_decides_as_the_long_one(body: bytes) -> None:
    for decoder, texts_of in (
        (PRICES, price_parameters.texts_of),
        (CHECKOUT, checkout_parameters.texts_of),
    ):
        assert _outcome(body, decoder, texts_of) == _outcome(body, decoder, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (f'{{"lines":[{LINE}],"lines":[{LINE}]}}', "lines"),
        (f'{{"lines":[],"lines":[{LINE}]}}', "lines"),
        ('{"lines":[{"sku":"A","sku":"B","quantity":1}]}', "sku"),
        ('{"lines":[{"sku":"A","quantity":1,"quantity":2}]}', "quantity"),
        # As many names as there are lines, but not one in each.
        ('{"lines":[{"sku":"A","quantity":1,"quantity":2},{"sku":"B"}]}', "quantity"),
        (r'{"lines":[{"sku":"A","\u0073ku":"B","quantity":1}]}', "sku"),
        (f'{{"customer":"A","lines":[{LINE}],"customer":"B"}}', "customer"),
        (f'{{"customer":null,"lines":[{LINE}],"customer":"B"}}', "customer"),
        (rf'{{"customer":"A","lines":[{LINE}],"cu\u0073tomer":"B"}}', "customer"),
        (f'{{"explain":true,"lines":[{LINE}],"explain":false}}', "explain"),
        (f'{{"x":1,"lines":[{LINE}],"x":2}}', "x"),
        (f'{{"x":{{"y":1,"y":2}},"lines":[{LINE}]}}', "y"),
    ],
)
def test_a_field_given_twice_is_named(body: str, field: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        decode(body.encode(), PRICES, price_parameters.texts_of)
    assert [error.field for error in refused.value.errors] == [field]


@pytest.mark.parametrize(
    ("decoder", "texts_of", "body"),
    [
        (PRICES, price_parameters.texts_of, f'{{"customer":"C","lines":[{LINE},{{"sku":"B"}}]}}'),
        (
            PRICES,
            price_parameters.texts_of,
            f'{{"at":"x","channel":"w","currency":"SEK","explain":true,"lines":[{LINE}]}}',
        ),
        (
            CHECKOUT,
            checkout_parameters.texts_of,
            f"""{{"customer":"C","channel":"w","currency":"SEK","locale":"sv","confirm":"low",
            "deadline_ms":300,"lines":[{LINE},{{"sku":"B","quantity":2,"location":"W1"}}]}}""",
        ),
    ],
)
def test_an_ordinary_body_needs_no_second_look(
    decoder: Any, texts_of: Any, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_once", None)
    assert decode(body.encode(), decoder, texts_of) == decoder.decode(body)
