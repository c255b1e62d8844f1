"""What an outbox says has changed, as keys of a feed's records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.config.outbox_section import Outbox
from gateway.domain.record_kinds import Kind
from loaders.errors import SourceError, WholeNeededError
from loaders.records import KEYS
from loaders.sources.outbox_mark import Look
from loaders.sources.outbox_sql import ANY_TABLE, MISSED, TABLE

KEYS_AT_ONCE: Final = 1000
"""So many keys of the outbox are looked up in the feed's query together."""

NOT_INSTALLED: Final = (
    "its outbox is missing or may not be read: install it with what `stockspan feed trigger` prints"
)
EVERYTHING: Final = "a table was emptied or changed at large, or is watched anew"

_NARROWED_BY: Final[Mapping[Kind, str]] = {"prices": "sku"}
_NAMED_BY_IDS: Final[frozenset[Kind]] = frozenset(
    {"products", "stock", "locations", "price_lists", "customers", "order_acks"}
)
"""Kinds whose whole key is ids: what the query lacks of them can be told from what it has."""

_NEW: Final = f"""
  FROM {TABLE}
 WHERE xact >= $1::text::xid8 AND xact < pg_snapshot_xmin(pg_current_snapshot())
   AND source_table = ANY($2::text[])"""

CHANGED: Final = f"SELECT DISTINCT ARRAY[source_table, key::text] AS changed {_NEW}"
"""What can be read from a mark on, in these tables."""

BACKLOG: Final = f"""
SELECT count(*) AS keys, count(*) FILTER (WHERE c.changed[2] IS NULL) > 0 AS everything
  FROM ({CHANGED} LIMIT $3) c
"""  # noqa: S608 - names of ours
"""How much that is, counted up to so many."""

# By the index, whatever the planner knows of the table.
_OLDEST: Final = f"SELECT xact FROM {TABLE} ORDER BY xact, id LIMIT 1"  # noqa: S608 - names of ours
_NEWEST: Final = f"SELECT xact FROM {TABLE} ORDER BY xact DESC, id DESC LIMIT 1"  # noqa: S608

NOTED: Final = f"""\
WITH stockspan_noted AS MATERIALIZED (
    SELECT DISTINCT source_table, key {_NEW} LIMIT {KEYS_AT_ONCE + 1})
SELECT pg_snapshot_xmin(s)::text AS xmin, pg_snapshot_xmax(s)::text AS xmax,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {MISSED}) AS missed,
       age('3'::xid) AS age,
       CASE WHEN NOT pg_is_in_recovery()
            THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline,
       coalesce(({_OLDEST}) < $1::text::xid8, false) AS anchored,
       coalesce(({_OLDEST}) < pg_snapshot_xmin(s), false) AS anchors,
       coalesce(({_NEWEST}) >= pg_snapshot_xmin(s), false) AS waits,
       ARRAY(SELECT ARRAY[source_table, key::text] FROM stockspan_noted) AS changed,
       ARRAY({{rows}}) AS lines
  FROM pg_current_snapshot() s
"""  # noqa: S608 - names of ours
"""What a `Look` is made of, from a mark on, and the `rows` of the feed's query for what changed.

No more has changed than one beyond `KEYS_AT_ONCE`. At a standby there is no timeline. The next
transaction's number is told by how old the first one is, and that after what was missed: whoever is
counted there has a lower number. (A snapshot's `xmax` only follows what has ended.)
"""

_NUMBERS: Final = 2**32
"""Transactions of which age is told; then they are counted anew."""

Key = Mapping[str, str | None]
"""Fields of a record's key, as far as a table gives them."""


def looked(row: Mapping[str, Any]) -> Look:
    """The row of a `LOOK`."""
    xmax = int(row["xmax"])
    return Look(
        xmin=int(row["xmin"]),
        following=xmax + (row["age"] + 3 - xmax) % _NUMBERS,
        timeline=row["timeline"],
        missed=row["missed"],
        anchored=row["anchored"],
        anchors=row["anchors"],
        waits=row["waits"],
        changed=row["changed"],
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class OutboxKeys:
    """Reads the keys of one feed from the columns that triggers noted.

    Raises:
        SourceError: a table does not name the records by the field the query is narrowed by, or
            names a field that is none of their key.
    """

    def __init__(self, feed: str, kind: Kind, outbox: Outbox) -> None:
        self._kind: Kind = kind
        self._outbox = outbox
        self.field: Final = _NARROWED_BY.get(kind, KEYS[kind][0])
        self.watched: Final = (*outbox.tables, ANY_TABLE)
        for table, columns in outbox.tables.items():
            where = f"feed {feed}: outbox.tables.{table}"
            if self.field not in columns:
                raise SourceError(f"{where} needs the column that gives {self.field}")
            for field in columns:
                if field not in KEYS[kind]:
                    known = ", ".join(KEYS[kind])
                    raise SourceError(f"{where}: {field} is not of the key, which has: {known}")

    def read(self, changed: Iterable[Sequence[str | None]]) -> Mapping[str, Sequence[Key]]:
        """The keys of records that may have changed, by the field that narrows the query.

        Raises:
            WholeNeededError: it may be any record.
        """
        found: dict[str, list[Key]] = {}
        for table, text in changed:
            if table is None or text is None:
                raise WholeNeededError(EVERYTHING)
            noted: Mapping[str, str | None] = msgspec.json.decode(text)
            key = {name: noted.get(column) for name, column in self._outbox.tables[table].items()}
            by = key[self.field]
            if by is None:
                raise WholeNeededError(f"a row of {table} has changed that has no {self.field}")
            found.setdefault(by, []).append(key)
        return found

    def values(self) -> str:
        """What `read` finds of `NOTED` to narrow the query by, as SQL."""
        cases = " ".join(
            f"WHEN {_literal(table)} THEN key->>{_literal(columns[self.field])}"
            for table, columns in self._outbox.tables.items()
        )
        return f"ARRAY(SELECT DISTINCT CASE source_table {cases} END FROM stockspan_noted)"  # noqa: S608 - quoted

    def gone(self, keys: Mapping[str, Sequence[Key]], lines: bytes) -> Sequence[bytes]:
        """The deletions of records that these whole keys name, and none of these lines is."""
        if self._kind not in _NAMED_BY_IDS:
            return ()
        names = KEYS[self._kind]
        gone = {
            tuple(key[name] for name in names)
            for each in keys.values()
            for key in each
            if all(key.get(name) is not None for name in names)
        }
        for line in lines.split(b"\n") if lines and gone else ():
            row = msgspec.json.decode(line)
            gone.discard(tuple(row[name] for name in names))
        return [
            msgspec.json.encode({**dict(zip(names, key, strict=True)), "delete": True})
            for key in gone
        ]

    def require(self, *, keys: int = 0, deleted: int = 0) -> None:
        """Return if so much can be taken over as a delta.

        Raises:
            WholeNeededError: a snapshot is better, or safer.
        """
        if keys > self.most_keys:
            raise WholeNeededError(f"more than {self.most_keys} keys wait in the outbox")
        if deleted > self._outbox.most_deleted:
            raise WholeNeededError(f"more than {self._outbox.most_deleted} records have vanished")

    @property
    def most_keys(self) -> int:
        """More than so many are not taken over as a delta."""
        return self._outbox.most_keys


def columns_of(outboxes: Iterable[Outbox]) -> Mapping[str, Collection[str]]:
    """The columns that are to be noted of each table, for all of these feeds together."""
    noted: dict[str, set[str]] = {}
    for outbox in outboxes:
        for table, columns in outbox.tables.items():
            noted.setdefault(table, set()).update(columns.values())
    return noted
