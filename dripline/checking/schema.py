"""JSON Schema (draft 2020-12) of configurations with all installed classes, for editors."""

from __future__ import annotations

import logging
import typing
from collections import abc
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import Enum
from typing import Any, Literal

from dripline.checking.argument_values import required_by_checks
from dripline.checking.arguments import (
    MISSING,
    Argument,
    accepted_arguments,
    arguments_of,
    attribute_docs,
    summary,
)
from dripline.checking.value_types import UNKNOWN, fits
from dripline.config.authentication import SECRET_KEYS
from dripline.config.mesh import MeshSettings
from dripline.config.quoted import members
from dripline.core.endpoint import Endpoint
from dripline.core.entity import Entity
from dripline.discovery.class_finder import ClassFinder, class_finder
from dripline.discovery.validation import NoClass
from dripline.errors import ConfigurationError

logger = logging.getLogger("dripline.config")

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Keys that version 4 wrote, and those that services take and ignore.
_OLD = ("auth_file", "auths_file", "auth-file", "keys")


@dataclass(frozen=True)
class Known:
    """A class that a configuration may name.

    Attributes:
        cls: the class.
        names: what `module` may say for it, the shortest first.
    """

    cls: type
    names: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its name among the definitions."""
        return f"{self.cls.__module__}.{self.cls.__qualname__}"

    @property
    def is_service(self) -> bool:
        """Whether it can be the service of a file."""
        return callable(getattr(self.cls, "run", None))


def configuration_schema(finder: ClassFinder | None = None) -> Schema:
    """Make the schema of all installed classes; extensions that cannot be imported are left out."""
    known = list(known_classes(finder or class_finder()))
    services = [one for one in known if one.is_service]
    service = _by_module(services, "Service", is_service=True)
    return {
        "$schema": _DIALECT,
        "title": "A service of dripline",
        "description": "What dl serve and dl-serve run.",
        "if": {"required": ["runtime-config"]},
        "then": {"properties": {"runtime-config": {"$ref": "#/$defs/service", "deprecated": True}}},
        "else": {"$ref": "#/$defs/service"},
        "$defs": {
            "service": service,
            "endpoint": _by_module(known, "Endpoint", is_service=False),
            "mesh": _mesh(),
            "secret": _secret(),
            "extensions": _extensions(),
            **{f"service:{one.key}": _class(one, is_service=True) for one in services},
            **{f"endpoint:{one.key}": _class(one, is_service=False) for one in known},
        },
    }


def known_classes(finder: ClassFinder) -> Iterable[Known]:
    """Import every class that a configuration may name, and is an endpoint or a service."""
    names: dict[type, list[str]] = {}
    for name in sorted(finder.known_names()):
        try:
            found = finder.find(name)
        except NoClass:  # __all__ may name functions, constants and the version
            continue
        except ConfigurationError as error:
            logger.warning("%s is left out: %s", name, error)
            continue
        if issubclass(found, Endpoint):
            names.setdefault(found, []).append(name)
    for cls, short in names.items():
        package = cls.__module__.split(".")
        qualified = [f"{package[2]}.{name}" for name in short] if len(package) > 2 else []
        yield Known(cls, (*short, *qualified))


def _by_module(known: Iterable[Known], default: str, *, is_service: bool) -> Schema:
    """Whatever `module` says decides which other keys there are."""
    kind = "service" if is_service else "endpoint"
    known = list(known)
    cases = []
    for one in known:
        names: Schema = {"properties": {"module": {"enum": list(one.names)}}, "not": {"required": ["module_path"]}}
        if default not in one.names:
            names["required"] = ["module"]
        cases.append({"if": names, "then": {"$ref": f"#/$defs/{kind}:{one.key}"}})
    short = [one.names[0] for one in known]
    module: Schema = {
        "description": "The name of its class; package.Class picks one of several.",
        "anyOf": [{"enum": short}, {"type": "string", "pattern": r"\.|ENV\{"}],
        "default": default,
    }
    return {
        "type": "object",
        "properties": {"module_path": {"type": "string", "description": "A Python file that holds the class."}},
        "if": {"not": {"required": ["module_path"]}},
        "then": {"properties": {"module": module}},
        "allOf": cases,
    }


def _class(one: Known, *, is_service: bool) -> Schema:
    accepted = accepted_arguments(one.cls)
    properties: Schema = {
        "module": {"type": "string", "description": summary(one.cls)},
        "module_path": {"type": "string"},
        **{name: {} for name in accepted.read if name.isidentifier()},
    }
    properties.update((argument.name, argument_schema(argument)) for argument in arguments_of(one.cls))
    if issubclass(one.cls, Entity):
        properties.update(_of_entities(properties))
    if is_service:
        properties.update(_of_services(properties))
    elif "name" in properties:
        properties["name"] = {**properties["name"], "type": "string", "minLength": 1}
    needed = dict.fromkeys((*accepted.required, *required_by_checks(one.cls)))
    required = [name for name in needed if name != "name"]
    if "name" not in accepted.read:
        required.insert(0, "name")
    schema: Schema = {"description": summary(one.cls), "properties": properties, "required": required}
    if is_service:
        schema["patternProperties"] = {"^x-": {}}  # free for what aliases repeat
    return schema if accepted.anything else {**schema, "additionalProperties": False}


def _of_services(properties: Schema) -> Schema:
    """What is written otherwise than the constructor's signature says."""
    own: Schema = {
        "name": {"type": "string", "minLength": 1},
        "endpoints": {"type": ["array", "null"], "items": {"$ref": "#/$defs/endpoint"}},
        "dripline_mesh": {"$ref": "#/$defs/mesh"},
        "username": {"$ref": "#/$defs/secret"},
        "password": {"$ref": "#/$defs/secret"},
        "extensions": {"$ref": "#/$defs/extensions"},
    }
    described = {key: {**_kept(properties.get(key, {})), **schema} for key, schema in own.items()}
    old = {key: {"deprecated": True, "description": "Of an older version, and ignored."} for key in _OLD}
    return {**{key: schema for key, schema in old.items() if key not in properties}, **described}


