"""What callers may pass: each function returns its argument fit to be sent, or raises an error that names it.

`ValueError` is for a value that cannot be right, `TypeError` for a type. Values of environment variables never stand in
an error's text, since they are often secrets.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

_LONGEST_ID = 1_000
_LONGEST_QUERY = 50_000

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_repr = _short.repr


def docker_id(name: str, value: object) -> str:
    """Return a Docker container id: text that can be one segment of a path."""
    text = non_empty_text(name, value, "a Docker container id")
    if text in {".", ".."}:
        raise ValueError(f"{name} must be a Docker container id, not {text!r}, which names another path")
    if len(text) > _LONGEST_ID:
        raise ValueError(f"{name} must be a Docker container id, not a text of {len(text):,} characters")
    return text


def record_id(name: str, value: object) -> int:
    """Return a record's number: an `int` of at least 1."""
    return whole_number(name, value, least=1, what=" (the number of a record)")


def whole_number(name: str, value: object, *, least: int, what: str = "") -> int:
    """Return an `int` that is not too small. A bool is none."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int{what}, not {_came(value)}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {_repr(value)}")
    return value


def seconds(name: str, value: object) -> float:
    """Return a time in seconds that is above 0 and not endless."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name} must be a number of seconds above 0 and not endless, not {value}")
    return float(value)


def non_empty_text(name: str, value: object, what: str) -> str:
    """Return a string that holds more than white space."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string ({what}), not {_came(value)}")
    if not value.strip():
        raise ValueError(f"{name} must be {what}, not {'white space' if value else 'the empty string'} {value!r}")
    _check_text(name, value)
    return value


def json_object(name: str, value: object) -> dict[str, Any]:
    """Return a dictionary that JSON can hold as it is: string keys, no NaN, no infinity, no object of another kind."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dictionary, not {_came(value)}")
    copy = dict(value)
    try:
        _check_json(name, copy)
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply for JSON, or contains itself") from None
    return copy


def string_map(name: str, value: object) -> dict[str, str]:
    """Return a dictionary of strings by string. The values are not shown in errors."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dictionary of strings, not {_came(value)}")
    for key, text in value.items():
        if not isinstance(key, str):
            raise TypeError(f"{name} must have strings as keys, not {_came(key)}")
        where = f"{name}[{_repr(key)}]"
        if not isinstance(text, str):
            raise TypeError(f"{where} must be a string, not of type {type(text).__name__}")
        _check_text(where, text, show=False)
        _check_text(f"a key of {name}", key)
    return dict(value)


def string_list(name: str, value: object) -> list[str]:
    """Return a list of strings. A single string is refused, since it would be taken for its letters."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"{name} must be a list of strings, not {_came(value)}")
    for index, text in enumerate(value):
        if not isinstance(text, str):
            raise TypeError(f"{name}[{index}] must be a string, not {_came(text)}")
        _check_text(f"{name}[{index}]", text)
    return list(value)


def query(name: str, value: object) -> dict[str, Any]:
    """Return filters that a query can hold: text, numbers and booleans, or lists of them. None leaves a filter out."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dictionary of filters, not {_came(value)}")
    for key, given in value.items():
        if not isinstance(key, str):
            raise TypeError(f"{name} must have strings as keys, not {_came(key)}")
        _check_text(f"a key of {name}", key)
        values: Sequence[object] = given if isinstance(given, list | tuple) else [given]
        for one in values:
            where = f"{name}[{_repr(key)}]"
            if one is not None and not isinstance(one, str | int | float):
                raise TypeError(f"{where} must be a string, a number, a bool or a list of them, not {_came(one)}")
            if isinstance(one, str):
                _check_text(where, one)
    filters = {key: given for key, given in value.items() if given is not None}
    length = len(urlencode(filters, doseq=True))
    if length > _LONGEST_QUERY:
        raise ValueError(f"{name} must fit into a URL: it makes a query of {length:,} characters")
    return filters


def _check_json(where: str, value: object) -> None:
    if value is None or isinstance(value, bool | int):
        return
    if isinstance(value, str):
        _check_text(where, value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}, which JSON cannot hold")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_json(f"{where}[{index}]", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{where} must have strings as keys, not {_came(key)}")
            _check_text(f"a key of {where}", key)
            _check_json(f"{where}[{_repr(key)}]", item)
    else:
        raise TypeError(f"{where} is of type {type(value).__name__}, which JSON cannot hold")


def _check_text(where: str, text: str, *, show: bool = True) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = f": {_repr(text)}" if show else ""
        raise ValueError(f"{where} has a lone surrogate, which UTF-8 cannot hold{shown}") from None


def _came(value: object) -> str:
    return "None" if value is None else f"{type(value).__name__} {_repr(value)}"
