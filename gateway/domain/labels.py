"""Words for a status, by language. The code is stable, the words are not.

The texts themselves are data: `gateway/locales/<language>.toml`, one file a language.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from gateway.domain.quantities import Milli, to_number
from gateway.domain.spans import StockStatus, StockView

MINIMUM: Final = "{min}"
"""Where the span's lower bound stands in a label."""


class Labels(msgspec.Struct, frozen=True):
    """The words of one language, one for every status."""

    locale: str
    texts: Mapping[StockStatus, str]

    def label(self, view: StockView) -> str:
        """The text for what is shown; it says no more than the span."""
        text = self.texts[view.status]
        if view.span is None:
            return text
        return _worded(text, view.span.low)


@lru_cache(maxsize=1024)
def _worded(text: str, low: Milli) -> str:
    return text.replace(MINIMUM, str(to_number(low)))
