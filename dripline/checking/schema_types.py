"""Annotations as JSON Schema."""

from __future__ import annotations

import types
import typing
from collections import abc
from datetime import timedelta
from enum import Enum
from typing import Any, Literal, Union

from dripline.checking.arguments import MISSING, Argument
from dripline.checking.value_types import UNKNOWN, fits

Schema = dict[str, Any]

# A text that comes from the environment may stand everywhere: who reads it makes of it what it needs.
_FROM_ENVIRONMENT = r"ENV\{[^{}]*\}"
# Words that are true or false here, and texts for editors that follow YAML 1.2.
_BOOLEAN = rf"^([Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF)$|{_FROM_ENVIRONMENT}"

_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)
_SEQUENCES = (abc.Sequence, abc.Iterable, abc.Collection)
_OTHER_LISTS = (list, tuple, set, frozenset)


def _type(*names: str, pattern: str = _FROM_ENVIRONMENT, **more: Any) -> Schema:
    return {"type": [*names, "string"], "pattern": pattern, **more}


_TYPES: dict[Any, Schema] = {
    bool: _type("boolean", "integer", pattern=_BOOLEAN, minimum=0, maximum=1),
    int: _type("integer"),
    float: _type("number"),
    str: {"type": "string"},
    timedelta: _type("number", "object"),
    type(None): {"type": "null"},
    None: {"type": "null"},
    **{kind: _type("array") for kind in _OTHER_LISTS},
    **{kind: {"type": ["array", "string"]} for kind in _SEQUENCES},
    **{kind: _type("object") for kind in _MAPPINGS},
}
_LISTS = (list, set, frozenset, *_SEQUENCES)


def argument_schema(argument: Argument) -> Schema:
    """An argument of a class: type, default and description.

    Args:
        argument: with what is known about it.
    """
    schema: Schema = {}
    if argument.annotation is not MISSING and not argument.is_read_elsewhere:
        schema = type_schema(argument.annotation)
        if argument.default is None and schema and not fits(argument.annotation, None):
            schema = {"anyOf": [schema, {"type": "null"}]}
    described = dict(schema)
    if argument.doc:
        described["description"] = argument.doc
    default = list(argument.default) if isinstance(argument.default, tuple) else argument.default
    if argument.default is not MISSING and is_json(default):
        described["default"] = default
    return described


def type_schema(annotation: Any) -> Schema:
    """A type; what is not understood may be anything.

    Args:
        annotation: as `typing.get_type_hints` gives it.
    """
    if isinstance(annotation, typing.NewType):
        return type_schema(annotation.__supertype__)
    if hasattr(annotation, "__value__"):  # an alias made with the type statement
        return type_schema(annotation.__value__)
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_schema(inner[0])
    if origin in (Union, types.UnionType):
        return _any_of(inner)
    if origin is Literal:
        return _choice(inner)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _choice([*annotation.__members__, *(member.value for member in annotation)])
    if typing.is_typeddict(annotation):
        hints = typing.get_type_hints(annotation)
        return _type("object", properties={key: type_schema(kind) for key, kind in hints.items()})
    plain = dict(_TYPES.get(origin or annotation, {}))
    if plain and origin in _LISTS and inner:
        plain["items"] = type_schema(inner[0])
    elif plain and origin in _MAPPINGS and len(inner) == 2:
        plain["additionalProperties"] = type_schema(inner[1])
    return plain


def _any_of(members: tuple[Any, ...]) -> Schema:
    schemas = [type_schema(member) for member in members]
    if not all(schemas):
        return {}
    distinct = [schema for number, schema in enumerate(schemas) if schema not in schemas[:number]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _choice(values: typing.Iterable[Any]) -> Schema:
    plain = [value for value in dict.fromkeys(values) if is_json(value)]
    return {"anyOf": [{"enum": plain}, {"type": "string", "pattern": _FROM_ENVIRONMENT}]} if plain else {}


def is_json(value: Any) -> bool:
    """Whether a value can stand in JSON as it is."""
    if value is UNKNOWN or isinstance(value, (tuple, Enum)):
        return False
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")
    if isinstance(value, list):
        return all(map(is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_json(item) for key, item in value.items())
    return value is None or isinstance(value, (bool, int, str))
