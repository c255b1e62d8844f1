"""The checker on small histories by hand: each invariant broken, and beside it what only looks so.

`Script` writes them: every operation has its two moments, in seconds.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.faults.checker import check
from tests.faults.history import Facts, History, Kind, Op, Outcome
from tests.faults.violations import Invariant, Limits

_LIMITS = Limits(staleness=0.0, orphans=False)
_EPOCH = 1_795_255_200.0  # 2026-11-21T10:00:00Z


class Script:
    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.rest: float | None = None

    def op(
        self, kind: Kind, since: float, until: float | None, target: str = "", **more: Any
    ) -> Op:
        status = more.pop("status", 200)
        answer = more.pop("answer", None)
        raw = "" if answer is None else msgspec.json.encode(answer).decode()
        client = more.pop("client", "c")
        outcome = Outcome.of(status)
        self.ops.append(
            Op(
                len(self.ops), client, kind, since, until, outcome, target,
                status=status, raw=raw, **more,
            )
        )  # fmt: skip
        return self.ops[-1]

    def stock(self, since: float, until: float, quantity: float, **body: Any) -> Op:
        """The ERP writes A at W1."""
        version = body.pop("version", len(self.ops))
        body = {"location": "W1", "quantity": quantity, "version": version, **body}
        status = body.pop("status", 200)
        return self.op(Kind.ERP_STOCK, since, until, "A", body=body, client="erp", status=status)

    def reserve(self, since: float, until: float, name: str, units: float = 1, **more: Any) -> Op:
        """Of A, from W1."""
        lines = [{"sku": "A", "quantity": units}]
        held = [{**lines[0], "allocations": [{"location": "W1", "quantity": units}]}]
        body = {"lines": lines, "ttl_seconds": 10, **more.pop("body", {})}
        status = more.setdefault("status", 201)
        if status == 201:
            more.setdefault("answer", {"reservation": name, "state": "held", "lines": held})
        return self.op(Kind.RESERVE, since, until, key=more.pop("key", name), body=body, **more)

    def step(self, kind: Kind, since: float, until: float, name: str, **more: Any) -> Op:
        return self.op(kind, since, until, name, **more)

    def confirm(self, since: float, until: float, name: str, **more: Any) -> Op:
        body = {"order_ref": more.pop("ref", f"o-{name}")}
        return self.op(Kind.CONFIRM, since, until, name, body=body, **more)

    def get(self, since: float, until: float, name: str, state: str) -> Op:
        return self.op(Kind.GET, since, until, name, answer={"reservation": name, "state": state})

    def read(self, since: float, until: float, salable: float, **more: Any) -> Op:
        answer = {"sku": "A", "salable": salable, **more.pop("answer", {})}
        return self.op(Kind.STOCK, since, until, "A", answer=answer, **more)

    def ack(self, since: float, until: float, ref: str, status: str = "accepted") -> Op:
        return self.op(Kind.ERP_ACK, since, until, ref, body={"status": status}, client="erp")

    def broken(self, limits: Limits = _LIMITS) -> set[Invariant]:
        history = History(tuple(self.ops), Facts(_EPOCH, self.rest))
        return {violation.invariant for violation in check(history, limits)}


@pytest.fixture
def script() -> Script:
    """A has five units at W1, since before all else."""
    script = Script()
    script.stock(-2, -1, 5, version=0)
    return script


OVERSOLD = {Invariant.NO_OVERSELL}


def test_more_than_there_is_is_oversold(script: Script) -> None:
    script.reserve(1, 2, "r1", 3)
    script.reserve(1, 2, "r2", 2)
    assert not script.broken()
    script.reserve(3, 4, "r3", 0.001)
    assert script.broken() == OVERSOLD


def test_a_figure_that_falls_below_what_is_held_is_no_oversell(script: Script) -> None:
    script.reserve(1, 2, "r1", 5)
    script.stock(3, 4, 0)
    assert not script.broken()
    script.reserve(5, 6, "r2", 1)
    assert script.broken() == OVERSOLD


def test_a_figure_may_be_there_from_its_invoke_and_must_be_from_its_return(script: Script) -> None:
    script.stock(3, 6, 9)
    script.reserve(1, 4, "r1", 9)
    assert not script.broken()
    script.stock(7, 8, 1, version=20)
    script.stock(9, 10, 9, version=10)  # late: an older version
    script.reserve(12, 13, "r2", 9)
    assert script.broken() == OVERSOLD


@pytest.mark.parametrize("status", [None, 200, 503], ids=["no answer", "released", "who knows"])
def test_what_may_have_been_released_may_be_sold_again(script: Script, status: int | None) -> None:
    script.reserve(1, 2, "r1", 5)
    script.step(Kind.RELEASE, 3, 4, "r1", status=status)
    script.reserve(3, 5, "r2", 5)
    assert not script.broken()


def test_a_release_at_the_very_moment_may_have_come_first(script: Script) -> None:
    script.reserve(1, 2, "r1", 5)
    script.reserve(2.5, 3, "r2", 5)
    assert script.broken() == OVERSOLD
    script.step(Kind.RELEASE, 3, 4, "r1")
    assert not script.broken()


def test_what_was_released_is_free(script: Script) -> None:
    script.reserve(1, 2, "r1", 2)
    script.step(Kind.RELEASE, 3, 4, "r1", answer={"state": "released"})
    script.read(3.5, 5, 3)
    assert not script.broken()
    script.read(4.5, 5, 3)
    assert script.broken() == {Invariant.CONVERGENCE}


def test_what_was_not_released_may_not_be_sold_again(script: Script) -> None:
    script.reserve(1, 2, "r1", 5)
    script.step(Kind.RELEASE, 3, 4, "r1", status=409)
    script.reserve(3, 5, "r2", 5)
    assert script.broken() == OVERSOLD


def test_what_may_have_expired_may_be_sold_again(script: Script) -> None:
    script.reserve(1, 2, "r1", 5)
    script.reserve(10, 11, "r2", 5)
    assert not script.broken()


@pytest.mark.parametrize("kind", [Kind.CONFIRM, Kind.EXTEND])
def test_what_was_confirmed_or_extended_did_not_expire(script: Script, kind: Kind) -> None:
    script.reserve(1, 2, "r1", 5)
    script.step(kind, 3, 4, "r1", body={"order_ref": "o", "ttl_seconds": 10})
    script.reserve(11.5, 12, "r2", 5)
    assert script.broken() == OVERSOLD


def test_an_order_is_taken_off_until_a_figure_includes_it(script: Script) -> None:
    script.reserve(1, 2, "r1", 3)
    script.confirm(3, 4, "r1")
    script.ack(5, 6, "o-r1")
    script.stock(7, 8, 2, includes=["o-r1"])
    script.reserve(9, 10, "r2", 2)
    assert not script.broken()


def test_an_ack_alone_frees_nothing(script: Script) -> None:
    script.reserve(1, 2, "r1", 3)
    script.confirm(3, 4, "r1")
    script.ack(5, 6, "o-r1")
    script.reserve(9, 10, "r2", 3)
    assert script.broken() == OVERSOLD


def test_an_order_that_the_erp_cancels_is_free(script: Script) -> None:
    script.reserve(1, 2, "r1", 5)
    script.confirm(3, 4, "r1")
    script.ack(5, 6, "o-r1", "cancelled")
    script.reserve(5.5, 7, "r2", 5)
    script.get(8, 9, "r1", "cancelled")
    assert not script.broken()


def test_back_ordered_units_are_taken_from_nowhere(script: Script) -> None:
    line = {"sku": "A", "quantity": 7, "backordered": 2}
    line["allocations"] = [{"location": "W1", "quantity": 5}]
    script.reserve(1, 2, "r1", 7, answer={"reservation": "r1", "state": "held", "lines": [line]})
    script.read(3, 4, 0)
    assert not script.broken()


def test_a_repeated_request_holds_from_its_first_attempt(script: Script) -> None:
    script.reserve(1, 2, "r1", 5, status=503)
    script.reserve(8, 9, "r1", 5)
    script.reserve(11.5, 12, "r2", 5)  # the first may have been carried out at 1
    assert not script.broken()


def test_an_acknowledged_hold_is_known(script: Script) -> None:
    script.reserve(1, 2, "r1")
    script.step(Kind.GET, 1.5, 3, "r1", status=404)
    assert not script.broken()
    script.step(Kind.GET, 3, 4, "r1", status=404)
    assert script.broken() == {Invariant.NO_LOST_HOLD}


@pytest.mark.parametrize(
    ("state", "kind"), [("released", Kind.RELEASE), ("confirmed", Kind.CONFIRM)]
)
def test_a_state_has_a_cause(script: Script, state: str, kind: Kind) -> None:
    script.reserve(1, 2, "r1")
    script.get(4, 5, "r1", state)
    assert script.broken() == {Invariant.NO_LOST_HOLD}
    refused = script.step(kind, 3, 4, "r1", status=409, body={"order_ref": "o"})
    assert script.broken() == {Invariant.REFUSED}
    script.ops.remove(refused)
    script.step(kind, 3, 4, "r1", status=503, body={"order_ref": "o"})
    assert not script.broken()


@pytest.mark.parametrize(
    ("state", "status"), [("acknowledged", "accepted"), ("cancelled", "cancelled")]
)
def test_the_erps_states_have_an_ack(script: Script, state: str, status: str) -> None:
    script.reserve(1, 2, "r1")
    script.confirm(3, 4, "r1")
    script.get(7, 8, "r1", state)
    assert script.broken() == {Invariant.NO_LOST_HOLD}
    script.ack(0, 1, "o-r1", status)  # it may come first
    assert not script.broken()


def test_a_hold_that_is_counted_no_more_is_lost(script: Script) -> None:
    script.reserve(1, 2, "r1", 2)
    script.read(1.5, 3, 5)
    script.read(1.5, 3, 3)
    assert not script.broken()
    script.read(3, 4, 5)
    assert script.broken() == {Invariant.NO_LOST_HOLD, Invariant.CONVERGENCE}


def test_a_copy_may_be_as_old_as_it_is_allowed(script: Script) -> None:
    script.reserve(1, 2, "r1", 2)
    script.read(3, 4, 5)
    assert not script.broken(Limits(staleness=1.5))
    script.rest = 2.5  # then there are no old copies any more
    assert Invariant.NO_LOST_HOLD in script.broken(Limits(staleness=1.5))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("released", "expired"),
        ("released", "confirmed"),
        ("confirmed", "expired"),
        ("released", "held"),
        ("confirmed", "held"),
        ("acknowledged", "confirmed"),
        ("cancelled", "confirmed"),
    ],
)
def test_there_is_one_end_and_no_way_back(script: Script, first: str, second: str) -> None:
    script.reserve(1, 2, "r1")
    script.step(Kind.RELEASE, 3, 4, "r1", status=503)
    script.confirm(3, 4, "r1", status=503)
    script.step(Kind.CANCEL, 3, 4, "r1", status=503)
    script.ack(3, 4, "o-r1")
    script.get(10.5, 11, "r1", first)
    assert not script.broken()
    script.get(11.5, 11.8, "r1", second)
    assert script.broken() == {Invariant.ONE_END}


def test_two_orders_of_one_reservation_are_two_ends(script: Script) -> None:
    script.reserve(1, 2, "r1")
    script.confirm(3, 4, "r1")
    script.confirm(5, 6, "r1")
    assert not script.broken()
    script.confirm(7, 8, "r1", ref="another")
    assert script.broken() == {Invariant.ONE_END}


@pytest.mark.parametrize(
    "held",
    [
        [],
        [{"sku": "A", "quantity": 2, "allocations": [{"location": "W1", "quantity": 2}]}],
        [{"sku": "A", "quantity": 3, "allocations": [{"location": "W1", "quantity": 2}]}],
        [{"sku": "A", "quantity": 3, "allocations": [{"location": "W2", "quantity": 3}]}],
        [
            {
                "sku": "A",
                "quantity": 3,
                "allocations": [
                    {"location": "W1", "quantity": 3},
                    {"location": "W2", "quantity": 0},
                ],
            }
        ],
    ],
    ids=["nothing", "less", "less than it says", "elsewhere", "a place for nothing"],
)
def test_what_is_granted_is_what_was_asked_for(script: Script, held: list[dict[str, Any]]) -> None:
    script.op(Kind.ERP_STOCK, -2, -1, "A", body={"location": "W2", "quantity": 5, "version": 1})
    asked = [{"sku": "A", "quantity": units, "location": "W1"} for units in (1, 2)]
    answer = {"reservation": "r1", "state": "held", "lines": held}
    script.reserve(1, 2, "r1", body={"lines": asked}, answer=answer)
    assert script.broken() == {Invariant.ALL_LINES}


def test_a_replay_is_the_first_answer(script: Script) -> None:
    script.reserve(1, 2, "r1")
    script.reserve(1, 2, "r1", status=409, answer={"type": "/problems/idempotency-in-progress"})
    script.reserve(1, 2, "r1", status=429)
    script.reserve(3, 4, "r1")
    script.reserve(3, 4, "r1", caller="another", answer={"reservation": "r2", "lines": []},
                   body={"lines": []})  # fmt: skip
    assert not script.broken()
    script.reserve(5, 6, "r1", status=409, answer={"type": "/problems/insufficient-stock"})
    assert script.broken() == {Invariant.REPLAY}


def test_another_body_with_the_key_is_refused(script: Script) -> None:
    script.reserve(1, 2, "r1")
    script.reserve(3, 4, "r1", body={"ttl_seconds": 9}, status=422)
    assert not script.broken()
    script.reserve(3, 4, "r1", body={"ttl_seconds": 9})
    assert script.broken() == {Invariant.REPLAY}


def test_the_same_body_is_no_mismatch(script: Script) -> None:
    script.reserve(1, 2, "r1")
    script.reserve(3, 4, "r1", status=422)
    assert script.broken() == {Invariant.REPLAY}


def test_two_keys_are_two_reservations(script: Script) -> None:
    script.reserve(1, 2, "r1")
    script.reserve(3, 4, "r1", key="another")
    assert Invariant.REPLAY in script.broken()


def test_in_one_clients_sight_no_version_falls(script: Script) -> None:
    script.stock(1, 10, 7)
    script.read(2, 3, 5)
    script.read(4, 5, 7)
    script.read(6, 7, 5, client="another")
    assert not script.broken()
    script.read(6, 7, 5)
    assert script.broken() == {Invariant.VERSIONS}


def test_a_version_that_must_have_given_way_is_seen_by_nobody(script: Script) -> None:
    script.stock(1, 2, 7)
    script.read(3, 4, 5)
    assert script.broken() == {Invariant.VERSIONS, Invariant.CONVERGENCE}


def test_a_version_that_is_told_decides_where_figures_do_not(script: Script) -> None:
    script.stock(1, 10, 5, version=7)
    script.read(2, 3, 5, answer={"version": 7})
    script.read(4, 5, 5, answer={"version": 0})
    assert script.broken() == {Invariant.VERSIONS}


def test_nothing_rises_from_a_tombstone(script: Script) -> None:
    script.stock(1, 2, 0, version=9, delete=True)
    script.stock(3, 4, 5, version=8)
    script.read(5, 6, 0)
    assert not script.broken()
    script.read(7, 8, 5)
    assert Invariant.VERSIONS in script.broken()


def test_a_hold_is_never_over_early(script: Script) -> None:
    script.reserve(1, 3, "r1")
    script.get(10, 11, "r1", "expired")
    assert not script.broken()
    script.step(Kind.CONFIRM, 10, 10.5, "r1", status=410)
    assert script.broken() == {Invariant.EXPIRY}


def test_a_hold_that_was_extended_is_not_over(script: Script) -> None:
    script.reserve(1, 3, "r1")
    script.step(Kind.EXTEND, 5, 6, "r1", body={"ttl_seconds": 9})
    script.get(13, 13.5, "r1", "expired")
    assert script.broken() == {Invariant.EXPIRY}


def test_a_hold_is_over_a_second_after_its_time(script: Script) -> None:
    script.reserve(1, 3, "r1")
    script.get(14, 15, "r1", "held")
    assert not script.broken()
    script.get(14.1, 15, "r1", "held")
    assert script.broken() == {Invariant.EXPIRY}


@pytest.mark.parametrize("kind", [Kind.CONFIRM, Kind.EXTEND])
def test_nothing_comes_of_a_hold_that_is_over(script: Script, kind: Kind) -> None:
    script.reserve(1, 3, "r1")
    late = script.step(kind, 20, 21, "r1", body={"order_ref": "o", "ttl_seconds": 1})
    assert script.broken() == {Invariant.EXPIRY}
    script.step(kind, 9, 10, "r1", body={**late.body, "ttl_seconds": 60}, status=503)
    assert not script.broken(Limits(staleness=0.0))


def test_the_units_of_a_hold_that_is_over_are_free(script: Script) -> None:
    script.reserve(1, 3, "r1", 2)
    script.read(13.9, 15, 3)
    assert not script.broken()
    script.read(14.1, 15, 3)
    assert script.broken() == {Invariant.EXPIRY, Invariant.CONVERGENCE}


def test_a_refused_request_holds_nothing_when_it_is_out(script: Script) -> None:
    script.reserve(1, 2, "r1", 2, status=409)
    script.read(1.5, 3, 3)
    assert not script.broken()
    script.read(3, 4, 3)
    assert script.broken() == {Invariant.REFUSED, Invariant.CONVERGENCE}


def test_of_a_refused_request_of_several_skus_no_half_stays(script: Script) -> None:
    lines = [{"sku": sku, "quantity": 2} for sku in "AB"]
    script.reserve(1, 2, "r1", body={"lines": lines}, status=409)
    script.read(3, 4, 3)
    assert script.broken() == {Invariant.ALL_LINES, Invariant.CONVERGENCE}


def test_what_nobody_knows_may_be_held_until_it_is_over(script: Script) -> None:
    script.reserve(1, 2, "r1", 2, status=503)
    script.read(3, 4, 3)
    script.read(3, 4, 5)
    script.rest = 5
    script.read(19.9, 20, 3)
    assert not script.broken()
    script.read(20.1, 21, 3)  # 5 + 10 + 5
    assert script.broken() == {Invariant.CONVERGENCE}


def test_as_of_is_not_after_the_erp_was_last_heard(script: Script) -> None:
    script.op(Kind.ERP_VERIFIED, 1, 4)
    script.read(8, 9, 5, answer={"as_of": "2026-11-21T10:00:04Z"})
    assert not script.broken()
    script.read(8, 9, 5, answer={"as_of": "2026-11-21T10:00:04.100Z"})
    assert script.broken() == {Invariant.HONEST_AGE}
    script.op(Kind.ERP_VERIFIED, 5, None, status=None)
    assert not script.broken()


def test_an_orders_units_are_not_counted_twice(script: Script) -> None:
    script.reserve(1, 2, "r1", 3)
    script.confirm(3, 4, "r1")
    script.stock(5, 6, 2, includes=["o-r1"])
    script.read(6.5, 7, 0)  # both, until the ERP has said that it includes it
    script.ack(8, 9, "o-r1")
    script.read(10, 11, 2)
    assert not script.broken()
    script.read(12, 13, 0)
    assert script.broken() == {Invariant.ABSORPTION, Invariant.CONVERGENCE}


@pytest.mark.parametrize("acknowledged", [False, True])
def test_an_orders_units_are_not_left_out(script: Script, acknowledged: bool) -> None:
    script.reserve(1, 2, "r1", 3)
    script.confirm(3, 4, "r1")
    if acknowledged:
        script.ack(5, 6, "o-r1")
    script.read(7, 8, 2)
    assert not script.broken()
    script.read(9, 10, 5)
    assert {Invariant.ABSORPTION, Invariant.CONVERGENCE} <= script.broken()


def test_at_rest_no_ack_is_forgotten(script: Script) -> None:
    script.reserve(1, 2, "r1", 3)
    script.ack(0, 1, "o-r1")
    script.confirm(3, 4, "r1")
    script.rest = 5
    script.get(6, 7, "r1", "acknowledged")
    assert not script.broken()
    script.ops.pop()
    script.get(6, 7, "r1", "confirmed")
    assert script.broken() == {Invariant.ABSORPTION}


def test_a_figure_that_nothing_explains_does_not_converge(script: Script) -> None:
    script.read(1, 2, 4.999)
    assert script.broken() == {Invariant.CONVERGENCE}


def test_an_answer_over_locations_is_their_sum(script: Script) -> None:
    script.op(
        Kind.ERP_STOCK, -2, -1, "A",
        body={"location": "W2", "quantity": 9, "version": 1, "basis": "on_hand",
              "allocated": 1, "safety_stock": 10},
    )  # fmt: skip
    script.read(1, 2, 5)  # below zero is zero, at each of them
    script.read(1, 2, 0, body={"location": "W2"})
    script.read(1, 2, 5, body={"locations": ["W1"]})
    assert not script.broken()
    script.read(1, 2, 3)
    assert script.broken() == {Invariant.CONVERGENCE}


def test_a_violation_shows_what_it_is_about(script: Script) -> None:
    script.reserve(1, 2, "r1", 6)
    (found,) = check(History(tuple(script.ops)), _LIMITS)
    assert str(found).startswith("no oversell: A at W1, at 2.000: 6 taken of at most 5 (version 0)")
    assert [op.kind for op in found.ops] == [Kind.ERP_STOCK, Kind.RESERVE]


@pytest.mark.parametrize(("basis", "salable"), [("on_hand", 8), ("available", 9)])
def test_what_the_erp_allocated_counts_where_it_is_on_hand(
    script: Script, basis: str, salable: float
) -> None:
    script.stock(1, 2, 9, basis=basis, allocated=1)
    script.read(3, 4, salable)
    assert not script.broken()


def test_one_key_has_one_effect(script: Script) -> None:
    script.reserve(1, 2, "r1", 2, status=503)
    script.reserve(3, 4, "r1", 2)
    script.read(5, 6, 1)
    assert script.broken() == {Invariant.REPLAY, Invariant.CONVERGENCE}
    # Where the gateway itself may die, the first attempt's units may be there for a while.
    assert not script.broken(Limits(staleness=0.0))


def test_what_a_lost_attempt_held_is_gone_when_its_key_is_refused(script: Script) -> None:
    script.reserve(1, 2, "r1", 2, status=503)
    script.reserve(3, 4, "r1", 2, status=409)
    script.read(2.5, 3.5, 3)
    assert not script.broken()
    script.read(5, 6, 3)
    assert script.broken() == {Invariant.REFUSED, Invariant.CONVERGENCE}
