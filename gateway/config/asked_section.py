"""A source that can be asked for single SKUs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.config.section import Section
from gateway.config.values import Seconds


class AskedSource(Section):
    """How often it may be asked for single SKUs, and how long that may take.

    Of each feed so many SKUs a minute are looked at by an audit; 0: none.
    """

    refresh_rate: Annotated[float, Field(gt=0, le=10_000)] = 50.0
    refresh_burst: Annotated[int, Field(ge=1, le=10_000)] = 10
    refresh_timeout: Seconds = 1.0
    audit_rate: Annotated[float, Field(ge=0, le=60_000)] = 60.0
