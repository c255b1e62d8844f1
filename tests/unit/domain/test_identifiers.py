"""Identifiers: any printable text of 1 to 64 characters."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.identifiers import all_identifiers, is_identifier


@pytest.mark.parametrize(
    "text", ["A-100", "A/12", "Ärm-42", "a}{b", "*", "..", "x" * 64, "a b", "🛒" * 64]
)
def test_printable_text_is_one(text: str) -> None:
    assert is_identifier(text)


@pytest.mark.parametrize("text", ["", "x" * 65, " a", "a ", "a\nb", "a\0b", "\t", "a\r\nb", "\x7f"])
def test_control_characters_and_outer_spaces_are_not(text: str) -> None:
    assert not is_identifier(text)


@given(st.lists(st.text(max_size=3) | st.sampled_from(["x" * 64, "x" * 65, " a", "a b"])))
@example(["A", ""])
@example(["A", "x" * 65])
@example(["A", "b\n"])
def test_many_at_once_are_what_each_is(texts: list[str]) -> None:
    assert all_identifiers(texts) == all(map(is_identifier, texts))
