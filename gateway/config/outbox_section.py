"""The outbox of a feed: which of the ERP's tables its triggers watch, and how far it may grow."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from gateway.config.section import Section

_LONGEST_NAME: Final = 63
"""Bytes of a name in PostgreSQL, which cuts longer ones off without a word."""


def _a_name(name: str) -> str:
    # Names stand in a function's text, which a dollar quote would end.
    if not (0 < len(name.encode()) <= _LONGEST_NAME and name.isprintable() and "$" not in name):
        msg = (
            f"must be a name of 1 to {_LONGEST_NAME} bytes without $, as the database's catalogue "
            "has it"
        )
        raise ValueError(msg)
    return name


def _a_table(table: str) -> str:
    # Its trigger function is named like it, schema and all.
    _a_name(table)
    if table.count(".") > 1 or not all(table.split(".")):
        msg = "must be a table's name, or schema.table"
        raise ValueError(msg)
    return table


Column = Annotated[str, AfterValidator(_a_name)]
Table = Annotated[str, AfterValidator(_a_table)]
KeyColumns = Annotated[dict[str, Column], Field(min_length=1)]
"""The fields of a record's key, and the columns of a table that give them."""


class Outbox(Section):
    """A feed whose changes are noted by triggers; beyond `most_keys` a snapshot is taken instead.

    So it is beyond `most_deleted`, whose snapshot the guard judges.
    """

    tables: Annotated[dict[Table, KeyColumns], Field(min_length=1)]
    most_keys: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    most_deleted: Annotated[int, Field(ge=0, le=10_000_000)] = 1_000
