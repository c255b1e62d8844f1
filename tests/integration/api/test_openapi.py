from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.examples import examples
from tests.gateway_server import ALL, ANY, CHECKOUT, EXACT, Gateway
from tests.integration.api.conftest import fill
from tests.integration.api.reserving import price_token, priced_shop
from tests.priced_gateway import MINE
from tests.promising_gateway import line


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    """One that answers everything there is."""
    async with priced_shop(redis_url, ledger_dsn) as gateway:
        await fill(gateway)
        yield gateway


@pytest.fixture
async def api(gateway: Gateway) -> Any:
    return (await gateway.ask("/openapi.json")).json


async def test_the_description_is_valid(api: Any) -> None:
    assert api["openapi"].startswith("3.1.")
    validate(api, cls=OpenAPIV31SpecValidator)


async def test_every_route_is_described_and_nothing_else(gateway: Gateway, api: Any) -> None:
    served = {
        (resource.canonical, route.method)
        for resource in gateway.app.router.resources()
        for route in resource
        # HEAD goes with every GET, and OPTIONS is between browsers and us.
        if route.method not in {"HEAD", "OPTIONS"}
    }
    described = {
        (path, method.upper()) for path, methods in api["paths"].items() for method in methods
    }
    assert served == described
    assert ("/v1/stock/{sku}", "GET") in described


async def test_operations_have_names_of_their_own(api: Any) -> None:
    names = [op["operationId"] for methods in api["paths"].values() for op in methods.values()]
    assert len(set(names)) == len(names)


async def test_every_problem_described_has_a_page(gateway: Gateway, api: Any) -> None:
    (problem,) = (
        p for p in api["paths"]["/problems/{name}"]["get"]["parameters"] if p["in"] == "path"
    )
    for name in problem["schema"]["enum"]:
        assert (await gateway.ask(f"/problems/{name}")).status == 200


@pytest.mark.parametrize("sku", ["A-100", "few", "cable", "gone", "later", "soon", "coming", "X"])
async def test_what_is_known_is_answered_as_described(gateway: Gateway, api: Any, sku: str) -> None:
    schema = schemathesis.openapi.from_dict(api)
    circumstances = {"quantity": 2, "pickup": "true"}
    one = schema["/v1/stock/{sku}"]["GET"].Case(path_parameters={"sku": sku}, query=circumstances)
    many = schema["/v1/stock"]["GET"].Case(query={"sku": [sku, "X"], **circumstances})
    for case, key in ((one, EXACT), (one, CHECKOUT), (many, EXACT)):
        await asyncio.to_thread(
            case.call_and_validate,
            base_url=gateway.url,
            headers={"Authorization": f"Bearer {key}"},
            excluded_checks=[positive_data_acceptance],
        )


@pytest.mark.parametrize("sku", ["A-100", "B-200", "unpriced", "X"])
async def test_prices_are_answered_as_described(gateway: Gateway, api: Any, sku: str) -> None:
    schema = schemathesis.openapi.from_dict(api)
    one, query = schema["/v1/prices"]["GET"], schema["/v1/prices/query"]["POST"]
    lines = [{"sku": sku, "quantity": 10}, {"sku": "X"}]
    body: Any = {"customer": "C-1", "explain": True, "lines": lines}
    media = "application/json"
    cases = [
        (one.Case(query={"sku": [sku], "quantity": [2.5]}), MINE),
        (one.Case(query={"sku": [sku], "customer": "C-1", "explain": "true"}), ALL),
        (one.Case(query={"sku": [sku, "X", sku], "customer": "C-1"}), ANY),
        (query.Case(body=body, media_type=media), ALL),
    ]
    at_places = [{"sku": sku, "quantity": 1, "location": place} for place in ("W1", "nowhere")]
    cart: Any = {"customer": "C-1", "confirm": "low", "deadline_ms": 300}
    cart["lines"] = [{"sku": sku, "quantity": 2}, *at_places]
    checkout = schema["/v1/checkout"]["POST"]
    cases += [(checkout.Case(body=cart, media_type=media), key) for key in (ALL, CHECKOUT)]
    for case, key in cases:
        await asyncio.to_thread(
            case.call_and_validate,
            base_url=gateway.url,
            headers={"Authorization": f"Bearer {key}"},
            excluded_checks=[positive_data_acceptance],
        )


