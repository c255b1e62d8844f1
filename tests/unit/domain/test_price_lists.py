"""For whom a list is: what names nobody, what names one kind, and what names several."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.customers import Customer
from gateway.domain.price_lists import SPECIFICITY, Layer, PriceList
from tests.brute_force_prices import applies
from tests.examples import examples

BUYER = Customer("c", groups=frozenset({"g", "k"}), price_lists=frozenset({"own"}))
OPEN = (Layer.BASE, Layer.CAMPAIGN)
NAMED_ONLY = (Layer.CHANNEL, Layer.GROUP, Layer.CONTRACT)


def head(
    layer: Layer = Layer.CONTRACT,
    name: str = "list",
    *,
    customers: str = "",
    groups: str = "",
    channels: str = "",
) -> PriceList:
    return PriceList(
        name,
        "SEK",
        layer,
        customers=frozenset(customers.split()),
        groups=frozenset(groups.split()),
        channels=frozenset(channels.split()),
    )


@pytest.mark.parametrize("layer", OPEN)
def test_base_and_campaign_are_for_all_when_they_name_nobody(layer: Layer) -> None:
    assert head(layer).applies_to(None, "web")
    assert head(layer).applies_to(BUYER, "web")


@pytest.mark.parametrize("layer", NAMED_ONLY)
def test_other_layers_are_for_nobody_when_they_name_nobody(layer: Layer) -> None:
    assert not head(layer).applies_to(None, "web")
    assert not head(layer).applies_to(BUYER, "web")


@pytest.mark.parametrize("layer", Layer)
@pytest.mark.parametrize(
    ("named", "for_buyer", "for_nobody"),
    [
        ({"customers": "c d"}, True, False),
        ({"customers": "d"}, False, False),
        ({"groups": "k z"}, True, False),
        ({"groups": "z"}, False, False),
        ({"channels": "web shop"}, True, True),
        ({"channels": "shop"}, False, False),
        ({"customers": "c", "groups": "g", "channels": "web"}, True, False),
        ({"customers": "c", "groups": "z"}, False, False),
        ({"customers": "d", "groups": "g"}, False, False),
        ({"customers": "c", "channels": "shop"}, False, False),
        ({"groups": "g", "channels": "web"}, True, False),
        ({"groups": "g", "channels": "shop"}, False, False),
        ({"groups": "z", "channels": "web"}, False, False),
    ],
    ids=str,
)
def test_every_kind_that_a_list_names_must_match(
    layer: Layer, named: dict[str, str], for_buyer: bool, for_nobody: bool
) -> None:
    assert head(layer, **named).applies_to(BUYER, "web") is for_buyer
    assert head(layer, **named).applies_to(None, "web") is for_nobody


@pytest.mark.parametrize("layer", Layer)
@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({}, True),
        ({"customers": "d"}, True),
        ({"groups": "g"}, True),
        ({"groups": "z"}, False),
        ({"channels": "web"}, True),
        ({"channels": "shop"}, False),
        ({"customers": "d", "groups": "z"}, False),
    ],
    ids=str,
)
def test_the_customers_own_lists_name_the_customer_and_no_more(
    layer: Layer, named: dict[str, str], expected: bool
) -> None:
    assert head(layer, "own", **named).applies_to(BUYER, "web") is expected


def test_one_customers_own_list_is_not_another_customers() -> None:
    stranger = Customer("s")
    assert not head(Layer.CONTRACT, "own").applies_to(stranger, "web")
    assert head(Layer.CAMPAIGN, "own").applies_to(stranger, "web")


def test_a_customer_is_no_group_and_a_group_no_channel() -> None:
    assert not head(groups="c").applies_to(BUYER, "web")
    assert not head(customers="g").applies_to(BUYER, "web")
    assert not head(channels="g").applies_to(BUYER, "web")


names = st.frozensets(st.sampled_from("cdgz"), max_size=2)


@settings(max_examples=examples(500))
@given(
    st.sampled_from(Layer),
    st.tuples(names, names, names),
    st.none() | st.builds(Customer, st.just("c"), groups=names, price_lists=names),
    st.sampled_from("cd"),
    st.sampled_from("cd"),
)
def test_the_judge_agrees(
    layer: Layer,
    named: tuple[frozenset[str], frozenset[str], frozenset[str]],
    buyer: Customer | None,
    channel: str,
    name: str,
) -> None:
    customers, groups, channels = named
    known = PriceList(name, "SEK", layer, customers=customers, groups=groups, channels=channels)
    assert known.applies_to(buyer, channel) == applies(known, buyer, channel)


def test_lists_for_some_customers_alone_are_personal() -> None:
    assert all(head(layer, channels="web").is_personal for layer in (Layer.GROUP, Layer.CONTRACT))
    assert head(Layer.CAMPAIGN, customers="c").is_personal
    assert head(Layer.BASE, groups="g").is_personal
    assert not head(Layer.CAMPAIGN, channels="web").is_personal
    assert not any(head(layer).is_personal for layer in (*OPEN, Layer.CHANNEL))


def test_layers_from_the_most_specific_down() -> None:
    assert sorted(Layer, key=lambda layer: -SPECIFICITY[layer]) == [
        "contract",
        "campaign",
        "group",
        "channel",
        "base",
    ]
