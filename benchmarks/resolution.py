"""How long it takes to resolve a price, by the number of candidates: a curve, no store, no HTTP.

Candidates come from all five layers in turn: prices of their own and percentages, from 1 and from
breaks, all of lists that apply. `resolve` makes the terms for every quantity at once from heads and
rows; `terms_of` makes them from candidates that a worker has ranked before; `at` is what a lookup
asks of terms that are there already.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import shown, summary
from gateway.domain.candidates import Offer, PriceContext, PricedProduct, candidate_of, ranked
from gateway.domain.customers import Customer
from gateway.domain.price_lists import Layer, PriceList, PriceRow, Scope, Target
from gateway.domain.pricing import resolve, terms_of

CANDIDATES: Final = (1, 2, 5, 10, 20, 50, 100, 200)
QUANTITY: Final = 25_000
_NAMES: Final = ("resolve", "terms_of", "at")
_NOW_MS: Final = 1_795_000_000_000
_CUSTOMER: Final = Customer("C-1", groups=frozenset({"group"}))
_CONTEXT: Final = PriceContext(_CUSTOMER, "web", "SEK", _NOW_MS)
_CUSTOMERS: Final = frozenset({_CUSTOMER.customer})
_CHANNELS: Final = frozenset({_CONTEXT.channel})
_NOBODY: Final[frozenset[str]] = frozenset()
_PRODUCT: Final = PricedProduct("SKU-1", "G-1")
_BREAKS: Final = (1, 10, 50, 100)


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: ARG001, FBT001 - what every one takes
    """Measure, print, and return the figures."""
    rounds, seconds = (5, 0.02) if quick else (15, 0.1)
    calls = {count: _calls(count) for count in CANDIDATES}
    took: dict[int, dict[str, list[float]]] = {
        count: {name: [] for name in _NAMES} for count in CANDIDATES
    }
    for _ in range(rounds):
        for count, of_these in calls.items():
            for name, call in zip(_NAMES, of_these, strict=True):
                took[count][name].append(_seconds(call, seconds) * 1e6)
    print(f"microseconds, {rounds} rounds in turns, median (least to greatest)")
    print(f"{'candidates':>10}" + "".join(f"{name:>28}" for name in _NAMES))
    for count, times in took.items():
        print(f"{count:10}" + "".join(f"{shown(found):>28}" for found in times.values()))
    curve = {
        str(count): {f"{name}_us": summary(found) for name, found in times.items()}
        for count, times in took.items()
    }
    return {"rounds": rounds, "candidates": curve}


def _calls(count: int) -> tuple[Callable[[], object], ...]:
    """What is measured of so many candidates, in the order of the names."""
    offers = _offers(count)
    kept = [ranked(candidate_of(offer), _CONTEXT.strategy) for offer in offers]
    terms = resolve(_CONTEXT, _PRODUCT, offers)
    if terms.at(QUANTITY) is None:
        raise RuntimeError("no price: these candidates measure nothing")
    return (
        lambda: resolve(_CONTEXT, _PRODUCT, offers),
        lambda: terms_of(kept, (), _NOW_MS),
        lambda: terms.at(QUANTITY),
    )


def _offers(count: int) -> Sequence[Offer]:
    layers = tuple(Layer)
    offers = []
    for number in range(count):
        # Another layer each time, another break each time all layers had one, then another list.
        turn, place = divmod(number, len(layers))
        layer = layers[place]
        copy, least = divmod(turn, len(_BREAKS))
        head = PriceList(
            f"{layer}-{copy}",
            "SEK",
            layer,
            priority=copy,
            customers=_CUSTOMERS if layer is Layer.CONTRACT else _NOBODY,
            groups=_CUSTOMER.groups if layer is Layer.GROUP else _NOBODY,
            channels=_CHANNELS if layer is Layer.CHANNEL else _NOBODY,
        )
        percent = layer in {Layer.GROUP, Layer.CAMPAIGN}
        row = PriceRow(
            head.price_list,
            Target(Scope.SKU, _PRODUCT.sku),
            _BREAKS[least] * 1000,
            None if percent else 1_000_000 - turn * 10_000 - place * 100,
            10_000_000 + turn * 1_000_000 if percent else None,
        )
        offers.append(Offer(head, row))
    return offers


def _seconds(call: Callable[[], object], spell: float) -> float:
    """Seconds of one call, from as many as take about that long."""
    times, took = 1, 0.0
    while True:
        began = time.perf_counter()
        for _ in range(times):
            call()
        took = time.perf_counter() - began
        if took >= spell:
            return took / times
        times = max(times + 1, int(times * spell * 1.2 / took) if took else times * 10)
