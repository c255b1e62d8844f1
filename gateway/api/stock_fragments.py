"""Stock answers as text, cut where `as_of` goes, and put together again.

What is told of most SKUs is told of many: of an answer that is kept, little more than its SKU is
its own. What comes out is byte for byte what msgspec makes of `shapes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from gateway.api.caching import Verified
from gateway.api.problem_kinds import KINDS
from gateway.api.shapes import (
    DeliveryShape,
    ItemError,
    PickupShape,
    StockItem,
    UnknownItem,
    encode,
    span_shape,
)
from gateway.domain.delivery import Promise
from gateway.domain.freshness import Freshness
from gateway.domain.quantities import Milli, to_number
from gateway.domain.spans import StockStatus, StockView
from gateway.services.kept_answers import Shown, Wording
from gateway.services.stock_answers import PickupAnswer, StockAnswer, UnknownSku, WithheldSku

SCHEMA_ORG: Final[Mapping[StockStatus, str | None]] = {
    StockStatus.IN_STOCK: "https://schema.org/InStock",
    StockStatus.LIMITED: "https://schema.org/LimitedAvailability",
    StockStatus.BACKORDER: "https://schema.org/BackOrder",
    StockStatus.OUT_OF_STOCK: "https://schema.org/OutOfStock",
    StockStatus.PREORDER: "https://schema.org/PreOrder",
    StockStatus.DISCONTINUED: "https://schema.org/Discontinued",
    StockStatus.ON_REQUEST: None,
}

_ERRORS: Final = {name: ItemError(kind.type, kind.title) for name, kind in KINDS.items()}
# Inside a JSON text every quote is escaped, so what is looked for can only be the field.
_is_last_known: Final = attrgetter("last_known")
_STATUS: Final = b',"status":'
_SKU: Final = b'{"sku":'
_OPENING: Final = b'{"items":['
_CLOSING: Final = b"]}"
_AS_OF: Final = b'"as_of":"'
_AS_OF_SIZE: Final = len("2026-11-21T10:00:00Z")


class Told(msgspec.Struct, frozen=True, gc=False):
    """Items as texts, with what their validator is made of, and how old they are together."""

    texts: Sequence[bytes]
    digests: Sequence[bytes]
    verified: Verified
    last_known: bool = False


def told(shown: Sequence[Shown], now_ms: int) -> Told:
    """These items, as they are told now."""
    return Told(
        [item_text(item) for item in shown],
        [item.digest for item in shown],
        verified(shown, now_ms),
        any(map(_is_last_known, shown)),
    )


def shown(answer: StockAnswer, *, judged: bool) -> Shown:
    """An answer as it goes out; `judged` where a quantity was asked for."""
    # Exact figures are those of one moment: nobody asks for the same words again.
    worded = _wording if answer.salable is None else _wording.__wrapped__
    wording = worded(*_what_is_told(answer, judged=judged))
    return Shown(
        answer.sku,
        wording,
        digest(b"".join((_SKU, encode(answer.sku), wording.middle, wording.end))),
        answer.as_of_ms,
        answer.fresh_for_ms,
        answer.last_known,
    )


def missing(answer: UnknownSku | WithheldSku) -> bytes:
    """What stands in the place of a SKU of which nothing can be told."""
    return encode(UnknownItem(answer.sku, _ERRORS[answer.problem]))


def item_text(item: Shown) -> bytes:
    """An item with its age."""
    wording = item.wording
    moment = moment_text(item.as_of_ms // 1000)
    return b"".join((_SKU, encode(item.sku), wording.middle, moment, wording.end))


def items_text(items: Sequence[bytes]) -> bytes:
    """The answer of many items."""
    return b"".join((_OPENING, b",".join(items), _CLOSING))


def entity_tag(digests: Sequence[bytes]) -> str:
    """A weak validator of the answer of which these are the items, `as_of` left out."""
    if len(digests) == 1:
        return f'W/"{digests[0].hex()}"'
    return f'W/"{digest(b"".join(digests)).hex()}"'


def verified(items: Sequence[Shown], now_ms: int) -> Verified:
    """How old these are together."""
    if len(items) == 1:
        (item,) = items
        return Verified(item.as_of_ms, now_ms, item.as_of_ms + item.fresh_for_ms)
    return Verified(
        min([item.as_of_ms for item in items]),
        now_ms,
        min([item.as_of_ms + item.fresh_for_ms for item in items]),
    )


@lru_cache(maxsize=4096)
def moment_text(second: int) -> bytes:
    """A second since the epoch as answers show it."""
    return encode(datetime.fromtimestamp(second, UTC))[1:-1]


def stock_item(answer: StockAnswer, *, judged: bool) -> StockItem:
    """The same as a value."""
    return _item(answer.sku, answer.as_of_ms, *_what_is_told(answer, judged=judged))


_What = tuple[
    StockView,
    str,
    Promise | None,
    Freshness,
    bool | UnsetType | None,
    Milli | None,
    tuple[PickupAnswer, ...] | None,
]


def _what_is_told(answer: StockAnswer, *, judged: bool) -> _What:
    """All of an answer but of what, and as of when."""
    return (
        answer.view,
        answer.label,
        answer.delivery,
        answer.freshness,
        answer.sufficient if judged else UNSET,
        answer.salable,
        answer.pickup,
    )


def _item(  # noqa: PLR0913, PLR0917 - the parts of one answer, which are looked up by all of them
    sku: str,
    as_of_ms: int,
    view: StockView,
    label: str,
    delivery: Promise | None,
    freshness: Freshness,
    sufficient: bool | UnsetType | None,  # noqa: FBT001 - as it is told
    salable: Milli | None,
    pickup: tuple[PickupAnswer, ...] | None,
) -> StockItem:
    return StockItem(
        sku,
        view.status,
        view.level,
        view.color,
        span_shape(view.span),
        label,
        SCHEMA_ORG[view.status],
        None if delivery is None else DeliveryShape(delivery.earliest, delivery.latest),
        datetime.fromtimestamp(as_of_ms // 1000, UTC),
        freshness,
        sufficient,
        UNSET if salable is None else to_number(salable),
        UNSET if pickup is None else [_pickup(store) for store in pickup],
    )


def _pickup(store: PickupAnswer) -> PickupShape:
    place, view = store.location, store.view
    return PickupShape(
        place.location, place.name, view.status, view.level, span_shape(view.span), store.label
    )


def digest(text: bytes) -> bytes:
    """What stands for a text in a validator."""
    return blake2b(text, digest_size=8).digest()


@lru_cache(maxsize=4096)
def _wording(*told: *_What) -> Wording:
    """The same wording as the same object."""
    text = encode(_item("", 0, *told))
    own = text.index(_STATUS)
    age = text.index(_AS_OF) + len(_AS_OF)
    return Wording(text[own:age], text[age + _AS_OF_SIZE :])
