"""Words: five languages, every status, and CONTRACT 2's own texts."""

from __future__ import annotations

import pytest

from gateway.config.settings import Settings
from gateway.domain.spans import ON_REQUEST_VIEW, PREORDER_VIEW, SpanPolicy, StockStatus
from gateway.wiring.selling import selling_rules
from gateway.words import LOCALES

LABELS = selling_rules(Settings()).labels


def shown(locale: str, salable: int, *, discontinued: bool = False, backorder: bool = False) -> str:
    view = SpanPolicy().view(salable, discontinued=discontinued, backorder=backorder)
    return LABELS[locale].label(view)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_status_has_words_in_every_language(locale: str) -> None:
    assert set(LABELS[locale].texts) == set(StockStatus)
    assert all(text for forms in LABELS[locale].texts.values() for text in forms.values())


def test_the_english_and_swedish_words_are_those_agreed() -> None:
    assert [shown("en", s) for s in (20_000, 5_000, 1_000, 0)] == [
        "20+ available",
        "5+ available",
        "Few left",
        "Out of stock",
    ]
    assert [shown("sv", s) for s in (20_000, 5_000, 1_000, 0)] == [
        "20+ i lager",
        "5+ i lager",
        "Få kvar",
        "Slut i lager",
    ]
    assert shown("sv", 0, backorder=True) == "Beställningsvara"
    assert shown("sv", 0, discontinued=True) == "Utgått"
    assert LABELS["sv"].label(PREORDER_VIEW) == "Kan förbokas"
    assert LABELS["sv"].label(ON_REQUEST_VIEW) == "Kontakta oss"
    assert LABELS["en"].label(ON_REQUEST_VIEW) == "Availability on request"