def _of_entities(properties: Schema) -> Schema:
    """Settings that take more kinds of values than their annotations tell."""
    spans = {key: type_schema(float | dict[str, float]) for key in ("log_interval", "max_interval")}
    return {key: {**_kept(properties[key]), **schema} for key, schema in spans.items() if key in properties}


def _kept(schema: Schema) -> Schema:
    return {key: schema[key] for key in ("description", "default") if key in schema}


def _mesh() -> Schema:
    docs = attribute_docs(MeshSettings)
    hints = typing.get_type_hints(MeshSettings)
    properties = {}
    for setting in fields(MeshSettings):
        schema = {**type_schema(hints[setting.name] | None), "description": docs.get(setting.name, "")}
        properties[setting.name] = {**schema, "default": setting.default} if is_json(setting.default) else schema
    return {
        "type": ["object", "null"],
        "description": summary(MeshSettings),
        "properties": properties,
        "additionalProperties": False,
    }


def _secret() -> Schema:
    text = {"type": ["string", "number"], "pattern": r"\S"}  # an empty one is a mistake
    mapping = {
        "type": "object",
        "properties": dict.fromkeys(SECRET_KEYS, text),
        "additionalProperties": False,
        "minProperties": 1,
    }
    return {"anyOf": [text, mapping]}


def _extensions() -> Schema:
    texts = {"type": "array", "items": {"type": "string"}}
    versions = {"type": ["object", "null"], "additionalProperties": {"type": ["string", "null"]}}
    return {
        "type": ["object", "null"],
        "description": "Which extension packages are not to be used, and which must be there.",
        "properties": {
            "disable": {"anyOf": [texts, {"type": ["string", "null"]}]},
            "requires": {"anyOf": [texts, versions]},
        },
        "additionalProperties": False,
    }


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
    """An argument of a class: type, default and description."""
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
    """The schema of a type as `typing.get_type_hints` returns it; anything if the type is not understood."""
    schemas = [_member_schema(member) for member in members(annotation)]
    if not all(schemas):
        return {}
    distinct = [schema for number, schema in enumerate(schemas) if schema not in schemas[:number]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _member_schema(annotation: Any) -> Schema:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
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
