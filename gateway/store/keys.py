"""The keyspace: every key Stockspan uses, and nothing else knows their spelling.

    <prefix>:s:{<sku>}       one SKU: its product record and its level at every location
    <prefix>:r:{<sku>}       the SKU's price rows of lists that are open to all
    <prefix>:l:{<list>}      hash: what a row is for → the price rows of one list that lie with it
    <prefix>:c:{<customer>}  one customer
    <prefix>:d:{<class>}     the discount matrix's cells of one class of customers
    <prefix>:t:{<sku>}       what is taken of the SKU by holds and orders, added up by location
    <prefix>:h:{<sku>}       hash: reservation → its entry at this SKU
    <prefix>:w:{<sku>}       sorted set: reservation → when its entry must be looked at again
    <prefix>:i:{<digest>}    a claim: somebody works, or has worked, on this idempotency key
    <prefix>:v:{<n>}:…       a volume of the journal in Redis: its reservations (journal_volume.lua)
    <prefix>:o:{<n>}:…       another, of what ERPs say of orders (journal_orders.lua)
    <prefix>:a:{<digest>}    what was answered under an idempotency key (journal_answer.lua)
    <prefix>:locations       every location
    <prefix>:price-lists     hash: price list → its head
    <prefix>:price-places    hash: price list → where its rows for a SKU lie: `s` at :r:, `l` at :l:
    <prefix>:{events}:…      the journal of events, the ids it has, and how its alerts stand
    <prefix>:acks            hash: order_ref → the ERP's word on the order, until a gateway takes it
    <prefix>:epoch           a random name of this content; gone when the store lost everything
    <prefix>:restored        the epoch in which all promised holds are there again
    <prefix>:due             sorted set: reservation and SKU → when that entry must be looked at
    <prefix>:feeds           hash: feed → its state (JSON)
    <prefix>:feed-numbers    hash: feed → the number that marks its records
    <prefix>:{lead}:lease    who leads the loaders: token and name; gone when it lapsed
    <prefix>:{lead}:token    the token of the latest term of leadership: the fence
    <prefix>:{lead}:asked    list: requests to the leader; each is a key of its own beside it
    <prefix>:f:{<n>}         the fence once more, for what lies in one slot of a cluster
    <prefix>:changes         the channel on which every change is published once
    <prefix>:echo:<name>     the channel on which one worker calls to itself
    <prefix>:refresh         the channel on which gateways ask for figures fresh from the ERP

The braces are a hash tag: all keys of one SKU lie in one slot of a Redis Cluster.

A SKU's rows in lists that are open to all lie with the SKU, so that a lookup finds them without
knowing the lists. Those of a list for some customers lie with the list: a hundred thousand
contracts must not make a SKU's value grow, and a contract is then one key.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

# A tag ends at the first closing brace, and an empty one is no tag: braces in an id are escaped,
# and so is the escape itself, so that no two ids share a key.
_ESCAPES: Final = str.maketrans({"%": "%25", "}": "%7D"})


class Change(msgspec.Struct, frozen=True):
    """One message of the change channel: what changed, and which one."""

    kind: ChangeKind
    name: str = ""


class ChangeKind(IntEnum):
    """What a message is about; the number, a hexadecimal digit, is its first character."""

    ORDERS = 0
    """An order's acknowledgement waits in the inbox; the name is its order_ref."""
    SKU = 1
    """A level of the named SKU."""
    LOCATIONS = 2
    FEEDS = 3
    PRODUCT = 4
    """The product record of the named SKU."""
    SKU_PRICES = 5
    """Price rows that lie with the named SKU."""
    PRICE_LIST = 6
    """The head of the named list."""
    LIST_PRICES = 7
    """Price rows that lie with the named list."""
    CUSTOMER = 8
    DISCOUNTS = 9
    """Cells of the discount matrix, of the named class of customers."""
    REFRESHED = 10
    """What came of refresh requests, after the changes it made; the name is a `Refreshed`."""


