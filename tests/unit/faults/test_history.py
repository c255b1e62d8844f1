from __future__ import annotations

import asyncio
from contextlib import suppress
from math import inf
from pathlib import Path

import pytest

from tests.faults.history import History, Kind, Op, Outcome, Recorder, dump, load


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_an_operation_is_taken_down_from_invoke_to_return() -> None:
    recorder = Recorder(Clock())
    with recorder.operation("c", Kind.RESERVE, key="k", body={"lines": []}) as underway:
        underway.answered(201, b'{"reservation":"r"}')
    (op,) = recorder.history().ops
    assert (op.invoked, op.returned, op.outcome, op.status) == (1, 2, Outcome.OK, 201)
    assert op.answer == {"reservation": "r"}
    assert (op.key, op.body) == ("k", {"lines": []})


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.OK),
        (201, Outcome.OK),
        (404, Outcome.FAIL),
        (429, Outcome.FAIL),
        (500, Outcome.UNKNOWN),
        (503, Outcome.UNKNOWN),
        (None, Outcome.UNKNOWN),
    ],
)
def test_only_an_answer_of_the_clients_own_fault_is_a_refusal(
    status: int | None, outcome: Outcome
) -> None:
    assert Outcome.of(status) is outcome


def test_without_an_answer_it_is_unknown() -> None:
    recorder = Recorder(Clock())
    with recorder.operation("c", Kind.GET, "r"):
        pass
    with pytest.raises(TimeoutError), recorder.operation("c", Kind.GET, "r"):
        raise TimeoutError
    with pytest.raises(asyncio.CancelledError), recorder.operation("c", Kind.GET, "r"):
        raise asyncio.CancelledError
    recorder.invoke("c", Kind.GET, "r")
    ops = recorder.history().ops
    assert {op.outcome for op in ops} == {Outcome.UNKNOWN}
    assert [op.ended for op in ops] == [2, 4, 6, inf]
    assert [op.why for op in ops] == ["no answer", "TimeoutError()", "CancelledError()", ""]


def test_an_answer_before_the_failure_counts() -> None:
    recorder = Recorder(Clock())
    with suppress(ValueError), recorder.operation("c", Kind.GET) as underway:
        underway.answered(200)
        raise ValueError
    assert recorder.history().ops[0].outcome is Outcome.OK


def test_nothing_comes_of_an_operation_twice() -> None:
    underway = Recorder(Clock()).invoke("c", Kind.GET)
    underway.done()
    with pytest.raises(RuntimeError):
        underway.refused("no")


def test_a_history_survives_its_file(tmp_path: Path) -> None:
    recorder = Recorder(Clock(), epoch=1_795_255_200.0)
    with recorder.operation("c", Kind.STOCK, "Ä\n1", caller="shop") as underway:
        underway.answered(200, b'{"salable": 1.5}\n')
    recorder.invoke("erp", Kind.ERP_STOCK, "Ä", body={"location": "W1", "includes": ["o"]})
    recorder.at_rest()
    history = recorder.history()
    dump(history, tmp_path / "history.jsonl")
    assert load(tmp_path / "history.jsonl") == history
    assert history.rest == 4
    assert len((tmp_path / "history.jsonl").read_bytes().splitlines()) == 3


@pytest.mark.parametrize("raw", ["", "<html>", "[1]", "{"])
def test_what_is_no_object_tells_nothing(raw: str) -> None:
    assert Op(0, "c", Kind.GET, 0.0, raw=raw).answer == {}


def test_bytes_that_are_no_text_are_kept_apart() -> None:
    recorder = Recorder(Clock())
    first, second = (
        recorder.invoke("c", Kind.GET).answered(200, raw) for raw in (b"\xff", b"\xfe")
    )
    assert first.raw != second.raw


def test_a_history_without_rest_never_rests() -> None:
    assert History(()).rest == inf
