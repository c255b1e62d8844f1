"""A route and what is to be known of it, described once, beside its handler.

The application registers these, and the OpenAPI document is generated from them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import msgspec
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

JSON = "application/json"

Body = type | tuple[type, ...]
"""What is encoded: a type, or one of several."""

Who = Literal["anyone", "key", "customer"]
"""Nobody in particular, an API key, a customer with a token."""


class Parameter(msgspec.Struct, frozen=True):
    """Something a caller gives in the address or in a header; `schema` is JSON Schema."""

    name: str
    where: Literal["path", "query", "header"]
    description: str
    schema: Mapping[str, Any]
    required: bool = False


class Answer(msgspec.Struct, frozen=True):
    """One way in which an operation ends well, with what is sent, if anything."""

    description: str
    body: Body | None = None
    media: str = JSON
    headers: tuple[str, ...] = ()


class Operation(msgspec.Struct, frozen=True):
    """What is to be known of a route; `problems` are names under `/problems/`.

    Where `callers` is empty nobody is asked who they are.
    """

    name: str
    summary: str
    tag: str
    answers: Mapping[int, Answer]
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: type | None = None
    problems: tuple[str, ...] = ()
    callers: tuple[Who, ...] = ()


class Route(msgspec.Struct, frozen=True):
    """A method and a path (`/v1/stock/{sku}`), who handles it, and its description.

    A GET answers HEAD as well. Without an operation the route is left out of the description:
    it is plumbing (preflights), nothing that anyone calls.
    """

    method: str
    path: str
    handler: Handler
    operation: Operation | None = None
