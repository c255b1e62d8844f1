"""Reading a JSON body: bounded, typed, and every mistake told where it is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.api.fields import refuse

LARGEST: Final = 256 * 1024
"""Bytes of a body, after decompression."""

_PATIENCE: Final = 10.0
"""Seconds in which a body must have arrived."""

_AT: Final = re.compile(r"(?P<reason>.*) - at `\$\.?(?P<field>.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"missing required field `(?P<field>[^`]+)`")

T = TypeVar("T")


class _RepeatedFieldError(ValueError):
    """An object names the same field twice: which of the two is meant?"""


async def read_json(
    request: web.Request,
    decoder: msgspec.json.Decoder[T],
    texts_of: Callable[[T], int] | None = None,
) -> T:
    """The body as the decoder's type.

    `texts_of` says how many texts of the body what was decoded is made of, names of fields
    included; never more than are there. It saves long bodies a second look.

    Raises:
        InvalidRequestError: it is no JSON, not of that type, or did not arrive.
        HTTPRequestEntityTooLarge: it has more than `LARGEST` bytes.
    """
    if request.content_type != "application/json":
        refuse("content-type", "must be application/json", request.content_type)
    if request.content_length is not None and request.content_length > LARGEST:
        raise web.HTTPRequestEntityTooLarge(LARGEST, request.content_length)
    return decode(await _read(request), decoder, texts_of)


async def _read(request: web.Request) -> bytes:
    try:
        if request.content.is_eof():
            # All of it came with the head: there is nothing to wait for.
            return await request.read()
        async with asyncio.timeout(_PATIENCE):
            return await request.read()
    except TimeoutError:
        refuse("body", f"did not arrive within {_PATIENCE:.0f} seconds")
    except (web.RequestPayloadError, HttpProcessingError, ConnectionError):
        refuse("body", "is cut off, or not encoded as its headers say")


def decode(
    body: bytes,
    decoder: msgspec.json.Decoder[T],
    texts_of: Callable[[T], int] | None = None,
) -> T:
    """The same of a body that was read.

    Raises:
        InvalidRequestError: it is no JSON, not of that type, or names a field of an object twice.
    """
    try:
        decoded = decoder.decode(body)
        if texts_of is None or not _is_made_of(body, texts_of(decoded)):
            _once.decode(body.decode())
    except msgspec.ValidationError as error:
        field, reason = _explained(str(error))
        refuse(field, reason)
    except _RepeatedFieldError as error:
        refuse(str(error), "must be given once")
    except RecursionError:
        refuse("body", "is nested too deeply")
    except UnicodeDecodeError:
        refuse("body", "is not UTF-8")
    except msgspec.DecodeError as error:
        refuse("body", f"is not JSON: {error}")
    return decoded


def _is_made_of(body: bytes, texts: int) -> bool:
    """Whether a body that is JSON consists of so many texts.

    Each text has two quotes, and more where it holds some. If what was decoded accounts for every
    quote, none is left for the name of a field that was given before, or of one unknown.
    """
    return body.count(b'"') == 2 * texts


def _explained(message: str) -> tuple[str, str]:
    """The field that a message of msgspec is about, and the reason in our words."""
    missing = _MISSING.search(message)
    if missing is not None:
        return missing["field"], "is missing"
    at = _AT.fullmatch(message)
    reason = message if at is None else at["reason"]
    field = "" if at is None else at["field"]
    return field or "body", reason[0].lower() + reason[1:].replace("`", "")


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedFieldError(next(name for name in names if names.count(name) > 1))
    return fields


# msgspec takes the last of two fields of one name without a word; the standard library shows both.
# Numbers stay text there: Python refuses to make an integer of thousands of digits.
_once = json.JSONDecoder(object_pairs_hook=_named_once, parse_int=str, parse_float=str)
