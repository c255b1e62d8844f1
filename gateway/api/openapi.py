"""The OpenAPI 3.1 document, generated: types from `shapes`, operations from the routes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import Any, Final

import msgspec

from gateway.api import problems
from gateway.api.price_shapes import PriceItem, UnpricedItem
from gateway.api.problem_kinds import KINDS, Kind
from gateway.api.reservation_shapes import InsufficientProblem
from gateway.api.routes import JSON, Answer, Body, Operation, Parameter, Route, Who
from gateway.api.shapes import Problem, StockItem, UnknownItem

_REF: Final = "#/components/schemas/{name}"
# What others refer to by name alone.
_ALWAYS: Final = (
    *(Problem, InsufficientProblem),
    *(StockItem, UnknownItem, PriceItem, UnpricedItem),
)
_SECURITY: Final[Mapping[Who, Mapping[str, Sequence[str]]]] = {
    "anyone": {},
    "key": {"apiKey": []},
    "customer": {"customerToken": []},
}
_SCHEMES: Final = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key. Its scopes: `stock:exact` adds exact figures, `prices:any` "
        "opens every customer's prices, `explain` why any answer is what it is, `checkout` the "
        "checkout and reservations, `ops` the state of everything and the journal.",
    },
    "customerToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A customer's token, with the claim `customer`: opens that customer's "
        "prices, and no other's.",
    },
}

_DESCRIPTION: Final = (
    "Checkout-time stock and customer prices, answered from a store that is kept warm from the "
    "ERP. Figures are told as spans; how old they are is always said."
)
_TAGS: Final = (
    {"name": "stock", "description": "Whether it is there, roughly how many, and when it comes."},
    {"name": "prices", "description": "What it costs this buyer, at any quantity, and why."},
    {"name": "checkout", "description": "A whole cart: stock, prices, rules and totals."},
    {"name": "reservations", "description": "Units that are a customer's while they pay."},
    {"name": "explaining", "description": "Why an answer is what it is."},
    {"name": "operating", "description": "Whether the gateway is alive, ready and well."},
    {"name": "describing", "description": "This description, for machines and for people."},
)
_HEADERS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "ETag": (
        "A weak validator over everything but `as_of`.",
        {"type": "string", "examples": ['W/"9f2c6e1d0b7a4c35"']},
    ),
    "Cache-Control": ("How long the answer may be kept, and by whom.", {"type": "string"}),
    "Age": (
        "Whole seconds since `as_of`, rounded up; of many items, the oldest one's.",
        {"type": "integer", "minimum": 0},
    ),
    "Cache-Status": (
        "`hit` or `fwd=miss`; past its freshness, by how long (`ttl`) and why (`detail`).",
        {"type": "string", "examples": ["stockspan; hit", "stockspan; hit; ttl=-412"]},
    ),
    "Vary": ("The request headers on which the answer depends.", {"type": "string"}),
    "Retry-After": ("Seconds after which asking again makes sense.", {"type": "integer"}),
    "WWW-Authenticate": ("How to authenticate.", {"type": "string"}),
}


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole document, as JSON-ready values."""
    described = [(route, route.operation) for route in routes if route.operation is not None]
    operations = [operation for _, operation in described]
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route, operation in described:
        paths[route.path][route.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stockspan",
            "version": _version(),
            "summary": "Stock as spans, and customer prices, at checkout time",
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": list(_TAGS),
        "paths": dict(paths),
        "components": {
            "schemas": _schemas(operations),
            "headers": {
                name: {"description": text, "schema": schema}
                for name, (text, schema) in _HEADERS.items()
            },
            "securitySchemes": dict(_SCHEMES),
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(status): _answer(answer) for status, answer in operation.answers.items()
    }
    responses.update(_problems(operation.problems))
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "responses": responses,
    }
    if operation.description:
        described["description"] = operation.description
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.body, JSON)}
    if operation.callers:
        # Any one of these.
        described["security"] = [_SECURITY[caller] for caller in operation.callers]
    return described


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        described["headers"] = _header_refs(answer.headers)
    if answer.body is not None:
        described["content"] = _content(answer.body, answer.media)
    return described


def _problems(names: Sequence[str]) -> dict[str, Any]:
    by_status: dict[int, list[Kind]] = defaultdict(list)
    for name in names:
        by_status[KINDS[name].status].append(KINDS[name])
    return {str(status): _problem(kinds) for status, kinds in sorted(by_status.items())}


def _problem(kinds: Sequence[Kind]) -> dict[str, Any]:
    headers = []
    if any(kind.retry_after is not None for kind in kinds):
        headers.append("Retry-After")
    if any(kind.name == "unauthorized" for kind in kinds):
        headers.append("WWW-Authenticate")
    return {
        "description": " ".join(f"`{kind.type}`: {kind.meaning}" for kind in kinds),
        "headers": _header_refs(headers),
        "content": _content(Problem, problems.MEDIA),
    }


def _header_refs(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _content(body: Body, media: str) -> dict[str, Any]:
    schemas = [_schema(type_) for type_ in _types(body)]
    return {media: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}}


def _schema(type_: type) -> dict[str, Any]:
    if issubclass(type_, msgspec.Struct):
        return {"$ref": _REF.format(name=type_.__name__)}
    return {"type": "string"} if type_ is str else {}


def _types(body: Body | None) -> tuple[type, ...]:
    if body is None:
        return ()
    return body if isinstance(body, tuple) else (body,)


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    used: dict[str, type] = {type_.__name__: type_ for type_ in _ALWAYS}
    for operation in operations:
        bodies = [operation.body, *(answer.body for answer in operation.answers.values())]
        for type_ in chain.from_iterable(map(_types, bodies)):
            if issubclass(type_, msgspec.Struct):
                used[type_.__name__] = type_
    _, schemas = msgspec.json.schema_components(used.values(), ref_template=_REF)
    return schemas


def _version() -> str:
    try:
        return version("stockspan")
    except PackageNotFoundError:
        # Run from a checkout that was never installed.
        return "0"
