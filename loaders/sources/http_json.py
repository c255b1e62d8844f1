"""The JSON of an ERP's answer, read exactly; where a value is broken, what can be read beside it.

NaN, or a byte of another encoding, in one row must not stop the feed. Such a value is replaced by
one of the `BROKEN`, which no field takes, so that the row that has it is rejected alone.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NoReturn

import msgspec

from loaders.sources.http_call import AnswerError

_MOST_DIGITS: Final = 40
_NATIVE_DIGITS: Final = 18
_NOT_FINITE: Final = re.compile(rb"[\[:,]\s*[-+]?(NaN|Inf(inity)?)\b", re.IGNORECASE)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

WRONG: Final = "mapping"
"""The one field of what stands for a value that cannot be had; it says why."""

_NO_NUMBER: Final = {WRONG: "NaN or Infinity is no number"}
_NO_TEXT: Final = {WRONG: "the text is not UTF-8"}
BROKEN: Final[tuple[Mapping[str, str], ...]] = (_NO_NUMBER, _NO_TEXT)


def decoded(body: bytes) -> tuple[object, bool]:
    """The content, and whether all of it could be read.

    Raises:
        AnswerError: it is no JSON.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip():
        raise AnswerError("the answer is empty")
    try:
        return _decoder.decode(body), True
    except RecursionError:
        raise AnswerError("the answer is nested too deeply") from None
    except (UnicodeDecodeError, msgspec.DecodeError) as error:
        content = _what_can_be_read(body)
        if find_broken(content) is None:
            _refuse(body, error)
        return content, False


def find_broken(content: object) -> Mapping[str, str] | None:
    """The first of the `BROKEN` in there; None where all could be read."""
    if isinstance(content, dict):
        if any(content is broken for broken in BROKEN):
            return content
        return _first_broken(content.values())
    return _first_broken(content) if isinstance(content, list) else None


def figure(text: str) -> Decimal | str:
    """A number of a JSON text, exactly; one that is longer than any of ours as the text it is.

    Written out, such a one could fill the memory; as text it is rejected where it stands.
    """
    try:
        number = Decimal(text)
    except ArithmeticError:
        return text
    fits = len(number.as_tuple().digits) <= _MOST_DIGITS and abs(number.adjusted()) <= _MOST_DIGITS
    return number if fits else text


def _first_broken(contents: Iterable[object]) -> Mapping[str, str] | None:
    return next((found for one in contents if (found := find_broken(one)) is not None), None)


def _what_can_be_read(body: bytes) -> object:
    """The content with what is broken replaced; None where the whole is no JSON."""
    try:
        content = json.loads(
            body.decode(errors="surrogateescape"),
            parse_constant=lambda _: _NO_NUMBER,
            parse_float=figure,
            parse_int=lambda text: int(text) if len(text) <= _NATIVE_DIGITS else figure(text),
        )
        return _without_broken_text(content)
    except (ValueError, RecursionError):
        return None


def _without_broken_text(content: object) -> object:
    if isinstance(content, str):
        return _NO_TEXT if _SURROGATE.search(content) else content
    if isinstance(content, list):
        return [_without_broken_text(entry) for entry in content]
    if isinstance(content, dict) and content is not _NO_NUMBER:
        return {_name(name): _without_broken_text(value) for name, value in content.items()}
    return content


def _name(name: str) -> str:
    return _SURROGATE.sub("\ufffd", name)


def _refuse(body: bytes, error: Exception) -> NoReturn:
    if isinstance(error, UnicodeDecodeError):
        raise AnswerError("the answer is not UTF-8") from None
    if _NOT_FINITE.search(body):
        raise AnswerError("the answer holds NaN or Infinity, which is not JSON") from None
    raise AnswerError(f"the answer is not JSON ({error})") from None


_decoder: Final = msgspec.json.Decoder(float_hook=figure)
