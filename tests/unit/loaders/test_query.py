import pytest

from loaders.errors import SourceError
from loaders.sources.query import plan, trimmed

COLUMNS = {"sku": "int4", "location": "text", "quantity": "numeric", "moved_at": "timestamptz"}


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT 1;", "SELECT 1"),
        (" SELECT 1 ; ;\n", " SELECT 1"),
        ("SELECT 1 -- done", "SELECT 1"),
        ("SELECT 1; -- done;\n/* and ; more */", "SELECT 1"),
        ("SELECT ';' -- x", "SELECT ';'"),
        ("SELECT '--'", "SELECT '--'"),
        ("SELECT '/*' || E'\\'; --' ;", "SELECT '/*' || E'\\'; --'"),
        ('SELECT 1 AS ";--"', 'SELECT 1 AS ";--"'),
        ("SELECT $a$;--$a$;", "SELECT $a$;--$a$"),
        ("SELECT $$ it's $$ ;", "SELECT $$ it's $$"),
        ("SELECT /* in */ 1 -- x\n FROM t;", "SELECT /* in */ 1 -- x\n FROM t"),
    ],
)
def test_what_may_follow_a_query_is_left_out(query: str, kept: str) -> None:
    assert trimmed(query) == kept


def test_a_missing_column_is_named_with_its_feed() -> None:
    with pytest.raises(SourceError, match=r"feed stock: the query has no column quantity .*qty"):
        plan("stock", "stock", "q", {"sku": "text", "location": "text", "qty": "int4"}, None)


def test_a_watermark_must_be_among_the_columns() -> None:
    with pytest.raises(SourceError, match="no column changed"):
        plan("stock", "stock", "q", COLUMNS, "changed")


def test_a_watermark_must_grow() -> None:
    with pytest.raises(SourceError, match="must be a timestamp, an integer or numeric, not text"):
        plan("stock", "stock", "q", COLUMNS, "location")


def test_only_known_columns_are_asked_for() -> None:
    statements = plan("stock", "stock", "q", COLUMNS | {"colour": "text"}, "moved_at")
    assert statements.unknown == ("colour",)
    assert "colour" not in statements.snapshot
    assert statements.timed


def test_without_a_watermark_there_are_no_deltas() -> None:
    statements = plan("stock", "stock", "q", COLUMNS, None)
    assert (statements.delta, statements.greatest, statements.unknown) == (
        None,
        None,
        ("moved_at",),
    )


def test_a_time_without_zone_is_told() -> None:
    statements = plan("stock", "stock", "q", COLUMNS | {"updated_at": "timestamp"}, None)
    assert "AT TIME ZONE" in statements.warnings[0]
