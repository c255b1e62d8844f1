from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from gateway.api.problem_kinds import KINDS
from gateway.api.problems import answer, kind_of
from gateway.domain import errors


def _told(error: BaseException) -> tuple[int, dict[str, Any]]:
    response = answer(error)
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body)


def _leaves(root: type[BaseException]) -> Iterator[type[BaseException]]:
    children = root.__subclasses__()
    if not children:
        yield root
    for child in children:
        yield from _leaves(child)


def test_every_error_of_the_domain_is_a_kind_of_problem() -> None:
    ours = [
        leaf
        for leaf in _leaves(errors.StockspanError)
        if leaf.__module__ == errors.StockspanError.__module__
    ]
    assert len(ours) >= 7
    for leaf in ours:
        assert kind_of(leaf.__new__(leaf)) is not None, leaf


def test_a_missing_scope_is_named() -> None:
    status, body = _told(errors.ForbiddenError("checkout"))
    assert (status, body["type"]) == (403, "/problems/forbidden")
    assert "checkout" in body["detail"]


def test_feeds_that_are_waited_for_are_named() -> None:
    assert "stock, products" in _told(errors.NotReadyError(("stock", "products")))[1]["detail"]


def test_what_is_refused_before_a_handler_is_the_callers_mistake() -> None:
    status, body = _told(web.HTTPExpectationFailed())
    assert (status, body["type"]) == (400, "/problems/invalid-request")
    assert body["errors"] == [{"field": "request", "reason": "Expectation Failed"}]


def test_what_nobody_foresaw_tells_nothing() -> None:
    status, body = _told(KeyError("secret"))
    assert status == 500
    assert body == {"type": "about:blank", "title": "Internal server error", "status": 500}


def test_what_may_be_asked_again_says_when() -> None:
    told = {kind.name for kind in KINDS.values() if kind.retry_after}
    away = {kind.name for kind in KINDS.values() if kind.status == 503}
    assert told == away | {"rate-limited", "idempotency-in-progress"}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_has_the_status_of_its_sort(kind: Any) -> None:
    assert kind.type == f"/problems/{kind.name}"
    assert kind.status in {400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 503}
