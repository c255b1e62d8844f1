"""The SQL that installs an outbox at an ERP, and removes it. Pure text; nothing is run here.

Whoever installs it owns the schema and what is in it, and needs no more than to make the schema
and the TRIGGER right on the tables: the trigger functions write to the outbox in their owner's
name, so the ERP's own users need no right. No trigger is ever dropped by itself, which only a
table's owner may: it is replaced, or goes with its function.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

SCHEMA: Final = "stockspan"
TABLE: Final = f"{SCHEMA}.outbox"
MISSED: Final = f"{SCHEMA}.missed"
CHANNEL: Final = "stockspan"

ANY_TABLE: Final = ""
"""Stands for every table: the outbox was installed anew, and nobody knows what came before."""

_MOST_ROWS: Final = 20_000
"""Of a statement that changes more, no keys are noted: it says "everything"."""

_EVENTS: Final = {
    "INSERT": ("NEW TABLE AS new_rows",),
    "UPDATE": ("OLD TABLE AS old_rows", "NEW TABLE AS new_rows"),
    "DELETE": ("OLD TABLE AS old_rows",),
    "TRUNCATE": (),
}
TRIGGERS: Final = tuple(f"{SCHEMA}_{event.lower()}" for event in _EVENTS)
"""The names of a table's triggers."""

_HEAD: Final = f"""\
-- Stockspan: an outbox of the keys that change in these tables, for PostgreSQL 14 or later.
-- It may be run again at any time, and then has the loaders read everything once. It waits no
-- longer than three seconds for a table that is in use, and then does nothing at all.
BEGIN;
SET LOCAL lock_timeout = '3s';

CREATE SCHEMA IF NOT EXISTS {SCHEMA};

-- `xact` is the transaction that wrote the row: a reader goes no further than the oldest one that
-- still runs. `key` has the columns that name a record; none: everything may have changed.
CREATE TABLE IF NOT EXISTS {TABLE} (
    xact         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id           bigint GENERATED ALWAYS AS IDENTITY,
    source_table text NOT NULL,
    key          jsonb,
    PRIMARY KEY (xact, id)
);
-- Counts what could not be noted, also by transactions that were undone later.
CREATE SEQUENCE IF NOT EXISTS {MISSED};
INSERT INTO {TABLE} (source_table) VALUES ('{ANY_TABLE}');
"""  # noqa: S608 - names of ours

_FUNCTION: Final = """
-- Whatever goes wrong in here, the statement that fired it goes on: it was counted as missed. Only
-- what ends that statement anyway passes through: its own timeout, and who cancels it.
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $stockspan$
#variable_conflict use_column
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO {outbox} (source_table) VALUES ({table});
    ELSIF TG_OP = 'INSERT' THEN
{inserted}
    ELSIF TG_OP = 'DELETE' THEN
{deleted}
    ELSE
{updated}
    END IF;{notify}
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    BEGIN
        PERFORM nextval('{missed}');
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
    RETURN NULL;
END $stockspan$;
REVOKE ALL ON FUNCTION {function}() FROM PUBLIC;
"""

_NOTED: Final = """\
        IF (SELECT count(*) FROM (SELECT FROM {rows} LIMIT {beyond}) counted) = {beyond} THEN
            INSERT INTO {outbox} (source_table) VALUES ({table});
        ELSE
            INSERT INTO {outbox} (source_table, key)
            SELECT DISTINCT {table}, jsonb_build_object({key})
              FROM {source};
        END IF;"""

_NOTIFY: Final = f"""
    IF FOUND THEN
        NOTIFY {CHANNEL};
    END IF;"""

_TRIGGER: Final = """\
CREATE OR REPLACE TRIGGER {name} AFTER {event} ON {table}{transition}
    FOR EACH STATEMENT EXECUTE FUNCTION {function}();
"""

_REMOVAL: Final = f"""\
-- Stockspan: removes the outbox with all its triggers. It waits no longer than three seconds for
-- a table that is in use, and then does nothing at all.
BEGIN;
SET LOCAL lock_timeout = '3s';
DROP SCHEMA IF EXISTS {SCHEMA} CASCADE;
COMMIT;
"""


def installation(
    tables: Mapping[str, Collection[str]], user: str | None, *, notify: bool = True
) -> str:
    """What installs an outbox for these tables (the columns that are noted of each).

    `user` reads it; without `notify` a change waits until somebody looks.
    """
    parts = [_HEAD]
    for table, columns in sorted(tables.items()):
        parts.append(_function(table, sorted(columns), notify=notify))
        parts += [_trigger(table, event) for event in _EVENTS]
    if user is not None:
        parts.append(_grants(user))
    return "".join([*parts, "COMMIT;\n"])


def removal() -> str:
    """What removes the outbox, all of it, whichever feeds it was for."""
    return _REMOVAL


def qualified(table: str) -> str:
    """A table's name, or its schema and name, as SQL writes it."""
    return ".".join(_quoted(part) for part in table.split("."))


def _function(table: str, columns: Collection[str], *, notify: bool) -> str:
    named = ", ".join(_quoted(column) for column in columns)
    both = f"(SELECT {named} FROM old_rows UNION SELECT {named} FROM new_rows) changed"  # noqa: S608 - quoted names
    return _FUNCTION.format(
        function=_function_name(table),
        outbox=TABLE,
        table=_literal(table),
        inserted=_noted(table, columns, "new_rows", "new_rows"),
        deleted=_noted(table, columns, "old_rows", "old_rows"),
        updated=_noted(table, columns, "new_rows", both),
        notify=_NOTIFY if notify else "",
        missed=MISSED,
    )


def _noted(table: str, columns: Collection[str], rows: str, source: str) -> str:
    key = ", ".join(f"{_literal(column)}, {_quoted(column)}::text" for column in columns)
    return _NOTED.format(
        outbox=TABLE,
        table=_literal(table),
        key=key,
        rows=rows,
        source=source,
        beyond=_MOST_ROWS + 1,
    )


def _trigger(table: str, event: str) -> str:
    referencing = " ".join(_EVENTS[event])
    return _TRIGGER.format(
        name=f"{SCHEMA}_{event.lower()}",
        event=event,
        table=qualified(table),
        transition=f"\n    REFERENCING {referencing}" if referencing else "",
        function=_function_name(table),
    )


def _grants(user: str) -> str:
    name = _quoted(user)
    return f"""
GRANT USAGE ON SCHEMA {SCHEMA} TO {name};
GRANT SELECT, DELETE ON {TABLE} TO {name};
GRANT SELECT ON SEQUENCE {MISSED} TO {name};
"""


def _function_name(table: str) -> str:
    return f"{SCHEMA}.{_quoted(table)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
