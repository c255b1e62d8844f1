import pytest

from gateway.domain.record_kinds import Kind
from loaders.errors import SourceError
from loaders.sources.csv_lines import CsvLines


def lines(kind: Kind, text: str) -> list[bytes]:
    return list(CsvLines("drop", kind, text.splitlines(keepends=True)))


def test_cells_are_typed_by_their_field() -> None:
    text = (
        "sku,location,quantity,version,incoming,note\n"
        'A-1,W1,007.50,12,"[{""quantity"":5,""date"":""2026-01-01""}]",x\n'
        "00123,1,,,,\n"
    )
    first, second = lines("stock", text)
    assert first == (
        b'{"sku":"A-1","location":"W1","quantity":7.50,"version":12,'
        b'"incoming":[{"quantity":5,"date":"2026-01-01"}]}'
    )
    assert second == b'{"sku":"00123","location":"1"}'


def test_flags_lists_and_rates() -> None:
    text = 'sku,backorder,assortments,tax_rate\nA,TRUE,"[""x""]",0.25\nB,0,,\nC,maybe,,\n'
    assert lines("products", text) == [
        b'{"sku":"A","backorder":true,"assortments":["x"],"tax_rate":"0.25"}',
        b'{"sku":"B","backorder":false}',
        b'{"sku":"C","backorder":"maybe"}',
    ]


@pytest.mark.parametrize("cell", ["1e5", "NaN", "abc", "1_000", "0x1", "1,5"])
def test_what_is_no_number_stays_text(cell: str) -> None:
    assert lines("stock", f'sku,location,quantity\nA,W1,"{cell}"\n') == [
        f'{{"sku":"A","location":"W1","quantity":"{cell}"}}'.encode()
    ]


def test_a_byte_order_mark_and_spaces_in_the_header_do_no_harm() -> None:
    assert lines("stock", "\ufeffsku, location ,quantity\nA,W1,1\n") == [
        b'{"sku":"A","location":"W1","quantity":1}'
    ]


def test_a_row_of_another_length_is_passed_on_as_no_record() -> None:
    assert lines("stock", "sku,location,quantity\nA,W1\n") == [b'"2 cells under 3 columns: A"']


def test_broken_text_is_passed_on_broken() -> None:
    broken = b"A\xff".decode("utf-8", "surrogateescape")
    assert lines("stock", f"sku,location,quantity\n{broken},W1,1\n") == [b'"A\xffW11"']


def test_unknown_columns_and_rows_are_counted() -> None:
    rows = CsvLines("drop", "stock", ["sku,colour\n", "A,red\n", "\n", "B,blue\n"])
    assert len(list(rows)) == rows.rows == 2
    assert rows.unknown == ("colour",)


def test_an_open_quote_is_an_error_of_the_file() -> None:
    with pytest.raises(SourceError, match="drop: line 2"):
        lines("stock", 'sku,location\n"A,W1\n')


def test_money_stays_text_and_lists_are_json() -> None:
    text = "price_list,sku,all,unit_price,min_quantity,rank\nL,A,,079.00,010,3\nL,,true,5,,\n"
    assert lines("prices", text) == [
        b'{"price_list":"L","sku":"A","unit_price":"079.00","min_quantity":10,"rank":3}',
        b'{"price_list":"L","all":true,"unit_price":"5"}',
    ]
    text = 'price_list,currency,layer,tax_included,customers\nL,SEK,base,1,"[""C""]"\n'
    assert lines("price_lists", text) == [
        b'{"price_list":"L","currency":"SEK","layer":"base","tax_included":true,"customers":["C"]}'
    ]