class Keyspace:
    """The keys under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.locations = f"{prefix}:locations".encode()
        self.epoch = f"{prefix}:epoch".encode()
        self.feeds = f"{prefix}:feeds".encode()
        self.feed_numbers = f"{prefix}:feed-numbers".encode()
        self.changes = f"{prefix}:changes".encode()
        self.refresh = f"{prefix}:refresh".encode()
        self.price_lists = f"{prefix}:price-lists".encode()
        self.price_places = f"{prefix}:price-places".encode()
        self.acks = f"{prefix}:acks".encode()
        self.restored = f"{prefix}:restored".encode()
        self.due = f"{prefix}:due".encode()
        self.events = f"{prefix}:{{events}}:journal".encode()
        self.event_ids = f"{prefix}:{{events}}:ids".encode()
        self.alerts = f"{prefix}:{{events}}:alerts".encode()
        self.lease = f"{prefix}:{{lead}}:lease".encode()
        self.fence = f"{prefix}:{{lead}}:token".encode()
        self.asked = f"{prefix}:{{lead}}:asked".encode()
        self._sku = f"{prefix}:s:{{".encode()
        self._sku_prices = f"{prefix}:r:{{".encode()
        self._list_prices = f"{prefix}:l:{{".encode()
        self._customer = f"{prefix}:c:{{".encode()
        self._discounts = f"{prefix}:d:{{".encode()
        self._taken = f"{prefix}:t:{{".encode()
        self._holds = f"{prefix}:h:{{".encode()
        self._watch = f"{prefix}:w:{{".encode()
        self._claim = f"{prefix}:i:{{".encode()
        self._answer = f"{prefix}:a:{{".encode()
        self.any_sku = self._sku[:-1] + b"*"
        self.any_sku_prices = self._sku_prices[:-1] + b"*"
        self.any_list_prices = self._list_prices[:-1] + b"*"
        self.any_customer = self._customer[:-1] + b"*"
        self.any_discounts = self._discounts[:-1] + b"*"
        self.any_holds = self._holds[:-1] + b"*"
        self.any_taken = self._taken[:-1] + b"*"

    def sku(self, sku: str) -> bytes:
        """The key that holds a SKU's product record and its levels."""
        return self._sku + _escaped(sku)

    def taken(self, sku: str) -> bytes:
        """The key that holds what is taken of a SKU."""
        return self._taken + _escaped(sku)

    def holds(self, sku: str) -> tuple[bytes, bytes, bytes, bytes]:
        """The keys of a SKU that the scripts of holds take, in their order."""
        tag = _escaped(sku)
        return self._sku + tag, self._taken + tag, self._holds + tag, self._watch + tag

    def claim(self, digest: str) -> bytes:
        """The key of a claim."""
        return self._claim + _escaped(digest)

    def answer(self, digest: str) -> bytes:
        """The key of what was answered."""
        return self._answer + _escaped(digest)

    def journal_volume(self, number: int) -> tuple[bytes, ...]:
        """The keys of a volume of reservations, as its scripts take them."""
        parts = ("records", "steps", "log", "open", "held", "confirmed", "over", "unreminded")
        return tuple(f"{self.prefix}:v:{{{number}}}:{part}".encode() for part in parts)

    def journal_orders(self, number: int) -> tuple[bytes, ...]:
        """The keys of a volume of orders, as its scripts take them."""
        parts = ("acks", "said", "reservations", "unsure", "numbers")
        return tuple(f"{self.prefix}:o:{{{number}}}:{part}".encode() for part in parts)

    def echo(self, name: str) -> bytes:
        """The channel on which the worker of that name calls to itself."""
        return f"{self.prefix}:echo:{name}".encode()

    def fence_of_slot(self, tag: int) -> bytes:
        """The key that holds the fence in the slot of a cluster that this tag falls into."""
        return f"{self.prefix}:f:{{{tag}}}".encode()

    def request(self, name: str) -> bytes:
        """The key that holds a request to the leader."""
        return f"{self.prefix}:{{lead}}:request:{name}".encode()

    def answer_to_request(self, name: str) -> bytes:
        """The key of the list that takes the leader's answer."""
        return f"{self.prefix}:{{lead}}:answer:{name}".encode()

    def sku_prices(self, sku: str) -> bytes:
        """The key that holds a SKU's price rows of open lists."""
        return self._sku_prices + _escaped(sku)

    def list_prices(self, price_list: str) -> bytes:
        """The key that holds the price rows that lie with their list."""
        return self._list_prices + _escaped(price_list)

    def customer(self, customer: str) -> bytes:
        """The key that holds a customer."""
        return self._customer + _escaped(customer)

    def discounts(self, discount_class: str) -> bytes:
        """The key that holds the discount matrix's cells of a class of customers."""
        return self._discounts + _escaped(discount_class)

    def name_of(self, key: bytes) -> str:
        """The SKU, list, customer or class that such a key is for.

        A key that is not ours has a name too, of whatever lies in it.
        """
        # All of them begin alike: prefix, colon, letter, colon, brace.
        tag = key[len(self._sku) : -1].decode(errors="replace")
        return tag.replace("%7D", "}").replace("%25", "%")


def _escaped(name: str) -> bytes:
    if "%" not in name and "}" not in name:
        # Most; and translating goes through a name of another script than ours letter by letter.
        return name.encode() + b"}"
    return name.translate(_ESCAPES).encode() + b"}"


def encode_change(change: Change) -> bytes:
    """The message for the change channel."""
    return b"%x%b" % (change.kind, change.name.encode())


def decode_change(message: bytes) -> Change | None:
    """What a message says; None for one that is not ours (the channel is open to all)."""
    try:
        return Change(ChangeKind(int(message[:1], 16)), message[1:].decode())
    except ValueError:
        return None
