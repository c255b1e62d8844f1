from __future__ import annotations

from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.fields import parse_query
from gateway.api.parameters import path_sku
from gateway.api.shortcut import plain_skus
from gateway.domain.errors import InvalidRequestError

ASCII = "".join(map(chr, range(33, 127)))
pieces = st.sampled_from(["A", "%2F", "%41", "%C3%84", "%ff", "%", "/", "?", "&", "=", "+", "sku="])
tails = st.lists(pieces | st.sampled_from([*ASCII]), max_size=8).map("".join)


@given(tails, st.sampled_from(["/v1/stock/", "/v1/stock?sku=", "/v1/stock?sku=A&sku="]))
def test_what_is_plain_is_read_as_it_is_read_with_care(tail: str, start: str) -> None:
    skus = plain_skus(start + tail)
    if skus is None:
        return
    request = make_mocked_request("GET", start + tail, protocol=Mock())
    if "?" in start:
        query = parse_query(request)
        # An empty one is refused with care, and nothing is kept of it.
        assert query == {"sku": list(skus)}
    else:
        assert request.path.startswith("/v1/stock/")
        try:
            assert [path_sku(request)] == skus
        except InvalidRequestError:
            assert not skus[0].isprintable() or skus[0] != skus[0].strip()


@pytest.mark.parametrize(
    ("target", "skus"),
    [
        ("/v1/stock/A-100", ["A-100"]),
        ("/v1/stock/A%2F12", ["A/12"]),
        ("/v1/stock/%C3%84", ["Ä"]),
        ("/v1/stock?sku=A&sku=B&sku=A", ["A", "B", "A"]),
        ("/v1/stock", None),
        ("/v1/stock/", None),
        ("/v1/stock/..", None),
        ("/v1/stock/%2e%2E", None),
        ("/v1/stock/A/B", None),
        ("/v1/stock/A%20b?locale=sv", None),
        ("/v1/stock/%ff", None),
        ("/v1/stock?sku=A&locale=sv", None),
        ("/v1/stock?sku=A&sku=B%20", None),
        ("/v1/stock?sku=" + "&sku=".join("A" * 201), None),
        ("/v1/stock/query/A", None),
        ("/v1/prices/A", None),
    ],
)
def test_what_is_plain(target: str, skus: list[str] | None) -> None:
    assert plain_skus(target) == skus
