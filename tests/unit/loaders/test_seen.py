from hypothesis import given
from hypothesis import strategies as st

from loaders.seen import KeySet

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
