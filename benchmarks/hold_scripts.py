"""What each step of a hold costs Valkey: EVALSHA of it against EVALSHA of an empty script.

Both are sent in turns, at the same pipeline depth, ready-made bytes through a socket. The commands
of one pipeline are of as many different SKUs, and each SKU has so many holds open when its command
comes, no more and no fewer. `alone` is what the server says that it spent in the script, without
the journey. Valkey is on one core, with its append-only file; we send from another.

A pair of hold and confirmation is four of these: hold, promise, pin, confirm. The curve is flat
where a step takes as long with 200 holds open for its SKU as with one.
"""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

import hiredis
import msgspec

from benchmarks import cores
from benchmarks.figures import shown, summary
from benchmarks.wire import command
from gateway.domain.quantities import to_milli
from gateway.domain.stock import StockLevel
from gateway.store.entries import Op, pack_op
from gateway.store.hold_scripts import HOLD, PIN, SETTLE
from gateway.store.keys import Keyspace
from gateway.store.level_codec import level_payload
from gateway.store.steps import step
from stockspan.embedded.valkey import EmbeddedValkey

OPEN: Final = (0, 1, 200, 2_000)
DEPTHS: Final = (1, 16, 64)
FLAT: Final = (200, 1)
_SKUS: Final = 64
_EMPTY: Final = b"return 1"
_HOUR_MS: Final = 3_600_000


class Place(msgspec.Struct, frozen=True):
    """A hold: of which SKU, and which one of it."""

    sku: str
    number: int


Commands = list[tuple[bytes, ...]]
Factory = Callable[[Sequence[Place]], Commands]


class Steps(msgspec.Struct, frozen=True):
    """How the store does it: texts of its scripts, and the commands for some holds.

    `stocked` makes a SKU with plenty of stock. `timed` are the steps that are measured, by name, of
    EVALSHA each; what `paths` lists is done in that order, and `forgotten` then leaves no trace.
    """

    scripts: Sequence[bytes]
    stocked: Factory
    timed: Mapping[str, Factory]
    paths: Sequence[Sequence[str]]
    opened: Sequence[str]
    forgotten: Factory


def store_steps(now_ms: int) -> Steps:
    """The steps of `gateway/store/holds.py`, with the arguments that it gives them."""
    keys = Keyspace("ss")
    until_ms = now_ms + _HOUR_MS
    units = ("W1", 1000)
    # As in gateway/store/holds.py: how long a step is in doubt, and an end is remembered.
    doubt_ms, remembered_ms = 2_000, 60_000
    held, confirmed, ended = 1, 3, 5

    def hold(place: Place) -> tuple[bytes, ...]:
        head = (_reservation(place), doubt_ms * 1_000, until_ms, "", 0)
        return _worded(step(keys, HOLD, place.sku, (*head, *units, 0)))

    def pin(place: Place) -> tuple[bytes, ...]:
        head = (_reservation(place), 1, until_ms, doubt_ms, "")
        return _worded(step(keys, PIN, place.sku, (*head, *units)))

    def settle(
        place: Place, revision: int, state: int, until: int, *, pending: int
    ) -> tuple[bytes, ...]:
        head = (_reservation(place), revision, state, until, "", remembered_ms, pending)
        return _worded(step(keys, SETTLE, place.sku, (*head, *(() if state == ended else units))))

    def stocked(places: Sequence[Place]) -> Commands:
        level = level_payload(StockLevel(to_milli(10_000_000)))
        entry = pack_op(Op.PUT, 0, 1, 0, 1, now_ms, b"W1", level)
        return [(b"SET", keys.sku(place.sku), b"\x01" + entry[1:]) for place in places]

    def forgotten(places: Sequence[Place]) -> Commands:
        commands: Commands = []
        for place in places:
            _, _, entries, due = keys.holds(place.sku)
            name = _reservation(place).encode()
            commands += [
                settle(place, 3, ended, 0, pending=0),
                (b"HDEL", entries, name),
                (b"ZREM", due, name),
            ]
        return commands

    return Steps(
        scripts=[script.text for script in (HOLD, PIN, SETTLE)],
        stocked=stocked,
        timed={
            "hold": lambda places: [hold(place) for place in places],
            "promise": lambda places: [
                settle(place, 1, held, until_ms, pending=1) for place in places
            ],
            "pin": lambda places: [pin(place) for place in places],
            "confirm": lambda places: [
                settle(place, 2, confirmed, 0, pending=0) for place in places
            ],
            "release": lambda places: [settle(place, 2, ended, 0, pending=0) for place in places],
        },
        paths=(("hold", "promise", "pin", "confirm"), ("hold", "promise", "pin", "release")),
        opened=("hold", "promise"),
        forgotten=forgotten,
    )


