import json

from hypothesis import given
from hypothesis import strategies as st

from loaders.lines import LONGEST, LineCutter


def cut(pieces: list[bytes]) -> bytes:
    cutter = LineCutter()
    out = []
    for piece in pieces:
        lines = cutter.feed(piece)
        assert not lines or lines.endswith(b"\n")
        out.append(lines)
    return b"".join(out) + cutter.rest()


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"a", b"\n"))))
def test_nothing_is_lost_or_added(pieces: list[bytes]) -> None:
    assert cut(pieces) == b"".join(pieces)


def test_a_line_that_is_too_long_says_so_and_spoils_no_other() -> None:
    for step in (1000, 1 << 18):
        data = b"first\n" + b"x" * (LONGEST + 5) + b"\nlast\n"
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        first, long, last = cut(pieces).splitlines()
        assert (first, last) == (b"first", b"last")
        assert json.loads(long).startswith(f"a line of more than {LONGEST} bytes: xxx")


def test_a_last_line_that_is_too_long() -> None:
    assert b"more than" in cut([b"x" * LONGEST, b"y" * LONGEST])
