"""Words for a status, by language. The code is stable, the words are not.

The texts themselves are data, which `gateway.words` reads: one file a language.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from gateway.domain.quantities import Milli
from gateway.domain.spans import StockStatus, StockView
from gateway.domain.writing import OTHER, plural_form, write_quantity

MINIMUM: Final = "{min}"
"""Where the span's lower bound stands in a label."""


class Labels(msgspec.Struct, frozen=True):
    """The words of one language: for every status a text for each plural form it tells apart."""

    locale: str
    texts: Mapping[StockStatus, Mapping[str, str]]

    def label(self, view: StockView) -> str:
        """The text for what is shown; it says no more than the span."""
        forms = self.texts[view.status]
        if view.span is None:
            return forms[OTHER]
        low = view.span.low
        # Most texts are the same for any figure, and need no look at it.
        form = OTHER if len(forms) == 1 else plural_form(self.locale, low)
        return _worded(forms.get(form, forms[OTHER]), self.locale, low)


# There are as many as bounds and languages.
@lru_cache(maxsize=1024)
def _worded(text: str, locale: str, low: Milli) -> str:
    return text.replace(MINIMUM, write_quantity(locale, low))