def _reservation(place: Place) -> str:
    return f"r_{place.number:016x}{place.sku}"


def _worded(words: Sequence[bytes | str | int]) -> tuple[bytes, ...]:
    return tuple(word if isinstance(word, bytes) else str(word).encode() for word in words)


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    rounds = 7 if quick else 25
    two = cores.two_cores()
    with cores.confined(two.server):
        valkey = EmbeddedValkey(folder / "valkey", appendonly=True)
        valkey.start()
    try:
        with cores.confined(two.load), _Link(valkey.url) as link:
            steps = store_steps(int(time.time() * 1000))
            for text in (_EMPTY, *steps.scripts):
                link.ask([(b"SCRIPT", b"LOAD", text)])
            _open(link, steps)
            costs = _measured(link, steps, rounds)
    finally:
        valkey.stop()
    return _told(costs, tuple(steps.timed), rounds)


class _Link:
    """A connection that sends bytes and waits until all is answered."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._password = unquote(address.password or "").encode()

    def __enter__(self) -> Self:
        self.ask([(b"AUTH", self._password)])
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, commands: Sequence[tuple[bytes, ...]]) -> list[Any]:
        """The replies.

        Raises:
            RuntimeError: a command was refused.
        """
        return self.timed(b"".join(command(*words) for words in commands), len(commands))[1]

    def timed(self, wire: bytes, commands: int) -> tuple[float, list[Any]]:
        """Seconds from the first byte sent to the last reply read, and the replies.

        Raises:
            RuntimeError: a command was refused.
        """
        replies: list[Any] = []
        reader = hiredis.Reader()
        began = time.perf_counter()
        self._socket.sendall(wire)
        while len(replies) < commands:
            reply = reader.gets()
            if reply is False:
                reader.feed(self._socket.recv(1 << 18))
            else:
                replies.append(reply)
        took = time.perf_counter() - began
        refused = [reply for reply in replies if isinstance(reply, Exception)]
        if refused:
            raise RuntimeError(str(refused[0]))
        return took, replies

    def spent_us(self) -> int:
        """Microseconds that the server has spent in EVALSHA so far."""
        (text,) = self.ask([(b"INFO", b"commandstats")])
        for line in text.splitlines():
            name, _, figures = line.partition(b":")
            if name == b"cmdstat_evalsha":
                return int(figures.partition(b"usec=")[2].partition(b",")[0])
        return 0


class _Cost(msgspec.Struct):
    """Of one step at one depth, a round each: microseconds a command, with the empty script's."""

    step_us: list[float]
    empty_us: list[float]
    alone_us: list[float]

    def add(self, step_us: float, empty_us: float, alone_us: float) -> None:
        """One round more."""
        self.step_us.append(step_us)
        self.empty_us.append(empty_us)
        self.alone_us.append(alone_us)

    def ratios(self) -> list[float]:
        """The step ÷ the empty script, round by round."""
        return [mine / empty for mine, empty in zip(self.step_us, self.empty_us, strict=True)]


_Costs = dict[int, dict[int, dict[str, _Cost]]]
"""By depth, how many are open, and step."""


def _skus(count: int) -> list[str]:
    """The SKUs that have so many holds open."""
    return [f"SKU-{count}-{number:02}" for number in range(_SKUS)]


