"""How an ERP is asked for single SKUs, when a checkout wants its figures confirmed."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.config.http_sections import JmesPath, Parameter, relative_path
from gateway.config.section import Section

SKU: Final = "{sku}"
"""What stands for a SKU."""

_QUOTED: Final = f"'{SKU}'"


def _with_sku(text: str) -> str:
    if SKU not in text or not text.isprintable():
        raise ValueError(f"must be one line that holds {SKU}, which stands for the SKU")
    return text


def _sku_path(path: str) -> str:
    return relative_path(path.replace(SKU, "")) and path


class SkuQuery(Section):
    """How an ERP over HTTP is asked for single SKUs: in the path, or `most` in one parameter.

    Each becomes `each`, and `join` stands between two. `path` and `rows` are the feed's where they
    are left out.
    """

    path: Annotated[str, Field(max_length=2000), AfterValidator(_sku_path)] | None = None
    param: Parameter | None = None
    each: Annotated[str, Field(max_length=2000), AfterValidator(_with_sku)] = SKU
    join: Annotated[str, Field(min_length=1, max_length=100)] = ","
    most: Annotated[int, Field(ge=1, le=1000)] = 20
    rows: JmesPath | None = None

    @model_validator(mode="after")
    def _in_one_place(self) -> Self:
        in_path = self.path is not None and SKU in self.path
        if in_path == (self.param is not None):
            raise ValueError(f"needs either {SKU} in its path or a param that holds the SKUs")
        return self

    def value(self, sku: str) -> str | None:
        """What the SKU becomes in the parameter; None where it could be taken for another."""
        if _QUOTED in self.each:
            # As OData and SQL have it.
            return self.each.replace(SKU, sku.replace("'", "''"))
        if self.join in sku:
            return None
        return self.each.replace(SKU, sku)
