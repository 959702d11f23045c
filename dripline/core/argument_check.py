"""Everything that is wrong with a configuration, told before anything is built.

Constructors of dripline's classes take any keyword (packages call them one by one with the same ones), so a typing
error would pass without a word; it is found here instead, by comparing the keys with the constructors' signatures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dripline.config.suggest import did_you_mean
from dripline.core.class_finder import ClassFinder, class_finder
from dripline.core.signature import Accepted, accepted_arguments
from dripline.wire.errors import ConfigurationError

Where = Callable[[tuple[str | int, ...]], str]

# Keys of older configurations that services took and ignored, with what replaced them.
_OLD_KEYS = {
    "auth_file": "give the authentication file as --auth-file",
    "auths_file": "give the authentication file as --auth-file",
    "keys": "every endpoint is bound by its name; an AlertConsumer has 'alert_keys'",
}
_MESH_KEYS = {"broker", "broker_port", "requests_exchange", "alerts_exchange", "max_payload_size"}


@dataclass
class Findings:
    """What a check found, one line each.

    Attributes:
        errors: what must be mended before the service can start.
        warnings: what will be ignored.
    """

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def raise_errors(self) -> None:
        """Raise a ConfigurationError with all errors, if there are any."""
        if self.errors:
            raise ConfigurationError("\n".join(self.errors))


def check_configuration(configuration: Mapping[str, Any], where: Where) -> Findings:
    """Compare a service's configuration with the classes it names.

    Args:
        configuration: of a service, with its `endpoints`.
        where: tells the place of a key, such as `service.yaml:12:5`.
    """
    check = _Check(where, class_finder())
    check.service(configuration)
    return check.findings


class _Check:
    """One run through a configuration."""

    def __init__(self, where: Where, finder: ClassFinder) -> None:
        self._where = where
        self._finder = finder
        self._names: dict[str, tuple[str | int, ...]] = {}
        self.findings = Findings()

    def service(self, configuration: Mapping[str, Any]) -> None:
        label = _label("service", configuration, "Service")
        cls = self._class(configuration, "Service", (), label)
        if cls is not None:
            if not callable(getattr(cls, "run", None)):
                self._error(("module",), label, f"class {cls.__name__!r} is no service, it cannot run")
            self._arguments(cls, configuration, (), label)
        self._name(configuration, (), label)
        endpoints = configuration.get("endpoints")
        if endpoints is not None and not isinstance(endpoints, list):
            self._error(("endpoints",), label, f"'endpoints' must be a list (- name: …), not {endpoints!r}")
            return
        for number, endpoint in enumerate(endpoints or []):
            self._endpoint(endpoint, number)
        self._clash(configuration.get("name"), label)

    def _endpoint(self, configuration: Any, number: int) -> None:
        path = ("endpoints", number)
        if not isinstance(configuration, dict):
            self._error(path, f"endpoint number {number + 1}", f"must be a mapping, not {configuration!r}")
            return
        label = _label("endpoint", configuration, "Endpoint", number)
        cls = self._class(configuration, "Endpoint", path, label)
        if cls is not None:
            if not _is_endpoint(cls):
                self._error((*path, "module"), label, f"class {cls.__name__!r} is no Endpoint or Entity")
                return
            self._arguments(cls, configuration, path, label)
        self._name(configuration, path, label, cls)
        self._twice(configuration.get("name"), path, label)

    def _class(
        self, configuration: Mapping[str, Any], default: str, path: tuple[str | int, ...], label: str
    ) -> type | None:
        name = configuration.get("module") or default
        try:
            return self._finder.find(name, configuration.get("module_path"))
        except ConfigurationError as error:
            key = "module_path" if str(error).startswith("module_path") else "module"
            self._error((*path, key), label, str(error))
            return None

    def _arguments(
        self, cls: type, configuration: Mapping[str, Any], path: tuple[str | int, ...], label: str
    ) -> None:
        accepted = accepted_arguments(cls)
        for key in configuration:
            if key in ("module", "module_path") or accepted.takes(key):
                continue
            if not path and key in _OLD_KEYS:
                self.findings.warnings.append(
                    f"{self._where((key,))}: {label}: {key!r} is of an older version and ignored; {_OLD_KEYS[key]}"
                )
            else:
                self._error((*path, key), label, f"unknown argument {key!r}{_remedy(key, accepted, not path)}")
        for name in accepted.required:
            if name not in configuration and name != "name":
                self._error(path, label, f"missing argument {name!r}")

    def _name(
        self,
        configuration: Mapping[str, Any],
        path: tuple[str | int, ...],
        label: str,
        cls: type | None = None,
    ) -> None:
        name = configuration.get("name")
        if name is None:
            # A laboratory's class may name itself.
            if cls is None or "name" not in accepted_arguments(cls).read:
                self._error(path, label, "has no name; add 'name: …'")
        elif not isinstance(name, str) or not name:
            self._error((*path, "name"), label, f"the name must be text, not {name!r}; put it in quotes")
        elif {"#", "*"} & set(name.split(".")):
            self._error((*path, "name"), label, "'#' and '*' stand for any word on a mesh, no name can be such")

    def _twice(self, name: Any, path: tuple[str | int, ...], label: str) -> None:
        if not isinstance(name, str):
            return
        first = self._names.setdefault(name, path)
        if first != path:
            place = self._where((*first, "name"))
            self._error((*path, "name"), label, f"the name stands twice, first at {place}; rename one of them")

    def _clash(self, name: Any, label: str) -> None:
        if name in self._names:
            place = self._where((*self._names[name], "name"))
            self.findings.warnings.append(
                f"{place}: {label}: an endpoint has the service's name; requests reach only one of the two"
            )

    def _error(self, path: tuple[str | int, ...], label: str, text: str) -> None:
        self.findings.errors.append(f"{self._where(path)}: {label}: {text}")


def _label(kind: str, configuration: Mapping[str, Any], default: str, number: int | None = None) -> str:
    name = configuration.get("name")
    class_name = configuration.get("module") or default
    if name is None and number is not None:
        return f"{kind} number {number + 1} ({class_name})"
    return f"{kind} {name!r} ({class_name})" if name is not None else f"{kind} ({class_name})"


def _remedy(key: str, accepted: Accepted, is_service: bool) -> str:
    if is_service and key in _MESH_KEYS:
        return "; it belongs below 'dripline_mesh'"
    offered = accepted.names - {"authentication_obj"}
    return did_you_mean(key, offered) or f"; known: {', '.join(sorted(offered))}"


def _is_endpoint(cls: type) -> bool:
    from dripline.core.endpoint import Endpoint  # endpoints are a layer of their own

    return issubclass(cls, Endpoint)
