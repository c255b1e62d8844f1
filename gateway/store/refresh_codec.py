"""Refresh requests and what came of them, as they go over the wire: JSON, since both are short."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from gateway.domain.confirmations import Unconfirmed
from gateway.domain.identifiers import is_identifier
from gateway.store.entries import MOMENTS

MOST_SKUS: Final = 1_000
"""So many SKUs are asked for in one request, and of an ERP in one call."""

LONGEST_MS: Final = 10_000
"""So long may anybody wait."""

_LARGEST: Final = 1 << 20
_BROKEN: Final = (msgspec.DecodeError, UnicodeError, RecursionError)

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class RefreshRequest(msgspec.Struct, frozen=True):
    """These SKUs are to be read from the ERP, from now on, within so many milliseconds.

    `callers` wait for it.
    """

    request: _Name
    skus: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MOST_SKUS)]
    within_ms: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_MS)]
    callers: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1


class Refreshed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one feed has to say to these requests, one of `feeds` that were asked.

    `read`: the locations at which each SKU was read, as of `as_of_ms`, and is held by now.
    `refused`: the SKUs of which something is missing.
    """

    requests: tuple[_Name, ...]
    feeds: Annotated[int, msgspec.Meta(ge=1, le=255)] = 1
    as_of_ms: int = 0
    read: Mapping[str, tuple[str, ...]] = {}
    refused: Mapping[str, Unconfirmed] = {}


_encode: Final = msgspec.json.Encoder().encode
_request: Final = msgspec.json.Decoder(RefreshRequest).decode
_refreshed: Final = msgspec.json.Decoder(Refreshed).decode


def encode_request(request: RefreshRequest) -> bytes:
    """The message for the channel of requests."""
    return _encode(request)


def decode_request(message: bytes) -> RefreshRequest | None:
    """What a message asks for; None for one that is not ours (the channel is open to all)."""
    try:
        request = _request(message) if len(message) <= _LARGEST else None
    except _BROKEN:
        return None
    if request is None or not all(map(is_identifier, request.skus)):
        return None
    return request


def refreshed_text(refreshed: Refreshed) -> str:
    """What came of requests, as the name of a `Change`."""
    return _encode(refreshed).decode()


def read_refreshed(text: str) -> Refreshed | None:
    """What the name of a `Change` says came of requests; None where it says nothing of ours."""
    try:
        refreshed = _refreshed(text)
    except _BROKEN:
        return None
    return refreshed if refreshed.as_of_ms in MOMENTS else None
