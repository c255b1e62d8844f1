import re

import pytest

from loaders.guard import Figures, Limits, judge
from loaders.records import Kind

LIMITS = Limits(share=0.2, judged_from=50)


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
    ],
)
def test_the_guard(kind: Kind, rows: int, good: int, figures: Figures, held: str | None) -> None:
    verdict = judge(kind, rows, good, figures, LIMITS)
    if held is None:
        assert verdict is None
    else:
        assert verdict is not None
        assert re.search(held, verdict), verdict


def test_a_share_of_one_lets_everything_pass_but_nothing() -> None:
    everything = Limits(share=1.0, judged_from=0)
    assert judge("stock", 1, 1, Figures(100, 99, 100, 100), everything) is None
    assert judge("stock", 0, 0, Figures(100, 100, 100, 100), everything) is not None
