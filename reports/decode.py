"""Strict JSON to frozen dataclasses: unknown keys, missing keys and wrong types are errors that name the key.

A field whose JSON key is a Python keyword carries a trailing underscore (`pass_` is the key "pass").
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, cast

T = TypeVar("T")

_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}


class DecodeError(ValueError):
    """A value that does not fit; the message starts with the path of its key."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}" if key else problem)


def decode(kind: type[T], value: object, key: str = "") -> T:
    """Read `value` as an instance of the dataclass `kind`."""
    return cast(T, _decode(kind, value, key))


def encode(instance: object) -> Any:
    """The JSON value that `decode` reads back; the reverse of it."""
    if dataclasses.is_dataclass(instance):
        return {f.name.rstrip("_"): encode(getattr(instance, f.name)) for f in dataclasses.fields(instance)}
    if isinstance(instance, Mapping):
        return {name: encode(item) for name, item in instance.items()}
    if isinstance(instance, tuple | list):
        return [encode(item) for item in instance]
    return instance


def _decode(kind: Any, value: object, key: str) -> object:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass(cast(type, kind), value, key)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _decode(_not_none(arguments), value, key)
    if origin is Literal:
        return _one_of(arguments, value, key)
    if origin is tuple:
        return tuple(_decode(arguments[0], item, f"{key}[{at}]") for at, item in enumerate(_list(value, key)))
    if origin is Mapping:
        return {name: _decode(arguments[1], item, f"{key}.{name}") for name, item in _object(value, key).items()}
    return _scalar(kind, value, key)


def _dataclass(kind: type, value: object, key: str) -> object:
    given = _object(value, key)
    hints = typing.get_type_hints(kind)
    names = {f.name.rstrip("_"): f.name for f in dataclasses.fields(kind)}
    prefix = f"{key}." if key else ""
    for unknown in sorted(given.keys() - names.keys()):
        raise DecodeError(prefix + unknown, f"unknown key; known are {', '.join(names)}")
    for missing in (name for name in names if name not in given):
        raise DecodeError(prefix + missing, "missing")
    arguments = {name: _decode(hints[name], given[json_key], prefix + json_key) for json_key, name in names.items()}
    try:
        return kind(**arguments)
    except DecodeError as error:
        raise DecodeError(key, str(error)) from None


def _not_none(arguments: tuple[Any, ...]) -> Any:
    (kind,) = (argument for argument in arguments if argument is not type(None))
    return kind


def _one_of(allowed: tuple[object, ...], value: object, key: str) -> object:
    if value not in allowed:
        raise DecodeError(key, f"{value!r} is not one of {', '.join(map(str, allowed))}")
    return value


def _object(value: object, key: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise DecodeError(key, f"expected an object, got {value!r:.80}")
    return cast(dict[str, object], value)


def _list(value: object, key: str) -> list[object]:
    if not isinstance(value, list):
        raise DecodeError(key, f"expected a list, got {value!r:.80}")
    return cast(list[object], value)


def _scalar(kind: type, value: object, key: str) -> object:
    fits = type(value) is kind or (kind is float and type(value) is int)
    if not fits:
        raise DecodeError(key, f"expected {_NAMES[kind]}, got {value!r:.80}")
    if isinstance(value, float) and not math.isfinite(value):
        raise DecodeError(key, f"{value} is not a finite number")
    return value
