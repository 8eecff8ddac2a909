"""Reads JSON objects as frozen dataclasses; what is missing or invalid is SespanInvalidResponse.

A field's type says what is read: `int` (a count), `Decimal` (a decimal string), `datetime`
(RFC 3339, aware), `str`, each also `| None`, another dataclass, `tuple[X, ...]` (a list) or
`dict[str, X]` (an object).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from django_sespan._internal.responses import FIRST_YEAR, LAST_YEAR, LONGEST_AMOUNT
from django_sespan.errors import SespanInvalidResponse

Record = TypeVar("Record")

RENAMED = {"since": "from", "until": "to"}
"""Field → its name in JSON, where that is no name in Python."""
LARGEST = 2**63 - 1
"""No counter of the database is larger."""
YEARS = range(min(FIRST_YEAR, 1969), LAST_YEAR + 1)
"""What a range may be asked for begins in 1970, in some time zone."""


def read(kind: type[Record], data: object, at: str = "answer") -> Record:
    """Read one object; `at` is where it stands, for the error."""
    if not isinstance(data, Mapping):
        raise SespanInvalidResponse(f"{at} is no object")
    declared: Any = kind
    values = {
        name: _value(hint, data.get(key), f"{at}.{key}") for name, key, hint in _declared(declared)
    }
    return kind(**values)


@cache
def _declared(kind: Any) -> list[tuple[str, str, Any]]:
    hints = get_type_hints(kind)
    return [(f.name, RENAMED.get(f.name, f.name), hints[f.name]) for f in fields(kind)]


def _value(hint: Any, value: object, at: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType and NoneType in arguments:
        return None if value is None else _value(arguments[0], value, at)
    if origin is tuple:
        if not isinstance(value, list):
            raise SespanInvalidResponse(f"{at} is no list")
        return tuple(_value(arguments[0], item, f"{at}[{n}]") for n, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise SespanInvalidResponse(f"{at} is no object")
        return {str(key): _value(arguments[1], item, f"{at}.{key}") for key, item in value.items()}
    record: Any = hint if is_dataclass(hint) else None
    return read(record, value, at) if record else _SCALARS[hint](value, at)


def _count(value: object, at: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        raise SespanInvalidResponse(f"{at} is no whole number")
    return value


def _decimal(value: object, at: str) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, str | int) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    # An exponent without bound is a short text that expands to a page of digits.
    if not number.is_finite() or abs(number.adjusted()) > LONGEST_AMOUNT:
        raise SespanInvalidResponse(f"{at} is no decimal number")
    return number


def _number(value: object, at: str) -> float:
    return float(_decimal(str(value) if isinstance(value, float) else value, at))


def _time(value: object, at: str) -> datetime:
    try:
        time = datetime.fromisoformat(_text(value, at))
    except ValueError:
        raise SespanInvalidResponse(f"{at} is no time") from None
    if time.tzinfo is None or time.year not in YEARS:
        raise SespanInvalidResponse(f"{at} is no time with a zone")
    return time


def _text(value: object, at: str) -> str:
    if not isinstance(value, str):
        raise SespanInvalidResponse(f"{at} is no text")
    return value


_SCALARS: dict[Any, Any] = {
    int: _count,
    Decimal: _decimal,
    float: _number,
    datetime: _time,
    str: _text,
}
