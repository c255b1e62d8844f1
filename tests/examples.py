"""How many examples a property is tried with: a few of many in the suite, all in the long form.

`STOCKSPAN_TEST_LONG=1 scripts/test tests/unit` is the long form: for a change of what they hold.
"""

from __future__ import annotations

import os
from typing import Final

LONG: Final = bool(os.environ.get("STOCKSPAN_TEST_LONG"))

_SHARE: Final = 5
_FEWEST: Final = 20


def examples(long: int) -> int:
    """So many in the long form; in the suite a fifth, enough to see a broken rule."""
    return long if LONG else max(_FEWEST, long // _SHARE)
