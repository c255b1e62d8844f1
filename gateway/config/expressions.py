"""JMESPath, in which a feed from HTTP says where its fields are: the only code that knows jmespath.

Figures stay exact: the library knows floats alone, so its functions are taught decimals, and the
decimals in an expression are made exact when it is compiled. Two functions are added, for what
ERPs say and JMESPath cannot turn into a record:

    in_zone(time, 'Europe/Stockholm')   a time without offset, as it is meant there, with its offset
    multiply(number, number)            a rate of 25 as 0.25, hundredths as a price
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jmespath
from jmespath.exceptions import (
    EmptyExpressionError,
    IncompleteExpressionError,
    JMESPathError,
    JMESPathTypeError,
    LexerError,
    ParseError,
)
from jmespath.functions import Functions, signature
from jmespath.visitor import Options, TreeInterpreter

_DECIMAL: Final = "Decimal"
_NUMBER: Final = "number"
# The library tells some values by Python's words.
_WORDS: Final = {
    "NoneType": "null",
    "bool": "boolean",
    "str": "string",
    "list": "array",
    "dict": "object",
    **dict.fromkeys(("int", "float", _DECIMAL), _NUMBER),
}
_LONGEST: Final = 2000
_MOST_DIGITS: Final = 300
"""So long a product of two figures may be written out; nothing that is sold is."""


class ExpressionError(ValueError):
    """An expression cannot be read, or finds no value in what it is held against."""


class Expression:
    """One expression, compiled."""

    def __init__(self, text: str) -> None:
        """Read the expression.

        Raises:
            ExpressionError: it is none, or calls a function that is not there.
        """
        self.text = text
        if len(text) > _LONGEST:
            raise ExpressionError(f"must be at most {_LONGEST} characters long")
        try:
            parsed: Mapping[str, Any] = jmespath.compile(text).parsed
        except JMESPathError as error:
            raise ExpressionError(f"is no JMESPath expression: {_place(error)}") from None
        except RecursionError:
            raise ExpressionError("is nested too deeply") from None
        for node in _nodes(parsed):
            if node["type"] == "function_expression":
                _require_function(node)
        self._parsed = _exact(parsed)

    def find(self, value: object) -> object:
        """What the expression finds in a JSON value; None for nothing.

        Raises:
            ExpressionError: a function was given what it does not take.
        """
        try:
            return _INTERPRETER.visit(self._parsed, value)
        except JMESPathTypeError as error:
            given = _WORDS.get(error.actual_type, error.actual_type)
            expected = " or ".join(error.expected_types)
            raise ExpressionError(
                f"{error.function_name}() was given {given}, and takes {expected}"
            ) from None
        except ExpressionError:
            raise
        except (JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            # The library compares and searches whatever it is given.
            raise ExpressionError(f"cannot be worked out ({type(error).__name__})") from None


def _place(error: JMESPathError) -> str:
    match error:
        case EmptyExpressionError():
            return "it is empty"
        case IncompleteExpressionError():
            return "it ends too early"
        case LexerError():
            return f"{error.message} at column {error.lexer_position + 1}"
        case ParseError():
            return f"{error.token_value!r} at column {error.lex_position + 1} is not expected"
        case _:
            return " ".join(str(error).split())


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("children", ()):
        if isinstance(child, dict):
            yield from _nodes(child)


def _require_function(node: Mapping[str, Any]) -> None:
    name, given = node["value"], len(node["children"])
    function = _ExactFunctions.FUNCTION_TABLE.get(name)
    if function is None:
        known = ", ".join(sorted(_ExactFunctions.FUNCTION_TABLE))
        raise ExpressionError(f"knows no function {name}(); there are: {known}")
    wanted = function["signature"]
    variadic = bool(wanted) and bool(wanted[-1].get("variadic"))
    if given < len(wanted) or (given > len(wanted) and not variadic):
        least = "at least " if variadic else ""
        raise ExpressionError(f"{name}() takes {least}{len(wanted)} arguments, not {given}")
    if name == "in_zone" and node["children"][1]["type"] == "literal":
        _zone(node["children"][1]["value"])


def _exact(value: Any) -> Any:
    """The same tree, with its decimals exact."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, list):
        return [_exact(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _exact(entry) for name, entry in value.items()}
    return value


@lru_cache(maxsize=64)
def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ExpressionError(f"knows no time zone {name!r}") from None


# What a subclass may change is not in the library's published types.
_LibraryFunctions: Any = Functions


class _ExactFunctions(_LibraryFunctions):  # type: ignore[misc] # for the reason above
    """The library's functions, for decimals too."""

    def _get_allowed_pytypes(self, types: Any) -> Any:
        allowed, inner = super()._get_allowed_pytypes(types)
        if "float" in allowed:
            allowed = [*allowed, _DECIMAL]
        return allowed, [(*names, _DECIMAL) if "float" in names else names for names in inner]

    def _convert_to_jmespath_type(self, pyobject: str) -> str:
        if pyobject == _DECIMAL:
            return _NUMBER
        return str(super()._convert_to_jmespath_type(pyobject))

    @signature({"types": []})
    def _func_type(self, arg: object) -> str:
        return _NUMBER if isinstance(arg, Decimal) else str(super()._func_type(arg))

    @signature({"types": []})
    def _func_to_string(self, arg: object) -> str:
        return str(arg) if isinstance(arg, Decimal) else str(super()._func_to_string(arg))

    @signature({"types": []})
    def _func_to_number(self, arg: object) -> object:
        if isinstance(arg, str):
            return _number(arg)
        return arg if isinstance(arg, Decimal) else super()._func_to_number(arg)

    @signature({"types": ["array-number"]})
    def _func_avg(self, arg: list[Decimal]) -> Decimal | None:
        return sum(map(Decimal, arg), Decimal(0)) / len(arg) if arg else None

    @signature({"types": ["number"]}, {"types": ["number"]})
    def _func_multiply(self, one: float | Decimal, other: float | Decimal) -> Decimal:
        return _decimal(one) * _decimal(other)

    @signature({"types": ["string", "null"]}, {"types": ["string"]})
    def _func_in_zone(self, time: str | None, zone: str) -> str | None:
        if not time:
            return None
        try:
            given = datetime.fromisoformat(time)
        except ValueError:
            raise ExpressionError(f"in_zone() was given {time[:40]!r}, which is no time") from None
        if given.tzinfo is None:
            given = given.replace(tzinfo=_zone(zone))
        return given.isoformat()


def _number(text: str) -> int | Decimal | None:
    try:
        number = Decimal(text.strip())
    except ArithmeticError:
        return None
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        return None
    return int(number) if number == number.to_integral_value() and "." not in text else number


def _decimal(number: float | Decimal) -> Decimal:
    if isinstance(number, float) and not math.isfinite(number):
        raise ExpressionError("cannot be worked out (not finite)")
    return number if isinstance(number, Decimal) else Decimal(str(number))


_INTERPRETER: Final = TreeInterpreter(options=Options(custom_functions=_ExactFunctions()))
