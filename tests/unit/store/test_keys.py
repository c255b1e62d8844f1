"""The keyspace: every SKU its own key, all keys of a SKU in one slot, ids stay data."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from gateway.store.keys import Change, ChangeKind, Keyspace, decode_change, encode_change

KEYS = Keyspace("ss")
skus = st.text(min_size=1, max_size=64).filter(str.isprintable)
tricky = st.text(alphabet="{}%*a7D", min_size=1, max_size=8)


FAMILIES = (KEYS.sku, KEYS.sku_prices, KEYS.list_prices, KEYS.customer, KEYS.discounts)


@given(st.sampled_from(FAMILIES), skus | tricky)
def test_a_key_leads_back_to_its_name(key_of: Callable[[str], bytes], name: str) -> None:
    assert KEYS.name_of(key_of(name)) == name


@given(skus | tricky)
def test_no_two_families_share_a_key_and_a_skus_lie_together(sku: str) -> None:
    assert len({key_of(sku) for key_of in FAMILIES}) == len(FAMILIES)
    assert key_slot(KEYS.sku(sku)) == key_slot(KEYS.sku_prices(sku))


def test_a_key_of_others_has_a_name_too() -> None:
    assert KEYS.name_of(b"ss:c:{\xff}") == "\N{REPLACEMENT CHARACTER}"


@given(skus | tricky, skus | tricky)
def test_no_two_skus_share_a_key(one: str, other: str) -> None:
    assert (KEYS.sku(one) == KEYS.sku(other)) == (one == other)


@given(skus | tricky)
def test_the_hash_tag_is_the_whole_sku(sku: str) -> None:
    key = KEYS.sku(sku)
    tag = key[key.index(b"{") + 1 : -1]
    assert b"}" not in tag
    assert key_slot(key) == key_slot(tag)


@given(st.sampled_from(ChangeKind), skus)
def test_a_message_says_what_it_was_given(kind: ChangeKind, name: str) -> None:
    assert decode_change(encode_change(Change(kind, name))) == Change(kind, name)


@pytest.mark.parametrize("message", [b"", b"x", b"-A", b"1\xff", b"0\xff", b"hello"])
def test_messages_of_others_are_passed_over(message: bytes) -> None:
    assert decode_change(message) is None
