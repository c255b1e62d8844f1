from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.languages import preferred, spoken

LOCALES = ("en", "sv", "nl", "ro", "de")


@pytest.mark.parametrize(
    ("tag", "locale"),
    [
        ("sv", "sv"),
        ("sv-SE", "sv"),
        ("SV_se", "sv"),
        ("de-Latn-DE-1996", "de"),
        ("svx", None),
        ("", None),
        ("-sv", None),
        (" sv", None),
    ],
)
def test_a_region_does_not_matter(tag: str, locale: str | None) -> None:
    assert spoken(tag, LOCALES) == locale


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("sv", "sv"),
        ("sv-SE,sv;q=0.9,en;q=0.8", "sv"),
        ("en;q=0.1, nl;q=0.2", "nl"),
        ("en;q=0.5, nl;q=0.5", "en"),
        ("fr-FR, fr;q=0.9, ro;q=0.1", "ro"),
        ("nl ; q = 0.3 , de", "de"),
        ("sv;q=0", None),
        ("sv;q=0.000, de;q=0.001", "de"),
        ("*", None),
        ("fr, *;q=0.5, sv;q=0.1", None),
        ("sv;q=2", None),
        ("sv;q=nan", None),
        ("sv;q=x, de;q=0.1", "de"),
        ("sv;level=1", "sv"),
        ("", None),
        (",,;;", None),
    ],
)
def test_the_first_language_of_ours_in_their_order(header: str, locale: str | None) -> None:
    assert preferred(header, LOCALES) == locale


@given(st.text())
def test_any_header_is_read(header: str) -> None:
    assert preferred(header, LOCALES) in {*LOCALES, None}