async def test_reservations_are_answered_as_described(gateway: Gateway, api: Any) -> None:
    schema = schemathesis.openapi.from_dict(api)
    media = "application/json"
    one = "/v1/reservations/{reservation}"

    async def call(case: Case[Any], key: str = ALL) -> Any:
        response = await asyncio.to_thread(
            case.call_and_validate,
            base_url=gateway.url,
            headers={"Authorization": f"Bearer {key}"},
            excluded_checks=[positive_data_acceptance],
        )
        return response.json()

    async def reserve(idempotency_key: str, body: Any, key: str = ALL) -> Any:
        headers = {"Idempotency-Key": idempotency_key}
        make = schema["/v1/reservations"]["POST"]
        return await call(make.Case(headers=headers, body=body, media_type=media), key)

    async def step(name: str, act: str, body: Any) -> Any:
        take = schema[f"{one}/{act}"]["POST"]
        path = {"reservation": name}
        if body is None:
            return await call(take.Case(path_parameters=path))
        return await call(take.Case(path_parameters=path, body=body, media_type=media))

    asked = line("A-100", 1)
    token = await price_token(gateway, asked, customer="C-1")
    priced = {"lines": [asked], "customer": "C-1", "price_token": token}
    first = (await reserve("1", priced))["reservation"]
    second = (await reserve("2", {"lines": [line("later", 2.5), asked]}, CHECKOUT))["reservation"]
    for key in (ALL, CHECKOUT):
        short = await reserve("3", {"lines": [line("few", 4)]}, key)
        assert short["status"] == 409
    for unknown in ({"lines": [line("X", 1)]}, {"lines": [asked], "channel": "X"}):
        assert (await reserve(str(unknown), unknown))["status"] == 404
    assert (await reserve("1", {"lines": [asked]}))["status"] == 422
    for name, act, body in (
        (first, "extend", {"ttl_seconds": 3600}),
        (first, "cancel", None),
        (first, "confirm", {"order_ref": "O-1"}),
        (first, "release", None),
        (second, "release", None),
        (second, "confirm", {"order_ref": "O-1"}),
        ("r_x", "release", None),
    ):
        await step(name, act, body)
    acknowledge = schema["/v1/orders/{order_ref}/acknowledge"]["POST"]
    for status in ("accepted", "cancelled"):
        said: Any = {"status": status}
        case = acknowledge.Case(path_parameters={"order_ref": "O-1"}, body=said, media_type=media)
        assert len((await call(case))["reservations"]) == 1
    for name in (first, second, "r_x"):
        await call(schema[one]["GET"].Case(path_parameters={"reservation": name}))


async def test_who_may_ask_is_described(api: Any) -> None:
    def callers(path: str, method: str) -> list[list[str]]:
        return [list(one) for one in api["paths"][path][method]["security"]]

    schemes = api["components"]["securitySchemes"]
    assert schemes.keys() == {"apiKey", "customerToken"}
    assert callers("/v1/prices", "get") == [[], ["apiKey"], ["customerToken"]]
    assert callers("/v1/prices/query", "post") == [[], ["apiKey"], ["customerToken"]]
    assert callers("/v1/checkout", "post") == [["apiKey"]]
    for path, methods in api["paths"].items():
        if path.startswith(("/v1/reservations", "/v1/orders")):
            assert [callers(path, method) for method in methods] == [[["apiKey"]]]
    assert "security" not in api["paths"]["/readyz"]["get"]
    told = {tag["name"] for tag in api["tags"]}
    used = {
        tag for methods in api["paths"].values() for op in methods.values() for tag in op["tags"]
    }
    assert used == told


async def test_answers_keep_to_the_description(gateway: Gateway, api: Any) -> None:
    """Whatever is sent, by the description or against it: no 500, and answers as described."""
    schema = schemathesis.openapi.from_dict(api)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        await asyncio.to_thread(_probe, found.ok(), gateway.url)


def _probe(operation: APIOperation[Any, Any, Any, Any], url: str) -> None:
    # The others take nothing that could be given wrongly.
    demanding = operation.path.startswith("/v1/")
    for mode in GenerationMode if demanding else [GenerationMode.POSITIVE]:

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=examples(50),
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def probe(case: Case[Any]) -> None:
            case.call_and_validate(
                base_url=url,
                headers={"Authorization": f"Bearer {ALL}"},
                # JSON Schema cannot say which characters an identifier may hold.
                excluded_checks=[positive_data_acceptance],
            )

        probe()
