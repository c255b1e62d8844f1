"""How far a feed has been read, by a field of its rows: a time, a day or a whole number.

The texts are the ERP's own: a watermark goes back to it in the form in which it came.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

import msgspec

_NUMBER: Final = re.compile(r"-?\d{1,30}", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST: Final = 10**30
_FURTHEST_EAST: Final = timedelta(hours=14)
"""Without an offset the present is not known to the hour; nowhere is it later than this."""

Form = Literal["number", "day", "local time", "time"]


class Mark(msgspec.Struct, frozen=True):
    """One watermark: its text, and where it stands among others of the same form."""

    text: str
    form: Form
    number: int = 0
    time: datetime = _EPOCH

    def after(self, other: Mark) -> bool:
        return (self.number, self.time) > (other.number, other.time)

    def since(self, overlap: float) -> str:
        """What to ask from: for times so many seconds earlier, in the form in which it came."""
        if self.form == "number" or not overlap:
            return self.text
        try:
            return _written(self.time - timedelta(seconds=overlap), self)
        except OverflowError:
            return self.text

    def less(self, overlap: float) -> Mark:
        """The one that lies so many seconds earlier; the same for a number."""
        return read_mark(self.since(overlap)) or self

    def at_most(self, present: datetime) -> Mark:
        """This one, or the present where it lies in the future.

        A single row that is stamped in the future would hide every change until then.
        """
        if self.form == "number":
            return self
        latest = present if self.form == "time" else present + _FURTHEST_EAST
        if self.time <= latest:
            return self
        return Mark(_written(latest, self), self.form, time=latest)


def read_mark(value: object) -> Mark | None:
    """The watermark that a JSON value is; None where it can be none."""
    match value:
        case bool():
            return None
        case int():
            return _number(value)
        case Decimal():
            return _number(int(value)) if value == value.to_integral_value() else None
        case str() if _NUMBER.fullmatch(value.strip()):
            return _number(int(value))
        case str():
            return _read_time(value.strip())
        case _:
            return None


def mark_of(line: bytes, field: str) -> Mark | None:
    """The watermark of a row that is a line of JSON."""
    row = msgspec.json.decode(line)
    return read_mark(row.get(field)) if isinstance(row, dict) else None


def mark_in(watermark: str | None) -> Mark | None:
    """How far a feed has been read: its watermark is a mark, or remembers one with other things."""
    if watermark is None:
        return None
    return mark_of(watermark.encode(), "mark") if watermark[:1] == "{" else read_mark(watermark)


def _number(number: int) -> Mark | None:
    return Mark(str(number), "number", number) if abs(number) < _LARGEST else None


def _read_time(text: str) -> Mark | None:
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return Mark(text, "time", time=time.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
    form: Form = "day" if _DAY.fullmatch(text) else "local time"
    return Mark(text, form, time=time.replace(tzinfo=UTC))


class Marks:
    """The greatest watermark of some rows."""

    def __init__(self, so_far: Mark | None = None) -> None:
        self.greatest = so_far

    def see(self, value: object, present: datetime) -> None:
        """Take another one into account; what can be none, or has another form, is passed over."""
        mark = read_mark(value)
        if mark is None:
            return
        mark = mark.at_most(present)
        held = self.greatest
        if held is None or (mark.form == held.form and mark.after(held)):
            self.greatest = mark


def _written(time: datetime, like: Mark) -> str:
    if like.form == "day":
        return time.date().isoformat()
    separator = " " if " " in like.text else "T"
    text = time.isoformat(separator).removesuffix("+00:00")
    return text + "Z" if like.form == "time" else text
