"""Where traces go."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.config.section import Section
from gateway.config.values import http_url


class Tracing(Section):
    """A collector of OpenTelemetry, and how large a share of the traces that begin here it gets."""

    endpoint: Annotated[str, AfterValidator(http_url)]
    service_name: Annotated[str, Field(min_length=1, max_length=64)] = "stockspan"
    sample_ratio: Annotated[float, Field(ge=0, le=1)] = 0.1
