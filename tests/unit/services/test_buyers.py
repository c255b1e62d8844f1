"""Which lists a buyer has, held against asking every list there is."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.customers import Customer
from gateway.domain.price_lists import Layer, PriceList
from gateway.services.buyers import Heads

NAMES = st.frozensets(st.sampled_from("abc"), max_size=2)
LISTS = st.builds(
    PriceList,
    st.sampled_from(["l1", "l2", "l3", "l4", "l5", "l6"]),
    st.sampled_from(["SEK", "EUR"]),
    st.sampled_from(list(Layer)),
    customers=NAMES,
    groups=NAMES,
    channels=NAMES,
)
CUSTOMERS = st.builds(
    Customer,
    st.sampled_from("abc"),
    groups=NAMES,
    price_lists=st.frozensets(st.sampled_from(["l1", "l2", "l7"]), max_size=2),
)


def lists_of(
    heads: dict[str, PriceList], customer: Customer | None, channel: str, *, base_only: bool
) -> set[str]:
    return {
        name
        for name, head in heads.items()
        if head.currency == "SEK"
        and head.applies_to(customer, channel)
        and (head.layer is Layer.BASE or not base_only)
    }


@given(
    st.lists(LISTS, max_size=8),
    st.lists(st.tuples(st.booleans(), LISTS), max_size=8),
    st.none() | CUSTOMERS,
    st.sampled_from("abc"),
    st.booleans(),
)
def test_a_buyer_has_every_list_that_applies_and_no_other(
    first: list[PriceList],
    then: list[tuple[bool, PriceList]],
    customer: Customer | None,
    channel: str,
    base_only: bool,
) -> None:
    truth = {head.price_list: head for head in first}
    heads = Heads()
    heads.add(truth.values())
    for gone, head in then:
        if gone:
            truth.pop(head.price_list, None)
            heads.update([head.price_list], {})
        else:
            truth[head.price_list] = head
            heads.update([head.price_list], {head.price_list: head})
    assert len(heads) == len(truth)
    buyer = heads.buyer(customer, channel, "SEK", base_only=base_only)
    assert set(buyer.lists) == lists_of(truth, customer, channel, base_only=base_only)


def test_every_change_of_heads_is_a_new_version() -> None:
    heads = Heads(7)
    assert heads.buyer(None, "a", "SEK", base_only=False).version == 7
    heads.update(["l1"], {})
    assert heads.buyer(None, "a", "SEK", base_only=False).version == 8
