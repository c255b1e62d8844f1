from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.order_rules import judge_quantity
from gateway.domain.stock import Product

SMALL = st.integers(0, 30)


def test_without_rules_everything_is_kept() -> None:
    rules = judge_quantity(Product(), 2500)
    assert rules.kept
    assert rules.nearest == 2500
    assert rules.min_order_quantity.limit is None
    assert rules.order_multiple.limit is None
    assert rules.max_order_quantity.limit is None


def test_each_rule_is_told_apart() -> None:
    product = Product(min_order_quantity=6000, order_multiple=6000, max_order_quantity=60_000)
    few = judge_quantity(product, 4000)
    assert (few.min_order_quantity.kept, few.order_multiple.kept) == (False, False)
    assert few.max_order_quantity.kept
    assert few.nearest == 6000
    many = judge_quantity(product, 66_000)
    assert (many.order_multiple.kept, many.max_order_quantity.kept) == (True, False)
    assert many.nearest == 60_000


def test_of_two_as_close_the_higher_is_named() -> None:
    assert judge_quantity(Product(order_multiple=10_000), 15_000).nearest == 20_000


def test_the_most_is_brought_down_to_a_whole_step() -> None:
    assert judge_quantity(
        Product(order_multiple=6000, max_order_quantity=20_000), 19_000
    ).nearest == (18_000)


def test_rules_that_no_quantity_keeps_have_no_nearest() -> None:
    product = Product(min_order_quantity=7000, order_multiple=6000, max_order_quantity=11_000)
    assert judge_quantity(product, 8000).nearest is None


@given(quantity=st.integers(1, 30), least=SMALL, step=SMALL, most=st.none() | SMALL)
def test_the_nearest_is_what_trying_them_all_finds(
    quantity: int, least: int, step: int, most: int | None
) -> None:
    product = Product(min_order_quantity=least, order_multiple=step, max_order_quantity=most)

    def kept(of: int) -> bool:
        return of >= least and (not step or of % step == 0) and (most is None or of <= most)

    found = [of for of in range(1, 100) if kept(of)]
    nearest = min(found, key=lambda of: (abs(of - quantity), -of), default=None)
    rules = judge_quantity(product, quantity)
    assert rules.nearest == nearest
    assert rules.kept == kept(quantity)
