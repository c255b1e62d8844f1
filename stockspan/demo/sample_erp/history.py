"""When the rows of the sample ERP were last changed: some time before today."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

_SECONDS: Final = 90 * 86_400


def earlier(chance: random.Random, today: date) -> datetime:
    """A moment in the last three months before `today`."""
    midnight = datetime.combine(today, time(), UTC)
    return midnight - timedelta(seconds=chance.randrange(_SECONDS))
