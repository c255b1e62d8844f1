"""What an ERP's answer says of the SKUs it was asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from gateway.domain.confirmations import Unconfirmed
from loaders.outcome import Outcome, Rejection
from loaders.sku_rows import SkuRows

REJECTED, UNKNOWN = Unconfirmed.REJECTED, Unconfirmed.NOT_IN_ERP


async def passed(*chunks: bytes) -> SkuRows:
    async def lines() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    rows = SkuRows(lines())
    assert [chunk async for chunk in rows.lines()] == list(chunks)
    return rows


def rejected(*keys: dict[str, str], quarantined: int | None = None) -> Outcome:
    rejections = tuple(Rejection("stock", 1, key, "quantity", "-1", "is negative") for key in keys)
    count = len(keys) if quarantined is None else quarantined
    return Outcome(quarantined=count, rejections=rejections)


CHUNKS: Sequence[bytes] = (
    b'{"sku":"A","location":"W1","quantity":1}\n{"sku":"A","location":"W2","quantity":2}',
    b'{"sku":"B","location":"W1","quantity":-1}\n',
    b'<html>\n{"sku":"C"}\n{"sku":"C","location":7}\n\xff\n' + b'{"x":' + b"[" * 100_000,
)


@pytest.mark.parametrize(
    ("outcome", "read", "refused"),
    [
        (Outcome(), {"A": ("W1", "W2"), "B": ("W1",)}, {"C": UNKNOWN, "D": UNKNOWN}),
        (
            rejected({"sku": "B", "location": "W1"}, {"sku": "C"}, {}),
            {"A": ("W1", "W2")},
            {"B": REJECTED, "C": REJECTED, "D": UNKNOWN},
        ),
        # One place of two is good, and the other may matter.
        (
            rejected({"sku": "A", "location": "W1"}),
            {"A": ("W2",), "B": ("W1",)},
            {"A": REJECTED, "C": UNKNOWN, "D": UNKNOWN},
        ),
        # Where it is wrong cannot be read: it may be any place.
        (
            rejected({"sku": "A"}),
            {"B": ("W1",)},
            {"A": REJECTED, "C": UNKNOWN, "D": UNKNOWN},
        ),
        (rejected({"sku": "A"}, quarantined=2), {}, dict.fromkeys("ABCD", REJECTED)),
    ],
)
async def test_what_was_read_and_what_was_not(
    outcome: Outcome, read: dict[str, tuple[str, ...]], refused: dict[str, Unconfirmed]
) -> None:
    rows = await passed(*CHUNKS)
    assert rows.found("ABCD", outcome) == (read, refused)


async def test_nothing_but_what_was_asked_for_is_told() -> None:
    rows = await passed(*CHUNKS)
    assert rows.found(["B"], rejected({"sku": "A"})) == ({"B": ("W1",)}, {})
