"""Answers that are given again: what an idempotency key has been answered with (CONTRACT 6)."""

from __future__ import annotations

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """What `caller`, the name of an API key, was answered under its idempotency key.

    `body_sha` is the SHA-256 of what was asked: the same key with another body is a mistake.
    `status` and `body` go out again as they are.
    """

    caller: str
    key: str
    body_sha: bytes
    status: int
    body: bytes
