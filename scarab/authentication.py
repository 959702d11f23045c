"""Secrets: specifications, sources and values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from scarab.cancelable import Reach
from scarab.param import Param, ParamNode, to_param
from scarab.secret_files import AuthenticationError, EmptySecret, is_blank, read_auth_file, read_secret

# In the specification: the name of the authentication file, beside the groups.
_FILE = "file"
_PARTS = {"default", "env", "file", "value"}


class SecretNode(ParamNode):
    """A mapping of groups to items that does not show its values when it is printed."""

    _dripline_reach: ClassVar[Reach] = {}

    def __str__(self) -> str:
        return "".join(f"\n{name}: {', '.join(_names(items))} (values not shown)" for name, items in self.items())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{' '.join(str(self).splitlines())}>"


class Authentication:
    """Secrets in groups: specified first, then looked up by `process_spec`.

    An item is specified as `{"default": ..., "env": ..., "file": ..., "value": ...}`, each part optional:
    text to fall back on, an environment variable, a file that holds nothing but the secret, the secret.
    A text in place of the mapping is the secret itself. What is found is, from weak to strong: default,
    authentication file, environment variable, file, value. Only a default may be empty: an environment variable, a
    file or a value that is there and empty is an error.

    Args:
        auth_file: the name of an authentication file, or another authentication to copy.
    """

    _dripline_reach: ClassVar[Reach] = {}

    def __init__(self, auth_file: str | Authentication = "") -> None:
        self._spec = SecretNode()
        self._data = SecretNode()
        if isinstance(auth_file, Authentication):
            self._spec.merge(auth_file.spec)
            self._data.merge(auth_file.data)
        elif auth_file:
            self.set_auth_file(auth_file)

    @property
    def spec(self) -> ParamNode:
        """What is specified: group, item, then where the secret may come from."""
        return self._spec

    @spec.setter
    def spec(self, spec: Param | Mapping[str, Any]) -> None:
        self._spec = SecretNode()
        self.add_groups(spec)

    @property
    def data(self) -> ParamNode:
        """What was found: group, item, secret."""
        return self._data

    @data.setter
    def data(self, data: Param | Mapping[str, Any]) -> None:
        self._data = _secret_node(data)

    def add_group(self, group: str) -> None:
        """Specify an empty group, in the place of what may be there."""
        self._spec.replace(group, ParamNode())

    def add_item(self, group: str, name: str, default: str, env: str = "") -> None:
        """Specify an item by its default and perhaps an environment variable."""
        self._spec.add(group, ParamNode())
        specification = {"default": default, "env": env} if env else {"default": default}
        self._spec[group].as_node().replace(name, specification)

    def add_groups(self, groups: Param | Mapping[str, Any]) -> None:
        """Specify groups, each in the place of what may be there.

        Args:
            groups: `{group: {item: specification}}`.

        Raises:
            AuthenticationError: a specification is neither text nor a mapping, or has unknown parts.
        """
        for group, items in to_param(groups).as_node().items():
            if group == _FILE and items.is_value():
                self.set_auth_file(items.as_value().as_string())
                continue
            plain = items.to_python() or {}
            if not isinstance(plain, dict):
                raise AuthenticationError(f"authentication group {group!r} must be a mapping of items")
            self._spec.replace(group, {name: _checked(group, name, item) for name, item in plain.items()})

    def set_file(self, group: str, name: str, filename: str) -> None:
        """Say which file holds the secret of an item that is specified; AuthenticationError if it is not."""
        self._specified(group, name).replace("file", filename)

    def set_value(self, group: str, name: str, value: str) -> None:
        """Give the secret of an item that is specified; AuthenticationError if it is not."""
        self._specified(group, name).replace("value", value)

    def set_auth_file(self, filename: str, read_options: Param | None = None) -> None:
        """Name the authentication file, JSON or YAML: `{group: {item: secret}}`.

        `spec["file"]` holds the name from then on.

        Args:
            filename: the file.
            read_options: not needed; the file itself shows how it is encoded.

        Raises:
            AuthenticationError: there is no such file.
        """
        if not os.path.isfile(os.path.expanduser(filename)):
            raise AuthenticationError(f"authentication file {filename}: no such file")
        self._spec.replace(_FILE, filename)

    def process_spec(self) -> None:
        """Look every secret up. Groups of the authentication file that nobody specified are taken too.

        Raises:
            AuthenticationError: a file cannot be read, or a secret is empty (`EmptySecret`).
        """
        specified = self._spec.to_python()
        data = read_auth_file(specified.pop(_FILE)) if isinstance(specified.get(_FILE), str) else {}
        for group, items in specified.items():
            found = data.setdefault(group, {})
            for name, specification in items.items():
                secret = _look_up(group, name, specification, found.get(name))
                if secret is not None:
                    found[name] = secret
        self._data = _secret_node(data)

    def has(self, group: str, item: str | None = None) -> bool:
        """Tell whether a group, or an item of it, was found."""
        if group not in self._data:
            return False
        return item is None or item in self._data[group].as_node()

    def get(self, group: str, item: str, default: str | None = None) -> str:
        """Give a secret.

        Raises:
            KeyError: it was not found, and there is no default.
        """
        if self.has(group, item):
            return _text(self._data[group].as_node()[item])
        if default is None:
            raise KeyError(f"no authentication item {item!r} in group {group!r}")
        return default

    def __repr__(self) -> str:
        groups = self._data if len(self._data) else self._spec
        return f"<Authentication{' '.join(str(groups).splitlines())}>"

    def _specified(self, group: str, name: str) -> ParamNode:
        if group not in self._spec or name not in self._spec[group].as_node():
            raise AuthenticationError(f"no authentication item {name!r} of group {group!r} is specified")
        return self._spec[group].as_node()[name].as_node()


def _checked(group: str, name: str, item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        return {} if item is None else {"value": _text(item)}
    unknown = item.keys() - _PARTS
    if unknown:
        raise AuthenticationError(
            f"authentication item {name!r} of group {group!r}: unknown {', '.join(sorted(unknown))}; "
            f"known: {', '.join(sorted(_PARTS))}"
        )
    return {part: _text(value) for part, value in item.items() if value is not None}


def _look_up(group: str, name: str, specification: Mapping[str, Any], from_auth_file: str | None) -> str | None:
    if "value" in specification:
        secret = _text(specification["value"])
        remedy = f"{group}.{name} has an empty value; give it one, or leave it out"
    elif specification.get("file"):
        path = specification["file"]
        secret, remedy = read_secret(path), f"the file {path} is empty; write the {name} into it, or name another"
    elif (variable := specification.get("env", "")) in os.environ:
        secret = os.environ[variable]
        remedy = f"the environment variable {variable} is empty; set it to the {name}, or unset it"
    elif from_auth_file is not None:
        secret, remedy = from_auth_file, f"{group}.{name} of the authentication file is empty; set or remove it"
    else:
        return _text(specification["default"]) if "default" in specification else None
    if is_blank(secret):
        raise EmptySecret(group, name, remedy)
    return secret


def _text(secret: Any) -> str:
    param = to_param(secret)
    if not param.is_value():
        raise AuthenticationError("a secret must be one text, not several")
    return param.as_value().as_string()


def _names(items: Param) -> list[str]:
    return items.as_node().keys() if items.is_node() else []


def _secret_node(content: Param | Mapping[str, Any]) -> SecretNode:
    node = SecretNode()
    node.merge(to_param(content).as_node())
    return node
