"""JSON as the agent reads and writes it."""

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 100


def parse(data: bytes) -> Any:
    """Return the value of a JSON text.

    Stricter than `json.loads`: UTF-8 alone, no NaN or infinity, no half of a surrogate pair, and at most `MAX_DEPTH`
    levels of nesting, so that whatever is let in can be stored and sent on.

    Raises:
        ValueError: If it is no such text; the message says why.
    """
    try:
        value = json.loads(data.decode(), parse_constant=_refuse, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: {error.reason} at byte {error.start}") from None
    except UnicodeEncodeError:
        raise ValueError("a string holds half a surrogate pair, which is no character") from None
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from None
    if _depth(value) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    return value


def render(value: object) -> bytes:
    """Return the JSON text of a value, in UTF-8.

    Half a surrogate pair, which an error may have to quote, is written as the escape that it came as.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _depth(value: object) -> int:
    depth = 0
    level = [value]
    while level:
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        depth += any(isinstance(item, dict | list) for item in level)
        level = inner
    return depth
