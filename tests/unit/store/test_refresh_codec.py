"""Refresh requests and what came of them: read as written, and whatever else is read as nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.confirmations import Unconfirmed
from gateway.domain.identifiers import is_identifier
from gateway.store.refresh_codec import (
    LONGEST_MS,
    MOST_SKUS,
    Refreshed,
    RefreshRequest,
    decode_request,
    encode_request,
    read_refreshed,
    refreshed_text,
)

skus = st.text(min_size=1, max_size=64).filter(is_identifier)
names = st.text(alphabet="0123456789abcdef-", min_size=1, max_size=64)
requests = st.builds(
    RefreshRequest,
    names,
    st.lists(skus, min_size=1, max_size=5).map(tuple),
    st.integers(1, LONGEST_MS),
    st.integers(1, 1000),
)
answers = st.builds(
    Refreshed,
    st.lists(names, max_size=3).map(tuple),
    st.integers(1, 255),
    st.integers(0, 1 << 40),
    st.dictionaries(skus, st.lists(skus, min_size=1, max_size=3).map(tuple), max_size=3),
    st.dictionaries(skus, st.sampled_from(Unconfirmed), max_size=3),
)


@given(requests)
def test_a_request_is_read_as_it_was_written(request: RefreshRequest) -> None:
    assert decode_request(encode_request(request)) == request


@given(answers)
def test_what_came_of_it_is_read_as_it_was_written(refreshed: Refreshed) -> None:
    assert read_refreshed(refreshed_text(refreshed)) == refreshed


@given(st.binary(max_size=200) | requests.map(encode_request), st.data())
def test_whatever_comes_is_a_request_or_nothing(message: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(message)))
    cut = message[:at] + data.draw(st.binary(max_size=3)) + message[at + 1 :]
    found = decode_request(cut)
    assert found is None or decode_request(encode_request(found)) == found


@given(st.text(max_size=200) | answers.map(refreshed_text), st.data())
def test_whatever_is_told_is_an_answer_or_nothing(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    cut = text[:at] + data.draw(st.text(max_size=3)) + text[at + 1 :]
    found = read_refreshed(cut)
    assert found is None or read_refreshed(refreshed_text(found)) == found


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{}",
        b"null",
        b"[" * 100_000,
        b'{"request":"a","skus":["A"],"within_ms":1,"x":' + b"[" * 100_000,
        b'{"request":"","skus":["A"],"within_ms":1}',
        b'{"request":"a","skus":[],"within_ms":1}',
        b'{"request":"a","skus":["A"],"within_ms":0}',
        b'{"request":"a","skus":["A"],"within_ms":10001}',
        b'{"request":"a","skus":["A"],"within_ms":"1"}',
        b'{"request":"a","skus":["A\\n"],"within_ms":1}',
        b'{"request":"a","skus":[" "],"within_ms":1}',
        b'{"request":"a","skus":[1],"within_ms":1}',
        b'{"request":"a","skus":["\xff"],"within_ms":1}',
        b'{"request":"a","skus":["A"],"within_ms":1,"callers":0}',
        b'{"request":"a","skus":[' + b'"A",' * MOST_SKUS + b'"A"],"within_ms":1}',
        b'{"request":"a","skus":["A"],"within_ms":1,"x":"' + b"x" * (1 << 20) + b'"}',
    ],
)
def test_requests_that_are_none(message: bytes) -> None:
    assert decode_request(message) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"requests":"a"}',
        '{"requests":["a"],"feeds":0}',
        '{"requests":["a"],"as_of_ms":-1}',
        '{"requests":["a"],"as_of_ms":999999999999999}',
        '{"requests":["a"],"refused":{"A":"whatever"}}',
        '{"requests":["a"],"read":{"A":1}}',
        '{"requests":["a"],"x":' + "[" * 100_000,
        '{"requests":["\ud800"]}',
    ],
)
def test_answers_that_are_none(text: str) -> None:
    assert read_refreshed(text) is None
