import re

import pytest

from gateway.domain.money import parse_percent, parse_price
from gateway.domain.record_kinds import Kind
from loaders.guard import Figures, Limits, judge, moves, price_figure

LIMITS = Limits(share=0.2, judged_from=50)


def price(amount: float) -> int:
    return price_figure(parse_price(amount), None)


def percent(share: float) -> int:
    return price_figure(None, parse_percent(share))


@pytest.mark.parametrize(
    ("kind", "rows", "good", "figures", "held"),
    [
        ("stock", 0, 0, Figures(), "empty"),
        ("stock", 0, 0, Figures(1000, 1000, 500, 500), "empty"),
        ("stock", 3, 0, Figures(), r"rows \(3\)"),
        ("stock", 100, 100, Figures(), None),
        ("stock", 10, 10, Figures(49, 39, 40, 40), None),
        ("stock", 10, 10, Figures(50, 40, 10, 3), "3 of 10 SKUs in stock .*30%"),
        ("stock", 100, 100, Figures(100, 0, 10, 2), None),
        ("stock", 100, 100, Figures(100, 0, 1000, 201), "201 of 1000"),
        ("stock", 100, 100, Figures(100, 100, 0, 0), None),
        ("products", 100, 100, Figures(100, 20), None),
        ("products", 100, 100, Figures(100, 21), "21 of 100 products would vanish"),
        ("locations", 100, 100, Figures(100, 21), "21 of 100 locations would vanish"),
        ("locations", 1, 1, Figures(49, 48), None),
        ("customers", 100, 100, Figures(100, 20), None),
        ("customers", 100, 100, Figures(100, 21), "21 of 100 customers would vanish"),
        ("price_lists", 100, 100, Figures(100, 21), "21 of 100 price_lists would vanish"),
        ("discounts", 1, 1, Figures(100, 99), None),
        ("order_acks", 1, 1, Figures(100, 99), None),
        ("order_acks", 0, 0, Figures(100, 100), "empty"),
        ("prices", 1, 1, Figures(100, 99, priced=1), None),
        ("prices", 0, 0, Figures(100, 100), "empty"),
        ("prices", 9, 0, Figures(100, 0, priced=100), r"rows \(9\)"),
        ("prices", 90, 90, Figures(100, 10, priced=90, moved=9), None),
        (
            "prices",
            90,
            90,
            Figures(100, 10, priced=90, moved=10),
            r"10 of 90 prices would move by more than 50% \(11%; allowed: 10%\)",
        ),
        ("prices", 49, 49, Figures(49, 0, priced=49, moved=49), None),
        ("prices", 50, 50, Figures(50, 0, priced=50, moved=50), "50 of 50 prices"),
    ],
)
def test_the_guard(kind: Kind, rows: int, good: int, figures: Figures, held: str | None) -> None:
    verdict = judge(kind, rows, good, figures, LIMITS)
    if held is None:
        assert verdict is None
    else:
        assert verdict is not None
        assert re.search(held, verdict), verdict


@pytest.mark.parametrize(
    ("held", "new", "by", "moved"),
    [
        (price(100), price(150), 0.5, False),
        (price(100), price(151), 0.5, True),
        (price(100), price(50), 0.5, False),
        (price(100), price(49), 0.5, True),
        (price(100), price(0), 1.0, False),
        (price(0), price(0), 0.5, False),
        (price(0), price(1), 0.5, True),
        (percent(10), percent(55), 0.5, False),
        (percent(10), percent(56), 0.5, True),
        (percent(-10), percent(-65), 0.5, False),
        (percent(-10), percent(-66), 0.5, True),
        (percent(100), percent(99), 0.5, True),
        (price(10), percent(10), 0.5, True),
        (percent(10), price(10), 0.5, True),
    ],
)
def test_how_far_a_price_moves(held: int, new: int, by: float, moved: bool) -> None:
    assert moves(held, new, by) is moved


def test_a_share_of_one_lets_everything_pass_but_nothing() -> None:
    everything = Limits(share=1.0, judged_from=0)
    assert judge("stock", 1, 1, Figures(100, 99, 100, 100), everything) is None
    assert judge("stock", 0, 0, Figures(100, 100, 100, 100), everything) is not None
