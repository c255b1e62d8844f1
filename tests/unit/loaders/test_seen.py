from hypothesis import given
from hypothesis import strategies as st

from loaders.seen import KeyFigures, KeySet, LatestFigures, SeenPrices

KEYS = st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)))


@given(KEYS, KEYS)
def test_it_is_a_set(there: list[tuple[str, str]], asked: list[tuple[str, str]]) -> None:
    keys = KeySet()
    for key in there:
        keys.add(key)
    for key in [*there, *asked]:
        assert (key in keys) == (key in set(there))


def test_eight_bytes_a_key() -> None:
    keys = KeySet()
    for number in range(10_000):
        keys.add((str(number),))
    assert ("5",) in keys
    assert keys._hashes.itemsize * len(keys) == 80_000


@given(KEYS)
def test_what_was_added_more_than_once(there: list[tuple[str, str]]) -> None:
    keys = KeySet()
    for key in there:
        keys.add(key)
    repeated = keys.repeated()
    assert [key in repeated for key in there] == [there.count(key) > 1 for key in there]


FIGURES = st.lists(
    st.tuples(st.tuples(st.text(max_size=3)), st.integers(-(1 << 63), (1 << 63) - 1))
)


@given(FIGURES, FIGURES, st.lists(st.tuples(st.text(max_size=3))))
def test_figures_are_a_mapping_of_which_the_last_counts(
    first: list[tuple[tuple[str], int]],
    then: list[tuple[tuple[str], int]],
    asked: list[tuple[str]],
) -> None:
    figures = KeyFigures()
    expected: dict[tuple[str], int] = {}
    for given_ in (first, then):
        for key, figure in given_:
            figures.add(key, figure)
        expected |= dict(given_)
        for key in [*expected, *asked]:
            assert figures.get(key) == expected.get(key)


def test_sixteen_bytes_a_key_with_its_figure() -> None:
    figures = KeyFigures()
    for number in range(10_000):
        figures.add((str(number),), number)
    assert figures.get(("5",)) == 5
    arrays = [*figures._hashes, *figures._figures]
    assert sum(one.itemsize * len(one) for one in arrays) == 160_000


MOMENTS = st.none() | st.integers(-(1 << 50), 1 << 50).map(lambda minute: minute * 60_000)
DATED = st.lists(st.tuples(st.tuples(st.text(max_size=2)), MOMENTS, st.integers(-99, 99)))


def order(moment_ms: int | None) -> int:
    """Moments beyond some thousand years are all the same."""
    lowest, highest = -(1 << 31), (1 << 31) - 1
    return lowest if moment_ms is None else min(max(moment_ms // 60_000, lowest), highest)


@given(DATED, DATED, st.lists(st.tuples(st.text(max_size=2))))
def test_of_dated_figures_the_latest_counts(
    first: list[tuple[tuple[str], int | None, int]],
    then: list[tuple[tuple[str], int | None, int]],
    asked: list[tuple[str]],
) -> None:
    figures = LatestFigures()
    expected: dict[tuple[str], tuple[int, int]] = {}
    for given_ in (first, then):
        for key, moment_ms, figure in given_:
            figures.add(key, moment_ms, figure)
            before = expected.get(key)
            if before is None or order(moment_ms) >= before[0]:
                expected[key] = (order(moment_ms), figure)
        for key in [*expected, *asked]:
            assert figures.get(key) == expected.get(key, (0, None))[1]


def test_a_row_is_known_by_its_beginning_and_else_by_the_latest() -> None:
    seen = SeenPrices()
    spot = ("list-rows", "L", "1", "A")
    for name, figure in (("\x1f", 1), ("\x1f300000", 3), ("\x1f120000", 2), ("10\x1f", 4)):
        seen.add((spot, name), figure)
    asked = ["\x1f", "\x1f120000", "\x1f60000", "10\x1f5", "5\x1f", "\x1fnone"]
    assert [seen.figure((spot, name)) for name in asked] == [1, 2, 3, 4, None, 3]
    assert (spot, "\x1f60000") not in seen


def test_thirty_two_bytes_a_price_row() -> None:
    seen = SeenPrices()
    for number in range(10_000):
        seen.add((("list-rows", "L", "1", str(number)), "\x1f"), number)
    assert seen.figure((("list-rows", "L", "1", "5"), "\x1f")) == 5
    kept = [seen._figures._hashes, seen._figures._figures]
    latest = [seen._latest._order, seen._latest._figures]
    arrays = [one for buckets in (*kept, *latest) for one in buckets]
    assert sum(one.itemsize * len(one) for one in arrays) == 320_000
