"""Processes whose coverage nobody asks for: measuring it would double what they cost.

Those that are killed leave no figures anyway, and what they run is measured elsewhere.
"""

from __future__ import annotations

import os


def unmeasured() -> dict[str, str]:
    """The environment of this process, for children that are not to be measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