def _open(link: _Link, steps: Steps) -> None:
    """Make all SKUs, each with as many holds as it shall have open."""
    for count in OPEN:
        for sku in _skus(count):
            link.ask(steps.stocked([Place(sku, 0)]))
            places = [Place(sku, number) for number in range(count)]
            for name in steps.opened:
                _all_done(name, link.ask(steps.timed[name](places)))


def _measured(link: _Link, steps: Steps, rounds: int) -> _Costs:
    """All costs; the depths and numbers of open holds take turns. One round is not counted."""
    costs: _Costs = {
        depth: {count: {name: _Cost([], [], []) for name in steps.timed} for count in OPEN}
        for depth in DEPTHS
    }
    # Names of holds that are not among the open ones.
    number = max(OPEN)
    for turn in range(rounds + 1):
        for depth, of_depth in costs.items():
            for count, by_name in of_depth.items():
                number += 1
                found = _followed(link, steps, count, depth, number)
                for name in by_name if turn else ():
                    by_name[name].add(*found[name])
    return costs


def _followed(
    link: _Link, steps: Steps, count: int, depth: int, number: int
) -> dict[str, tuple[float, float, float]]:
    """Each path once, one hold more at each SKU, and away with it; what each step took."""
    found = {}
    places = [Place(sku, number) for sku in _skus(count)]
    for path in steps.paths:
        for name in path:
            found[name] = _once(link, name, steps.timed[name](places), depth)
        link.ask(steps.forgotten(places))
    return found


def _once(link: _Link, name: str, commands: Commands, depth: int) -> tuple[float, float, float]:
    """Microseconds a command, of the empty script, and of the step in the server alone."""
    sha = hashlib.sha1(_EMPTY, usedforsecurity=False).hexdigest().encode()
    empty = command(b"EVALSHA", sha, b"0") * depth
    lots = [commands[first : first + depth] for first in range(0, len(commands), depth)]
    wires = [b"".join(command(*words) for words in lot) for lot in lots]
    empty_s = sum(link.timed(empty, depth)[0] for _ in lots)
    before = link.spent_us()
    took = 0.0
    for wire in wires:
        seconds, replies = link.timed(wire, depth)
        took += seconds
        _all_done(name, replies)
    alone = link.spent_us() - before
    return took * 1e6 / len(commands), empty_s * 1e6 / len(commands), alone / len(commands)


def _all_done(name: str, replies: Sequence[Any]) -> None:
    refused = [reply for reply in replies if reply[0] != 1]
    if refused:
        raise RuntimeError(f"{name} was not done: {refused[0]}")


def _told(found: _Costs, names: Sequence[str], rounds: int) -> dict[str, Any]:
    print(f"{_SKUS} SKUs, {rounds} rounds in turns, median (least to greatest)")
    result: dict[str, Any] = {"rounds": rounds, "skus": _SKUS}
    for depth in DEPTHS:
        print(f"\npipeline depth {depth}")
        print(f"{'step':>8}{'open':>7}{'µs a command':>26}{'÷ empty script':>24}{'alone, µs':>26}")
        told: dict[str, Any] = {}
        for name in names:
            costs = {count: found[depth][count][name] for count in OPEN}
            for count, cost in costs.items():
                print(
                    f"{name:>8}{count:>7,}{shown(cost.step_us, 1):>26}"
                    f"{shown(cost.ratios()):>24}{shown(cost.alone_us, 1):>26}"
                )
            many, one = (costs[count] for count in FLAT)
            flat = [more / less for more, less in zip(many.step_us, one.step_us, strict=True)]
            alone = [more / less for more, less in zip(many.alone_us, one.alone_us, strict=True)]
            print(f"{'':8}{FLAT[0]} open ÷ {FLAT[1]} open: {shown(flat)}, alone {shown(alone)}")
            told[name] = {
                "flatness": summary(flat),
                "flatness_alone": summary(alone),
                "open": {str(count): _figures(cost) for count, cost in costs.items()},
            }
        result[f"depth_{depth}"] = told
    return result


def _figures(cost: _Cost) -> dict[str, Any]:
    return {
        "us": summary(cost.step_us),
        "empty_us": summary(cost.empty_us),
        "ratio": summary(cost.ratios()),
        "alone_us": summary(cost.alone_us),
    }
