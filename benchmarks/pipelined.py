"""The store by itself: the same answers by pipelined reads, which is as fast as the link gets."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from itertools import cycle
from typing import Final
from urllib.parse import unquote, urlsplit

import hiredis

from benchmarks import cores, wire
from benchmarks.badge_peer import PREFIX
from benchmarks.badge_stock import sku

_LOTS: Final = 8
"""So many lots of commands are on their way at once: the store never waits for us."""

_KEYS_A_LOT: Final = 500


def rate(store: str, core: int, seconds: float, batches: Sequence[Sequence[int]]) -> float:
    """Commands a second, sent from that core: a GET of each batch of one, an MGET of others.

    Raises:
        RuntimeError: the store refused, or had nothing.
    """
    commands = [_command(batch) for batch in batches]
    size = max(1, _KEYS_A_LOT // len(batches[0]))
    lots = [commands[start : start + size] for start in range(0, len(commands), size)]
    with cores.confined(core), _connected(store) as link:
        return _rate(link, seconds, [(len(lot), b"".join(lot)) for lot in lots])


def _rate(link: socket.socket, seconds: float, lots: Sequence[tuple[int, bytes]]) -> float:
    coming, answered = cycle(lots), 0
    reader = hiredis.Reader()
    under_way: list[int] = []
    began = time.perf_counter()
    until = began + seconds
    while time.perf_counter() < until:
        while len(under_way) < _LOTS:
            count, block = next(coming)
            link.sendall(block)
            under_way.append(count)
        reader.feed(link.recv(1 << 18))
        while (reply := reader.gets()) is not False:
            if reply is None or isinstance(reply, Exception):
                raise RuntimeError(f"the store answered {reply!r}")
            answered += 1
            under_way[0] -= 1
            if not under_way[0]:
                del under_way[0]
    return answered / (time.perf_counter() - began)


def _command(batch: Sequence[int]) -> bytes:
    keys = [(PREFIX + sku(number)).encode() for number in batch]
    return wire.command(b"GET" if len(keys) == 1 else b"MGET", *keys)


def _connected(store: str) -> socket.socket:
    address = urlsplit(store)
    link = socket.create_connection((address.hostname, address.port))
    link.sendall(wire.command(b"AUTH", unquote(address.password or "").encode()))
    link.recv(64)
    return link
