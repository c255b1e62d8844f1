"""The day on which the sample ERP of the tests was made."""

from datetime import date
from typing import Final

SAMPLE_DAY: Final = date(2026, 11, 21)
