from __future__ import annotations

import pytest

from gateway.api.fields import Reading
from gateway.api.price_parameters import (
    PriceQuery,
    PriceQueryLine,
    address_lines,
    address_parameters,
    body_lines,
)
from gateway.domain.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-21T10:00:00.9999Z", 1_795_255_200_999),
        ("2026-11-21T11:00:00+01:00", 1_795_255_200_000),
        ("2026-11-21t10:00:00z", 1_795_255_200_000),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140_000),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139_000),
    ],
)
def test_a_moment_is_read_to_the_millisecond(text: str, ms: int) -> None:
    reading = Reading()
    assert reading.moment("at", text) == ms
    reading.finish()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-21",
        "2026-11-21T10:00:00",
        "2026-11-21T10:00Z",
        "2026-11-21T10:00:00 01:00",
        "2026-02-30T10:00:00Z",
        "2026-11-21T24:00:00Z",
        "20261121T100000Z",
        "1795255200",
    ],
)
def test_a_moment_needs_its_offset(text: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        address_parameters({"at": [text]})
    (error,) = refused.value.errors
    assert error.field == "at"
    assert "offset" in error.reason


@pytest.mark.parametrize("code", ["", "sek", "SEKK", "XXX", "XAU", "KR", "SE K"])
def test_a_currency_is_one_to_sell_in(code: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        address_parameters({"currency": [code]})
    assert [error.field for error in refused.value.errors] == ["currency"]


def _quantities(*skus: str, quantity: list[str]) -> list[int]:
    return [line.quantity for line in address_lines({"sku": skus, "quantity": quantity})]


def test_quantities_in_the_address_are_one_for_all_or_one_each() -> None:
    assert _quantities("A", "B", quantity=[]) == [1000, 1000]
    assert _quantities("A", "B", quantity=["2.5"]) == [2500, 2500]
    assert _quantities("A", "B", quantity=["2", "0.001"]) == [2000, 1]


@pytest.mark.parametrize(
    ("quantity", "fields"),
    [
        (["1", "2", "3"], ["quantity"]),
        (["0"], ["quantity"]),
        (["1", "-1"], ["quantity[1]"]),
        (["x", ""], ["quantity[0]", "quantity[1]"]),
        (["1", "0.0001"], ["quantity[1]"]),
        (["1000000000.001"], ["quantity"]),
    ],
)
def test_a_wrong_quantity_in_the_address_is_named(quantity: list[str], fields: list[str]) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        address_lines({"sku": ["A", "B"], "quantity": quantity})
    assert [error.field for error in refused.value.errors] == fields


def test_lines_of_a_body_are_one_unless_they_say_more() -> None:
    given = [("A", 3), ("B", 2.5), ("C", None), ("D", 10**9), ("E", 1.0)]
    lines = [PriceQueryLine(sku, quantity) for sku, quantity in given]
    read = body_lines(PriceQuery([*lines, PriceQueryLine("F")]))
    assert [(line.sku, line.quantity) for line in read] == [
        ("A", 3000),
        ("B", 2500),
        ("C", 1000),
        ("D", 10**12),
        ("E", 1000),
        ("F", 1000),
    ]


def test_everything_wrong_in_the_lines_is_named() -> None:
    given = [("A", 0), ("", 1), ("C", 10**9 + 1), ("D", 1.0001), (" E", -1), ("F", 1.7e308)]
    with pytest.raises(InvalidRequestError) as refused:
        body_lines(PriceQuery([PriceQueryLine(sku, quantity) for sku, quantity in given]))
    assert [error.field for error in refused.value.errors] == [
        "lines[0].quantity",
        "lines[1].sku",
        "lines[2].quantity",
        "lines[3].quantity",
        "lines[4].sku",
        "lines[4].quantity",
        "lines[5].quantity",
    ]
