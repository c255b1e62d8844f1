"""Identifiers: any printable text of 1 to 64 characters."""

from __future__ import annotations

import pytest

from gateway.domain.identifiers import is_identifier


@pytest.mark.parametrize(
    "text", ["A-100", "A/12", "Ärm-42", "a}{b", "*", "..", "x" * 64, "a b", "🛒" * 64]
)
def test_printable_text_is_one(text: str) -> None:
    assert is_identifier(text)


@pytest.mark.parametrize("text", ["", "x" * 65, " a", "a ", "a\nb", "a\0b", "\t", "a\r\nb", "\x7f"])
def test_control_characters_and_outer_spaces_are_not(text: str) -> None:
    assert not is_identifier(text)
