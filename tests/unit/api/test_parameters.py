from __future__ import annotations

import msgspec
import pytest

from gateway.api.fields import merged, refuse
from gateway.api.parameters import StockParameters
from gateway.domain.errors import InvalidRequestError


@pytest.mark.parametrize("value", ["\udcff", "a" * 1000, "\ud83d" * 200, "\x00"])
def test_a_wrong_value_is_shown_short_and_as_text_that_json_can_hold(value: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        refuse("sku", "must be something else", value)
    (error,) = refused.value.errors
    assert len(msgspec.json.encode(error.value)) < 600


def test_parameters_of_both_places_are_taken_together() -> None:
    address = StockParameters(channel="web", quantity=5000, pickup=False)
    body = StockParameters(locale="sv", quantity=5000)
    assert merged(address, body) == StockParameters("web", None, "sv", 5000, pickup=False)


def test_every_contradiction_is_named() -> None:
    address = StockParameters(channel="web", location="W1", pickup=False)
    body = StockParameters(channel="shop", location="W1", pickup=True)
    with pytest.raises(InvalidRequestError) as refused:
        merged(address, body)
    assert [error.field for error in refused.value.errors] == ["channel", "pickup"]
