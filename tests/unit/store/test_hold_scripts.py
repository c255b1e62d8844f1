"""The scripts as they are sent: their names, their flags, and the numbers shared with Python."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from gateway.domain.reservations import COUNTED
from gateway.store import hold_scripts, holds
from gateway.store.hold_scripts import EXPIRE, HOLD, PIN, SETTLE, Script
from gateway.store.holds import Outcome
from gateway.store.keys import Keyspace
from gateway.store.steps import step

SCRIPTS = {"hold": HOLD, "pin": PIN, "settle": SETTLE, "expire": EXPIRE}
FOLDER = Path(hold_scripts.__file__).parent / "scripts"


def numbers(names: str) -> dict[str, int]:
    """A line of `local A, B = 1, 2` in taken.lua."""
    found = re.search(rf"^local ({names}, .*) = (.*)$", HOLD.text.decode(), re.MULTILINE)
    assert found is not None
    left, right = found[1].split(", "), map(int, found[2].split(", "))
    return dict(zip(left, right, strict=True))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_server_knows_a_script_by_its_text(name: str) -> None:
    script = SCRIPTS[name]
    assert hashlib.sha1(script.text, usedforsecurity=False).hexdigest().encode() == script.sha
    assert script.text.endswith((FOLDER / f"{name}.lua").read_bytes())
    assert (FOLDER / "taken.lua").read_bytes() in script.text


def test_no_two_scripts_are_one() -> None:
    assert len({script.sha for script in SCRIPTS.values()}) == len(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_only_holding_needs_memory_to_be_left(name: str) -> None:
    first, *_ = SCRIPTS[name].text.splitlines()
    assert first == (b"#!lua" if name == "hold" else b"#!lua flags=allow-oom")


def test_outcomes_have_the_numbers_of_the_scripts() -> None:
    assert numbers("DONE") == {outcome.name: outcome.value for outcome in Outcome}


def test_states_have_the_numbers_of_the_scripts() -> None:
    known = numbers("PENDING")
    assert {state.name: number for state, number in holds._STATES.items()} == {
        name: known[name] for name in ("HELD", "CONFIRMED", "ACKNOWLEDGED")
    }
    assert known["ENDED"] == holds._ENDED
    assert holds._STATES.keys() == COUNTED


def test_a_step_names_its_keys_and_what_it_tells() -> None:
    script = Script(b"return 1", b"0" * 40)
    assert step(Keyspace("x"), script, "a}{b", ("r_1", 5)) == (
        b"EVALSHA",
        b"0" * 40,
        4,
        b"x:s:{a%7D{b}",
        b"x:t:{a%7D{b}",
        b"x:h:{a%7D{b}",
        b"x:w:{a%7D{b}",
        b"x:changes",
        b"1a}{b",
        "r_1",
        5,
    )
