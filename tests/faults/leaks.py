"""Looks for secrets in what a call leaves behind."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import BuiltinFunctionType, FrameType, FunctionType, MethodType, ModuleType, TracebackType
from typing import Any

# What leads to code or to the whole process, and not to what an object holds.
_NOT_DATA = (type, ModuleType, FunctionType, BuiltinFunctionType, FrameType, TracebackType, logging.Logger)


@contextmanager
def everything_logged() -> Iterator[list[logging.LogRecord]]:
    """Switch every logger of every library to DEBUG, and yield the list that the records go to."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[assignment, method-assign]
    root = logging.getLogger()
    known = [logger for logger in root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    before = [(logger, logger.level, logger.disabled, logger.propagate) for logger in [root, *known]]
    for logger, *_ in before:
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
        logger.propagate = True
    root.addHandler(handler)
    try:
        yield records
    finally:
        root.removeHandler(handler)
        for logger, level, disabled, propagate in before:
            logger.setLevel(level)
            logger.disabled = disabled
            logger.propagate = propagate


def find_in_records(records: Iterable[logging.LogRecord], secrets: Iterable[str]) -> list[str]:
    """Return where secrets stand in what was logged."""
    formatter = logging.Formatter("%(name)s %(message)s")
    found = []
    for record in records:
        shown = formatter.format(record)
        found += [f"a record of {record.name}: {shown}" for secret in secrets if secret in shown]
        found += find_in_object(vars(record), secrets, f"a record of {record.name}")
    return found


def find_in_error(error: BaseException, secrets: Iterable[str]) -> list[str]:
    """Return where secrets stand in an error: in its texts, its traceback, its pickle, and all that hangs on it."""
    texts = {
        "str": str(error),
        "repr": repr(error),
        "traceback": "".join(traceback.format_exception(error)),
        "pickle": pickle.dumps(error).decode("latin-1"),
    }
    found = [f"{name} of {type(error).__name__}" for name, text in texts.items() for one in secrets if one in text]
    return found + find_in_object(error, secrets, type(error).__name__)


def find_in_object(value: object, secrets: Iterable[str], where: str) -> list[str]:
    """Return where secrets stand in an object, its attributes, its items and theirs, however deep."""
    wanted = [(secret, secret.encode()) for secret in secrets]
    found = []
    seen: set[int] = set()
    # The objects stay referenced, so that no id is used twice.
    waiting: list[tuple[str, object]] = [(where, value)]
    kept = []
    while waiting:
        path, one = waiting.pop()
        if id(one) in seen or isinstance(one, _NOT_DATA):
            continue
        seen.add(id(one))
        kept.append(one)
        if isinstance(one, str):
            found += [path for text, _ in wanted if text in one]
        elif isinstance(one, bytes | bytearray | memoryview):
            found += [path for _, raw in wanted if raw in bytes(one)]
        else:
            waiting += [(f"{path}{step}", inner) for step, inner in _inside(one)]
    return found


def _inside(one: object) -> Iterator[tuple[str, Any]]:
    if isinstance(one, BaseException):
        for name in ("args", "__cause__", "__context__", "__notes__"):
            yield f".{name}", getattr(one, name, None)
    if isinstance(one, Mapping):
        for key, value in one.items():
            yield "[a key]", key
            yield f"[{key!r}]", value
    elif isinstance(one, list | tuple | set | frozenset):
        for index, value in enumerate(one):
            yield f"[{index}]", value
    elif isinstance(one, partial):
        yield ".args", (one.func, one.args, one.keywords)
    elif isinstance(one, MethodType):
        yield ".__self__", one.__self__
    yield from ((f".{name}", value) for name, value in getattr(one, "__dict__", {}).items())
    for kind in type(one).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(one, name):
                yield f".{name}", getattr(one, name)
