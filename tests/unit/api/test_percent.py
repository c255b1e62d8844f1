"""What is percent-encoded reads as the standard library reads it."""

from urllib.parse import parse_qsl, quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.api.percent import decoded, pairs

pieces = st.one_of(
    st.sampled_from(["%", "%2", "%zz", "%C3", "%A4", "%ff", "%00", "+", "&", "=", "&&", "ä"]),
    st.text(max_size=3),
    st.text(max_size=3).map(quote),
)
texts = st.lists(pieces, max_size=8).map("".join)


@given(texts)
@example("%F0%9D%84%9E" * 64)
@example("%C3%A4%C3")
@example("%C3a%A4")
def test_text_is_decoded_as_the_library_does(text: str) -> None:
    try:
        expected = unquote(text, errors="strict")
    except UnicodeDecodeError:
        with pytest.raises(UnicodeDecodeError):
            decoded(text)
        return
    assert decoded(text) == expected


@given(texts)
@example("sku=A%26B&sku=&&=x&y")
def test_queries_are_read_as_the_library_does(text: str) -> None:
    try:
        expected = parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        with pytest.raises(UnicodeDecodeError):
            list(pairs(text))
        return
    assert list(pairs(text)) == expected
