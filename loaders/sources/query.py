"""The SQL around a feed's query. The query is the mapping: its columns are canonical fields.

PostgreSQL makes the JSON itself, so that figures stay exact and one validator serves every
source. Pure text; nothing is run here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.domain.record_kinds import Kind
from loaders.errors import SourceError
from loaders.records import EXACT_FIELDS, ID_LIST_FIELDS, NEEDED, TEXT_FIELDS, field_names

DELETE: Final = "delete"

_TIMES: Final = frozenset({"timestamptz", "timestamp"})
_PRESENT: Final = {
    "timestamptz": "now()",
    "timestamp": "(now() AT TIME ZONE 'UTC' + interval '14 hours')",
}
_NUMBERS: Final = frozenset({"int2", "int4", "int8", "numeric"})
_TEXT_INDEXED: Final = frozenset({"text", "varchar"})
# As such numbers are written, and so many digits as certainly fit.
_WHOLE_NUMBERS: Final = {
    "int2": "^(0|-?[1-9][0-9]{0,3})$",
    "int4": "^(0|-?[1-9][0-9]{0,8})$",
    "int8": "^(0|-?[1-9][0-9]{0,17})$",
}
_NUMBER_ARRAYS: Final = frozenset({"int2[]", "int4[]", "int8[]", "numeric[]"})
_MOMENTS: Final = ("updated_at", "valid_from", "valid_until", "acknowledged_at")
_TEXT_TYPES: Final = frozenset({"text", "varchar", "citext", "name"})

# Quoted text, quoted names, dollar quotes and comments are skipped as a whole; what is left over
# is looked at character by character.
_TOKEN: Final = re.compile(
    r"""(?P<quoted>[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
        | \$(?P<tag>\w*)\$ .*? \$(?P=tag)\$)
      | (?P<comment>--[^\n]* | /\*.*?\*/)
      | (?P<space>\s+)
      | (?P<end>;)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)

_SAID: Final = frozenset({"other", "space"})
_CLOCK: Final = re.compile(
    r"\b((current_(date|time|timestamp)|localtime(stamp)?)\b"
    r"|(now|timeofday|(clock|statement|transaction)_timestamp)\s*\()",
    re.IGNORECASE,
)
_DAYS_IN_QUOTES: Final = frozenset({"'now'", "'today'", "'tomorrow'", "'yesterday'"})


class Plan(msgspec.Struct, frozen=True):
    """The statements of one feed. `unknown` are columns that mean nothing here.

    `delta` takes the watermark (text) and, where `timed`, the overlap in seconds; so does `rest`,
    which is all that is there and that the delta leaves out.
    """

    snapshot: str
    unknown: tuple[str, ...] = ()
    greatest: str | None = None
    delta: str | None = None
    first_delta: str | None = None
    rest: str | None = None
    timed: bool = False
    warnings: tuple[str, ...] = ()


def trimmed(query: str) -> str:
    """The query without what may follow it: semicolons and comments."""
    end = 0
    for token in _TOKEN.finditer(query):
        if token.lastgroup in {"quoted", "tag", "other"}:
            end = token.end()
    return query[:end]


def changes_with_the_day(query: str) -> bool:
    """Whether the query asks what time it is: then its rows change without being written.

    What a view or a function asks cannot be seen here.
    """
    for token in _TOKEN.finditer(query):
        quoted = token.lastgroup in {"quoted", "tag"}
        if quoted and token.group().lower() in _DAYS_IN_QUOTES:
            return True
    said = _TOKEN.sub(lambda token: token.group() if token.lastgroup in _SAID else " ", query)
    return _CLOCK.search(said) is not None


def described(query: str) -> str:
    """The statement whose columns are those of the query."""
    return f"SELECT * FROM ({trimmed(query)}) s"  # noqa: S608 - the operator's own query


