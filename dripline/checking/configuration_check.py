"""Checks a whole configuration before any object is created, including the names in it.

Constructors of dripline's classes take any keyword (packages call them one by one with the same ones), so a typing
error would pass without a word; it is found here instead, by comparing the keys with the constructors' signatures.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dripline.checking.argument_values import JointCheck, shown
from dripline.checking.arguments import accepted_arguments
from dripline.checking.extension_rules import apply_rules
from dripline.checking.keys import Keys
from dripline.checking.likely_mistakes import Written, likely_mistakes
from dripline.checking.value_types import UNKNOWN, described
from dripline.config.authentication import SECRET_KEYS, secret_errors
from dripline.config.diagnostics import Diagnostic, Diagnostics, Where, error, warning
from dripline.config.overrides import spell
from dripline.config.quoted import as_wanted, wants_number_or_boolean
from dripline.config.suggest import did_you_mean, missing_space_hint
from dripline.discovery.class_finder import ClassFinder, class_finder
from dripline.discovery.index import is_rules
from dripline.errors import ConfigurationError

_Path = tuple[str | int, ...]

_CONVERTIBLE = frozenset({str, bool, dict, list})

# A service without a class of its own has none of these.
_INSTRUMENTS_KEYS = frozenset({"values", "commands", "identity"})


def check_configuration(
    configuration: dict[str, Any],
    where: Where,
    unsure: Collection[_Path] = frozenset(),
    may_vary: bool = True,
    written: Written = lambda _: "",
) -> Diagnostics:
    """Compare a service's configuration with the classes it names. Classes are imported, none is instantiated.

    Args:
        configuration: of a service, with its `endpoints`. Quoted numbers and booleans in it are converted where
            a class wants a number or a boolean.
        where: tells the place of a key, such as `service.yaml:12:5`.
        unsure: paths of texts that come from the environment.
        may_vary: whether the service will run in another environment, so that these texts are not called wrong.
        written: gives the word that the file has for a value; empty if there is none.
    """
    found = Diagnostics(where=where)
    _Check(found, class_finder(), unsure, may_vary, written).service(configuration)
    return found


@dataclass
class _Check:
    """One run through a configuration."""

    found: Diagnostics
    finder: ClassFinder
    unsure: Collection[_Path]
    may_vary: bool
    written: Written
    broadcast_key: Any = None
    names: dict[str, _Path] = field(default_factory=dict)
    known_keys: dict[tuple[str | None, ...], Keys] = field(default_factory=dict)

    def service(self, configuration: dict[str, Any]) -> None:
        label = _Label("service", configuration, "Service")
        if "module" not in configuration and _INSTRUMENTS_KEYS & configuration.keys():
            text = "this describes an instrument; 'dl simulate' runs it, and a service for it is another file"
            self.found.add(error(text), (), label)
            return
        if not self._takes_extensions(configuration):
            for problem in apply_rules(configuration, self.finder):
                self.found.add(problem, (), f"{label}: extensions")
        cls = self._class(configuration, "Service", (), label)
        if cls is not None:
            if not callable(getattr(cls, "run", None)):
                self.found.add(error(f"class {cls.__name__!r} is no service, it cannot run", "module"), (), label)
            else:
                self._arguments(Keys.of_service(cls, configuration), configuration, (), label)
        self.broadcast_key = configuration.get("broadcast_key")
        if unusable := _check_broadcast_key(self.broadcast_key):
            self.found.add(unusable, ("broadcast_key",), label)
        self._name(configuration, (), label, None)
        self._secrets(configuration, label)
        endpoints = configuration.get("endpoints")
        if endpoints is not None and not isinstance(endpoints, list):
            text = f"'endpoints' must be a list (- name: …), not {endpoints!r}"
            self.found.add(error(text, "endpoints"), (), label)
            return
        for number, endpoint in enumerate(endpoints or []):
            self._endpoint(endpoint, number)
        self._together(configuration, label)

    def _secrets(self, configuration: Mapping[str, Any], label: object) -> None:
        for item in ("username", "password"):
            for problem in secret_errors(item, configuration[item]) if item in configuration else ():
                key = problem.place.path[-1]
                hint = "" if key in (item, *SECRET_KEYS) else did_you_mean(str(key), SECRET_KEYS)
                better = error(f"{item}: unknown key {key!r}{hint}", item, key) if hint else problem
                self.found.add(better, (), label)

    def _takes_extensions(self, configuration: Mapping[str, Any]) -> bool:
        """Whether `extensions` is an argument of a laboratory's class, and no rules about extension packages."""
        if "extensions" not in configuration or is_rules(configuration["extensions"]):
            return False
        try:
            cls = self.finder.find(
                configuration.get("module") or "Service", _text(configuration.get("module_path"))
            )
        except ConfigurationError:
            return False
        return accepted_arguments(cls).takes("extensions")

    def _endpoint(self, configuration: Any, number: int) -> None:
        path = ("endpoints", number)
        if not isinstance(configuration, dict):
            text = f"must be a mapping, not {shown(configuration)}{missing_space_hint(configuration)}"
            self.found.add(error(text), path, f"endpoint number {number + 1}")
            return
        label = _Label("endpoint", configuration, "Endpoint", number)
        keys = self._keys(configuration)
        if keys is not None:
            self._arguments(keys, configuration, path, label)
            self._name(configuration, path, label, keys.owner)
            for doubt in likely_mistakes(keys.owner, configuration, lambda key: self.written((*path, *key))):
                self.found.add(doubt, path, label)
        else:
            self._class(configuration, "Endpoint", path, label)
            self._name(configuration, path, label, None)
        self._twice(configuration.get("name"), path, label)

    def _keys(self, configuration: Mapping[str, Any]) -> Keys | None:
        """The keys of an endpoint, the same as of all that name the same class and keys; None without a class."""
        module, file = configuration.get("module"), configuration.get("module_path")
        if not isinstance(module, str | None) or not isinstance(file, str | None):
            return None
        keys = (module, file, *configuration)
        known = self.known_keys.get(keys)
        if known is None:
            try:
                cls = self.finder.find(module or "Endpoint", file)
            except ConfigurationError:
                return None
            known = self.known_keys[keys] = Keys.of_endpoint(cls, configuration)
        return known

    def _class(self, configuration: Mapping[str, Any], default: str, path: _Path, label: object) -> type | None:
        name = configuration.get("module") or default
        if isinstance(name, str) and "ENV{" in name:
            return None  # a variable that is not set, which was told
        try:
            return self.finder.find(name, _text(configuration.get("module_path")))
        except ConfigurationError as failure:
            key = "module_path" if str(failure).startswith("module_path") else "module"
            self.found.add(error(str(failure), key), path, label)
            return None

    def _arguments(self, keys: Keys, configuration: dict[str, Any], path: _Path, label: object) -> None:
        for problem in keys.diagnostics:
            self.found.add(problem, path, label)
        for key, kind in keys.wanted:
            if type(configuration[key]) in _CONVERTIBLE:
                configuration[key] = self._read_quoted(kind, configuration[key], (*path, key), label)
        doubted: set[str] = set()
        for key, check in keys.checks:
            value = configuration[key]
            doubt = check(self._known(value, (*path, key)) if self.unsure else value)
            if doubt is not None:
                doubted.add(key)
                self.found.add(doubt, (*path, key), label)
        for joint in keys.joint:
            self._joint(joint, configuration, doubted, path, label)

    def _read_quoted(self, kind: Any, value: Any, path: _Path, label: object) -> Any:
        """Read quoted numbers and booleans; text from the environment is read so without a warning."""
        read, found = as_wanted(kind, value)
        for one in found:
            if (*path, *one.path) not in self.unsure:
                key = spell((*path[-1:], *one.path))
                self.found.add(warning(f"{key!r}: {one}", *one.path), path, label)
        if not self.may_vary and path in self.unsure and isinstance(read, str) and wants_number_or_boolean(kind):
            text = f"{path[-1]!r} must be {described(kind)}, not {shown(read)}; correct the environment variable"
            self.found.add(error(text), path, label)
        return read

    def _joint(
        self, joint: JointCheck, configuration: Mapping[str, Any], doubted: set[str], path: _Path, label: object
    ) -> None:
        given = [argument.name for argument in joint.arguments if argument.name in configuration]
        if not doubted.isdisjoint(given):
            return
        known = {key: self._known(configuration[key], (*path, key)) for key in given}
        if problem := joint.diagnose(known):
            self.found.add(problem, (*path, given[0]), label)

    def _known(self, value: Any, path: _Path) -> Any:
        """A value in which what comes from the environment stands as unknown."""
        if not self.unsure:
            return value
        if isinstance(value, dict):
            return {key: self._known(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._known(item, (*path, index)) for index, item in enumerate(value)]
        return UNKNOWN if path in self.unsure else value

    def _name(self, configuration: Mapping[str, Any], path: _Path, label: object, cls: type | None) -> None:
        name = configuration.get("name")
        if name is None:
            # A laboratory's class may name itself.
            if cls is None or "name" not in accepted_arguments(cls).read:
                self.found.add(error("has no name; add 'name: …'"), path, label)
        elif name == "":
            self.found.add(error("the name is empty", "name"), path, label)
        elif not isinstance(name, str):
            if (*path, "name") not in self.unsure:
                text = f"the name must be text, not {name!r}; put it in quotes"
                self.found.add(error(text, "name"), path, label)
        elif problem := _check_name(name, self.broadcast_key, is_service=not path):
            self.found.add(problem, (*path, "name"), label)

    def _twice(self, name: Any, path: _Path, label: object) -> None:
        if not isinstance(name, str) or "ENV{" in name:
            return
        first = self.names.setdefault(name, path)
        if first != path:
            place = self.found.where((*first, "name"))
            text = f"the name stands twice, first at {place}; rename one of them"
            self.found.add(error(text, "name"), path, label)

    def _together(self, configuration: Mapping[str, Any], label: object) -> None:
        """What only service and endpoints together tell."""
        name = configuration.get("name")
        if isinstance(name, str) and name in self.names:
            text = "an endpoint has the service's name; requests reach only one of the two"
            self.found.add(warning(text, *self.names[name], "name"), (), label)
        if configuration.get("enable_scheduling") is not False:
            return
        for number, endpoint in enumerate(configuration.get("endpoints") or []):
            if isinstance(endpoint, dict) and _wants_logging(endpoint.get("log_interval")):
                text = "'log_interval' does nothing here: the service has 'enable_scheduling: false'"
                path = ("endpoints", number, "log_interval")
                self.found.add(warning(text), path, _Label("endpoint", endpoint, "Endpoint", number))


def _wants_logging(interval: Any) -> bool:
    return isinstance(interval, (int, float)) and interval > 0


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"module_path must be the name of a Python file, not {value!r}")
    return value


