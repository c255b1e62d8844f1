"""Price answers as text: each line filled into what was written once for its terms.

Of a line's twenty values six differ from one request to the next. What stands between these six
is written when the terms are first shown, so that fifty lines are fifty fillings and one encoding.
What comes out is byte for byte what msgspec makes of `price_shapes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Final

from msgspec import UNSET, UnsetType

from gateway.api.price_shapes import ConsideredShape, UnpricedItem
from gateway.api.problem_kinds import KINDS
from gateway.api.shapes import ItemError, encode
from gateway.domain.explanation import Considered
from gateway.domain.freshness import Freshness
from gateway.domain.money import ONE, Price, amount_text, price_text
from gateway.domain.price_lists import Layer
from gateway.domain.quantities import UNIT, Milli, to_number
from gateway.services.price_lines import NoPrice, PriceAnswer, PricedLine, UnpricedLine

_FIRST_SECOND: Final = -62_135_596_800
_LAST_SECOND: Final = 253_402_300_799

_ERRORS: Final[dict[NoPrice, ItemError]] = {
    name: ItemError(KINDS[name].type, KINDS[name].title)
    for name in ("unknown-sku", "no-price", "store-unavailable")
}


# What stands before the quantity, the net amount, tax and gross amount, the breaks, and the age.
_Fragments = tuple[str, str, str, str, str, str]


def lines(answer: PriceAnswer) -> list[str]:
    """The item of each line, in order."""
    currency, digits = answer.currency, answer.digits
    return [
        priced(line, currency, digits) if isinstance(line, PricedLine) else _unpriced(line, digits)
        for line in answer.lines
    ]


def priced(line: PricedLine, currency: str, digits: int) -> str:
    """The item of a line that has a price."""
    fragments: _Fragments | None = line.kept.shown[line.step]
    if fragments is None:
        fragments = line.kept.shown[line.step] = _fragments(line, currency, digits)
    if line.kept.beside is None:
        line.kept.beside = _breaks(line, digits)
    start, net, tax, gross, breaks, until = fragments
    quantity, amounts = line.quantity, line.amounts
    number = quantity / UNIT if quantity % UNIT else quantity // UNIT
    scale, parts = _parts(digits)
    text = (
        f"{start}{number!r}"
        f"{net}{amounts.net // scale}{parts[amounts.net % scale]}"
        f"{tax}{amounts.tax // scale}{parts[amounts.tax % scale]}"
        f"{gross}{amounts.gross // scale}{parts[amounts.gross % scale]}"
        f"{breaks}{line.kept.beside}{until}{_age(line.as_of_ms // 1000, line.freshness)}"
    )
    if line.explanation is None:
        return text
    told = encode(explanation_shapes(line.explanation, digits)).decode()
    return f'{text[:-1]},"explanation":{told}}}'


def items_text(items: Iterable[str]) -> bytes:
    """The answer of many lines."""
    return ('{"items":[' + ",".join(items) + "]}").encode()


def explanation_shapes(considered: Sequence[Considered], digits: int) -> list[ConsideredShape]:
    """An explanation as it goes out."""
    return [
        ConsideredShape(
            one.price_list,
            one.layer,
            one.target.scope.name.lower(),
            to_number(one.min_quantity),
            None if one.unit_price is None else price_text(one.unit_price, digits),
            one.outcome,
            str(one.reason),
        )
        for one in considered
    ]


@lru_cache(maxsize=4096)
def moment_text(second: int) -> str:
    """A second since the epoch as answers show it."""
    known = min(max(second, _FIRST_SECOND), _LAST_SECOND)
    return datetime.fromtimestamp(known, UTC).isoformat()[: len("2026-11-21T10:00:00")] + "Z"


def _fragments(line: PricedLine, code: str, digits: int) -> _Fragments:
    """The line's item, cut where another request may have another value."""
    price, parts = line.price, _price_parts(digits)
    end = _end(code)

    def text(of: Price) -> str:
        return f"{of // ONE}{parts[of % ONE]}"

    base = price.base_price
    base_price = "null" if base is None else f'{{"amount":"{text(base)}{end}'
    until_ms = price.valid_until_ms
    until = "null" if until_ms is None else f'"{moment_text(until_ms // 1000)}"'
    prices = f'"unit_price":{{"amount":"{text(price.unit_price)}{end},"base_price":{base_price}'
    won = _won(price.price_list, price.layer)
    return (
        f'{{"sku":{_json(line.sku)},"quantity":',
        f',{prices},"line_net":{{"amount":"',
        *_between(code),
        f'{end},{won},"min_quantity":{_number(price.min_quantity)},"breaks":',
        f',"valid_until":{until},',
    )


def _breaks(line: PricedLine, digits: int) -> str:
    """All breaks of the terms: written once, however many steps there are."""
    parts = _price_parts(digits)
    written = [
        f'{{"min_quantity":{_number(start)},"unit_price":"{unit // ONE}{parts[unit % ONE]}"}}'
        for start, unit in line.terms.breaks
    ]
    return f"[{','.join(written)}]"


@cache
def _end(code: str) -> str:
    """How an amount ends, after its figures."""
    return f'","currency":{_json(code)}}}'


@cache
def _between(code: str) -> tuple[str, str]:
    """What stands between the amounts: shared, so that it is always at hand."""
    return f'{_end(code)},"line_tax":{{"amount":"', f'{_end(code)},"line_gross":{{"amount":"'


@lru_cache(maxsize=4096)
def _won(price_list: str, layer: Layer) -> str:
    return f'"price_list":{_json(price_list)},"layer":"{layer}"'


@lru_cache(maxsize=4096)
def _number(quantity: Milli) -> str:
    return repr(to_number(quantity))


# What may stand behind the whole units is few enough to be written once: a look into a table costs
# a third of `amount_text` and `price_text`.
@cache
def _parts(digits: int) -> tuple[int, Sequence[str]]:
    """How many minor units make one, and how so many of them are written behind it."""
    scale = 10**digits
    return scale, [amount_text(part, digits).removeprefix("0") for part in range(scale)]


@cache
def _price_parts(digits: int) -> Sequence[str]:
    """How ten-thousandths are written behind the whole units of a price."""
    return [price_text(part, digits).removeprefix("0") for part in range(ONE)]


@lru_cache(maxsize=4096)
def _age(second: int, freshness: Freshness) -> str:
    """How a line ends: alike for all lines of one feed."""
    return f'"as_of":"{moment_text(second)}","freshness":"{freshness}"}}'


def _json(text: str) -> str:
    return encode(text).decode()


def _unpriced(line: UnpricedLine, digits: int) -> str:
    told: list[ConsideredShape] | UnsetType = UNSET
    if line.explanation is not None:
        told = explanation_shapes(line.explanation, digits)
    return encode(UnpricedItem(line.sku, _ERRORS[line.problem], told)).decode()
