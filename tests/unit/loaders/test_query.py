import pytest

from loaders.errors import SourceError
from loaders.sources.query import changes_with_the_day, plan, trimmed

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


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ("SELECT sku FROM t", False),
        ("SELECT sku FROM t WHERE current_date BETWEEN a AND b", True),
        ("SELECT sku FROM t WHERE at < NOW ( )", True),
        ("SELECT sku FROM t WHERE at < localtimestamp", True),
        ("SELECT sku FROM t WHERE day = 'today'::date", True),
        ("SELECT sku FROM t WHERE at > clock_timestamp() - interval '1 day'", True),
        ("SELECT sku, 'now()' AS note FROM t -- current_date", False),
        ('SELECT "now", current_dates, known FROM t /* now() */', False),
        ("SELECT now FROM t", False),
    ],
)
def test_a_query_that_asks_for_the_present_is_known(query: str, changes: bool) -> None:
    assert changes_with_the_day(query) is changes


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


PRICES = {"price_list": "int4", "sku": "int8", "unit_price": "numeric"}


def test_a_price_needs_a_target_and_a_price() -> None:
    assert plan("p", "prices", "q", PRICES, None).unknown == ()
    without = {name: type_ for name, type_ in PRICES.items() if name != "sku"}
    with pytest.raises(SourceError, match="no column sku or product_group or all"):
        plan("p", "prices", "q", without, None)
    without = {name: type_ for name, type_ in PRICES.items() if name != "unit_price"}
    with pytest.raises(SourceError, match="no column unit_price or discount_percent"):
        plan("p", "prices", "q", without, None)
    assert plan("p", "prices", "q", without | {"discount_percent": "int4"}, None).unknown == ()


def test_heads_and_cells_need_what_they_say() -> None:
    with pytest.raises(SourceError, match="no column layer"):
        plan("p", "price_lists", "q", {"price_list": "text", "currency": "text"}, None)
    classes = {"discount_class": "text", "product_discount_class": "text"}
    with pytest.raises(SourceError, match="no column discount_percent"):
        plan("p", "discounts", "q", classes, None)


def test_every_time_without_zone_is_told() -> None:
    columns = PRICES | {"valid_from": "timestamp", "valid_until": "date"}
    (told,) = plan("p", "prices", "q", columns, None).warnings
    assert "valid_from AT TIME ZONE" in told
    columns = {"order_ref": "int8", "acknowledged_at": "timestamp"}
    statements = plan("a", "order_acks", "q", columns, None)
    assert "acknowledged_at AT TIME ZONE" in statements.warnings[0]
    assert 's."order_ref"::text' in statements.snapshot
    # Here it is the watermark, and no field.
    columns = PRICES | {"updated_at": "timestamp"}
    assert plan("p", "prices", "q", columns, "updated_at").warnings == ()
