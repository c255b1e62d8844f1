from __future__ import annotations

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.gateway_server import CHECKOUT, EXACT, Gateway


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


async def test_answers_keep_to_the_description(gateway: Gateway, api: Any) -> None:
    """Whatever is sent, by the description or against it: no 500, and answers as described."""
    schema = schemathesis.openapi.from_dict(api)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        await asyncio.to_thread(_probe, found.ok(), gateway.url)


def _probe(operation: APIOperation[Any, Any, Any, Any], url: str) -> None:
    # The others take nothing that could be given wrongly.
    demanding = "stock" in (operation.tags or ())
    for mode in GenerationMode if demanding else [GenerationMode.POSITIVE]:

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=25,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def probe(case: Case[Any]) -> None:
            case.call_and_validate(
                base_url=url,
                headers={"Authorization": f"Bearer {EXACT}"},
                # JSON Schema cannot say which characters an identifier may hold.
                excluded_checks=[positive_data_acceptance],
            )

        probe()