def plan(
    feed: str, kind: Kind, query: str, columns: Mapping[str, str], watermark: str | None
) -> Plan:
    """The statements for a query that has these columns (name → PostgreSQL's name of the type).

    Raises:
        SourceError: a column is missing, or the watermark's type cannot serve as one.
    """
    needed = NEEDED[kind] if watermark is None else (*NEEDED[kind], (watermark,))
    for names in needed:
        if columns.keys().isdisjoint(names):
            found = ", ".join(columns) or "none"
            wanted = " or ".join(names)
            raise SourceError(f"feed {feed}: the query has no column {wanted} (it has: {found})")
    known = _known(kind, columns)
    source = f"FROM ({trimmed(query)}) s"
    rows = _rows(kind, query, columns)
    # What a delta tells of as deleted is, in a snapshot, simply not there.
    present = f" WHERE s.{_name(DELETE)} IS NOT TRUE" if DELETE in columns else ""
    whole = Plan(
        snapshot=f"SELECT row_to_json(q)::text {rows}{present}",
        unknown=tuple(name for name in columns if name not in known and name != watermark),
        warnings=tuple(_warnings(feed, known, columns)),
    )
    if watermark is None:
        return whole
    type_ = columns[watermark]
    if type_ not in _TIMES | _NUMBERS:
        raise SourceError(
            f"feed {feed}: the watermark {watermark} must be a timestamp, an integer or numeric, "
            f"not {type_}"
        )
    mark = f"s.{_name(watermark)}"
    timed = type_ in _TIMES
    last = f"$1::text::{type_}" + (" - make_interval(secs => $2)" if timed else "")
    marked = f"SELECT row_to_json(q)::text, {_reached(mark, type_)} {rows}"
    return msgspec.structs.replace(
        whole,
        greatest=f"SELECT {_reached(f'max({mark})', type_)} {source}",
        delta=f"{marked} WHERE {mark} > {last} ORDER BY {mark}",
        first_delta=f"{marked} WHERE {mark} IS NOT NULL ORDER BY {mark}",
        rest=f"{whole.snapshot} {'AND' if present else 'WHERE'} ({mark} > {last}) IS NOT TRUE",
        timed=timed,
    )


def narrowed(
    kind: Kind,
    query: str,
    columns: Mapping[str, str],
    watermark: str | None = None,
    *,
    field: str = "sku",
    among: str = "$1::text[]",
) -> str:
    """The statement that reads the rows of some SKUs, or some other `field`, `among` such texts.

    The watermark comes along, also where it is no canonical field.

    The column is compared as what it is, so that the ERP's index on it serves. `columns` are those
    of a query for which there is a `plan`.
    """
    wanted = _wanted(f"s.{_name(field)}", columns[field], among)
    besides = [] if watermark is None else [watermark]
    return f"SELECT row_to_json(q)::text {_rows(kind, query, columns, besides)} WHERE {wanted}"


def _wanted(column: str, type_: str, among: str) -> str:
    if type_ in _TEXT_INDEXED:
        return f"{column} = ANY({among})"
    if type_ in _WHOLE_NUMBERS:
        # What is written in another way (`007`, `1e2`) is no SKU of this column.
        fitting = f"SELECT w::{type_} FROM unnest({among}) w"  # noqa: S608 - a name of ours
        return f"{column} = ANY(ARRAY({fitting} WHERE w ~ '{_WHOLE_NUMBERS[type_]}'))"
    return f"{column}::text = ANY({among})"


def _rows(kind: Kind, query: str, columns: Mapping[str, str], besides: Sequence[str] = ()) -> str:
    """Every row of the query as `s`, and as `q` with its known columns as they are to be told."""
    told = dict.fromkeys([*_known(kind, columns), *besides])
    fields = ", ".join(f"{_expression(name, columns[name])} AS {_name(name)}" for name in told)
    return f"FROM ({trimmed(query)}) s CROSS JOIN LATERAL (SELECT {fields}) q"


def _known(kind: Kind, columns: Mapping[str, str]) -> Sequence[str]:
    return [name for name in (*field_names(kind), DELETE) if name in columns]


def _reached(mark: str, type_: str) -> str:
    """How far a row lets the watermark come, as text: a time at most to the ERP's own present.

    A single row stamped in the future, or at infinity, would otherwise hide every change until
    then. Without a zone the present is not known to the hour: there the bound is the day's.
    """
    present = _PRESENT.get(type_)
    if present is not None:
        mark = f"CASE WHEN {mark} > {present} THEN {present} ELSE {mark} END"
    # As JSON a time reads the same under every DateStyle.
    return f"to_json({mark}) #>> '{{}}'"


def _expression(field: str, type_: str) -> str:
    column = f"s.{_name(field)}"
    if field in TEXT_FIELDS and type_ not in _TEXT_TYPES:
        return f"{column}::text"
    if field in EXACT_FIELDS and type_ == "numeric":
        return f"{column}::text"
    if field in ID_LIST_FIELDS and type_ in _NUMBER_ARRAYS:
        return f"{column}::text[]"
    if type_ == "json":
        # Such a column is passed on as it was written, with its line ends.
        return f"translate({column}::text, E'\\n\\r', '  ')::json"
    return column


def _warnings(feed: str, known: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    return [
        f"feed {feed}: {name} is a timestamp without time zone, every row with one will be "
        f"rejected; say which zone it is in: {name} AT TIME ZONE 'Europe/Stockholm'"
        for name in _MOMENTS
        if name in known and columns.get(name) == "timestamp"
    ]


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
