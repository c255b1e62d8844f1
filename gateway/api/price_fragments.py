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

from gateway.api.moments import LAST_SECOND
from gateway.api.price_shapes import ConsideredShape, UnpricedItem
from gateway.api.problem_kinds import KINDS
from gateway.api.shapes import ItemError, encode
from gateway.domain.explanation import Considered
from gateway.domain.money import ONE, Price, amount_text, price_text
from gateway.domain.price_lists import Layer
from gateway.domain.quantities import UNIT, Milli, to_number
from gateway.services.price_lines import Age, NoPrice, PriceAnswer, PricedLine, UnpricedLine

_FIRST_SECOND: Final = -62_135_596_800
_FEW_BREAKS: Final = 10

_ERRORS: Final[dict[NoPrice, ItemError]] = {
    name: ItemError(KINDS[name].type, KINDS[name].title)
    for name in ("unknown-sku", "no-price", "store-unavailable")
}


def lines(answer: PriceAnswer) -> list[str]:
    """The item of each line, in order."""
    return _texts(answer.lines, answer.currency, answer.digits)


def priced(line: PricedLine, currency: str, digits: int) -> str:
    """The item of a line that has a price."""
    (text,) = _texts((line,), currency, digits)
    return text


def _texts(
    priced_or_not: Sequence[PricedLine | UnpricedLine], currency: str, digits: int
) -> list[str]:
    scale, parts = _parts(digits)
    tax, gross = _between(currency)
    texts: list[str] = []
    # One pass, with little in the way: an answer has up to a thousand lines.
    for line in priced_or_not:
        if not isinstance(line, PricedLine):
            texts.append(_unpriced(line, digits))
            continue
        step, age = line.step, line.age
        after: str = step.after or _write(line, currency, digits)
        if age.shown is None:
            age.shown = _age(age)
        quantity, amounts = line.quantity, line.amounts
        number = quantity / UNIT if quantity % UNIT else quantity // UNIT
        of_net, of_tax, of_gross = amounts.net, amounts.tax, amounts.gross
        text = (
            f'{{"sku":"{step.name}","quantity":{number!r}{step.before}'
            f"{of_net // scale}{parts[of_net % scale]}"
            f"{tax}{of_tax // scale}{parts[of_tax % scale]}"
            f"{gross}{of_gross // scale}{parts[of_gross % scale]}"
            f"{after}{age.shown}"
        )
        if line.explanation is not None:
            told = encode(explanation_shapes(line.explanation, digits)).decode()
            text = f'{text[:-1]},"explanation":{told}}}'
        texts.append(text)
    return texts


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
    known = min(max(second, _FIRST_SECOND), LAST_SECOND)
    return datetime.fromtimestamp(known, UTC).isoformat()[: len("2026-11-21T10:00:00")] + "Z"


def _write(line: PricedLine, code: str, digits: int) -> str:
    """Write the line's item down, cut where another request may have another value.

    Gives the last piece, which is not kept where it is long: each step has one.
    """
    price, parts = line.price, _price_parts(digits)
    end = _end(code)

    def text(of: Price) -> str:
        return f"{of // ONE}{parts[of % ONE]}"

    base = price.base_price
    base_price = "null" if base is None else f'{{"amount":"{text(base)}{end}'
    prices = f'"unit_price":{{"amount":"{text(price.unit_price)}{end},"base_price":{base_price}'
    won = _won(price.price_list, price.layer)
    step, written = line.step, _json(line.sku)[1:-1]
    # Mostly the very text by which the SKU was found, which is at hand.
    step.name = line.sku if written == line.sku else written
    step.before = f',{prices},"line_net":{{"amount":"'
    after = (
        f'{end},{won},"min_quantity":{_number(price.min_quantity)}'
        f',"breaks":{_breaks(line.terms.breaks, digits)}{_until(price.valid_until_ms)}'
    )
    if len(line.terms.breaks) <= _FEW_BREAKS:
        step.after = after
    return after


@lru_cache(maxsize=1024)
def _breaks(breaks: tuple[tuple[Milli, Price], ...], digits: int) -> str:
    """All breaks of some terms."""
    parts = _price_parts(digits)
    written = [
        f'{{"min_quantity":{_number(start)},"unit_price":"{unit // ONE}{parts[unit % ONE]}"}}'
        for start, unit in breaks
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
def _until(end_ms: int | None) -> str:
    moment = "null" if end_ms is None else f'"{moment_text(end_ms // 1000)}"'
    return f',"valid_until":{moment},'


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


def _age(age: Age) -> str:
    """How a line ends: alike for all lines of one feed."""
    return f'"as_of":"{moment_text(age.as_of_ms // 1000)}","freshness":"{age.freshness}"}}'


def _json(text: str) -> str:
    return encode(text).decode()


def _unpriced(line: UnpricedLine, digits: int) -> str:
    told: list[ConsideredShape] | UnsetType = UNSET
    if line.explanation is not None:
        told = explanation_shapes(line.explanation, digits)
    return encode(UnpricedItem(line.sku, _ERRORS[line.problem], told)).decode()