class _Label(NamedTuple):
    """How messages call a part of a configuration; spelled when there is something to tell."""

    kind: str
    configuration: Mapping[str, Any]
    default: str
    number: int | None = None

    def __str__(self) -> str:
        name = self.configuration.get("name")
        class_name = self.configuration.get("module") or self.default
        if name is None and self.number is not None:
            return f"{self.kind} number {self.number + 1} ({class_name})"
        return f"{self.kind} {name!r} ({class_name})" if name is not None else f"{self.kind} ({class_name})"


# AMQP's limit is 255; `sensor_value.` comes before a name.
_LONGEST_NAME = 240
_SHORT_NAME = _LONGEST_NAME // 4  # characters have at most four bytes
_BROADCAST = "broadcast"
_OF_BROKERS = "amq."


def _check_name(name: str, broadcast_key: Any, *, is_service: bool) -> Diagnostic | None:
    """What is wrong with the name of a service, which a queue will have, or of an endpoint."""
    broadcast = _BROADCAST if broadcast_key is None else broadcast_key
    if name.isidentifier() and len(name) <= _SHORT_NAME and name != broadcast:
        return None  # as nearly all are
    if text := _unroutable(name, "the name"):
        return error(text)
    if is_service and name.startswith(_OF_BROKERS):
        return error(f"names that begin with {_OF_BROKERS!r} are reserved for the broker; choose another one")
    if name == broadcast or name.startswith(f"{broadcast}."):
        return error(f"{broadcast!r} addresses all services (broadcast_key); choose another name")
    if not name.isprintable():
        return warning(f"the name {name!r} contains characters that cannot be typed; remove them")
    if " " in name:
        text = f"the name contains a space, and needs quotes on every command line; use {_joined(name)!r}"
        return warning(text)
    if "." in name:
        text = f"the name contains a dot, and the reference reads only the first word; use {_joined(name)!r}"
        return warning(text)
    return None


def _check_broadcast_key(key: Any) -> Diagnostic | None:
    """What is wrong with `broadcast_key`; its type is checked elsewhere."""
    if not isinstance(key, str):
        return None
    text = "'broadcast_key' is empty; remove it or give it a word" if not key else _unroutable(key, "the key")
    return error(text) if text else None


def _unroutable(name: str, what: str) -> str:
    """Why a name cannot be the first part of a routing key; empty when it can."""
    if name.isascii() and len(name) <= _LONGEST_NAME and "#" not in name and "*" not in name:
        return ""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:  # JSON and the environment can hold half of a character
        return f"{what} is no text that can be sent (UTF-8); type it again"
    if size > _LONGEST_NAME:
        return f"{what} has {size} bytes, and no more than {_LONGEST_NAME} fit into a routing key"
    if {"#", "*"} & set(name.split(".")):
        return "'#' and '*' stand for any word on a mesh, no name can be such"
    return ""


def _joined(name: str) -> str:
    return "_".join(name.replace(".", " ").split()) or "name"
