"""Command line of a `MainApp`, and its configuration file."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    import argparse

    import yaml


class Option(NamedTuple):
    """An option of a program.

    Attributes:
        names: such as `-i,--interval`.
        address: where it stands in the configuration: `group.name`.
        description: its line in the help.
        kind: bool for a flag, else the type of its value.
        multiple: whether it takes several values.
        counted: whether it is counted how often it is given.
    """

    names: str
    address: str
    description: str
    kind: type[Any]
    multiple: bool = False
    counted: bool = False


class Parsed(NamedTuple):
    """What a command line said.

    Attributes:
        options: values of the options that were given, by address.
        keywords: its `key=value` words, as nested mappings.
        words: its other words.
        config_file: name of the configuration file, empty for none.
        verbosity: level of Python's logging.
    """

    options: dict[str, Any]
    keywords: dict[str, Any]
    words: list[Any]
    config_file: str
    verbosity: int


def parse(args: Sequence[str], options: Sequence[Option], use_config: bool, version: object) -> Parsed:
    """Read a command line.

    Args:
        args: the command line, the program's name first.
        options: the options.
        use_config: whether there is an option for a configuration file.
        version: what `--version` prints; None for no such option.

    Raises:
        SystemExit: it is wrong, and that was printed; or help or version was asked for.
    """
    parser = _parser(os.path.basename(args[0]) if args else None, options, use_config, version)
    found = vars(parser.parse_intermixed_args(list(args[1:])))
    keywords: dict[str, Any] = {}
    words: list[Any] = []
    for word in found.pop("words"):
        key, equals, value = word.partition("=")
        if equals and _KEY.fullmatch(key):
            put(keywords, key, read_word(value))
        else:
            words.append(read_word(word))
    level = logging.WARNING + 10 * (found.pop("quiet") - found.pop("verbose"))
    config_file = found.pop("config", None) or ""
    given = {options[int(name)].address: value for name, value in found.items() if value is not None}
    return Parsed(given, keywords, words, config_file, min(max(level, logging.DEBUG), logging.CRITICAL))


def read_word(word: str) -> Any:
    """Give the value of a word: a number only if all of it is one, else true, false, null or the text itself."""
    try:
        value = json.loads(word, parse_constant=_refuse)
    except ValueError:
        return word
    return word if isinstance(value, (dict, list, str)) else value


def put(tree: dict[str, Any], address: str, value: Any) -> None:
    """Put a value into nested mappings, making those that are missing.

    Args:
        tree: the outermost mapping; it is changed.
        address: the keys to go through, with dots between them; numbers are places in lists.
        value: what to put there.

    Raises:
        UnusableConfiguration: A list has no such place.
    """
    *parents, last = address.split(".")
    here: Any = tree
    for key in parents:
        if isinstance(here, list) and key.isdecimal() and int(key) < len(here):
            here = here[int(key)]
            continue
        if isinstance(here, list):
            raise _no_place(here, key, address)
        below = here.get(key)
        if not isinstance(below, (dict, list)):
            below = here[key] = {}
        here = below
    if not isinstance(here, list):
        here[last] = value
    elif last.isdecimal() and int(last) < len(here):
        here[int(last)] = value
    else:
        raise _no_place(here, last, address)


def put_all(tree: dict[str, Any], nested: Mapping[str, Any], above: str = "") -> None:
    """Put the values of nested mappings into others, and into the lists that are in them; see `put`."""
    for key, value in nested.items():
        if isinstance(value, dict) and value:
            put_all(tree, value, f"{above}{key}.")
        else:
            put(tree, f"{above}{key}", value)


def read_file(path: str) -> dict[str, Any]:
    """Read a configuration file, YAML or JSON.

    Raises:
        UnusableConfiguration: It cannot be read, or is not a mapping.
    """
    import yaml  # slow to import, and few programs have a configuration file

    try:
        with open(os.path.expanduser(path), encoding="utf-8") as stream:
            content = yaml.load(stream, _loader())
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UnusableConfiguration(f"cannot read the configuration {path}: {reason}") from None
    if not isinstance(content or {}, dict):
        raise UnusableConfiguration(f"the configuration {path} must be a mapping of settings")
    return {key: value for key, value in (content or {}).items() if not str(key).startswith("x-")}


def _loader() -> type[yaml.SafeLoader]:
    """A YAML loader that takes for numbers what is one altogether: not times, dates and `010`."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [pair for pair in pairs if pair[0].rpartition(":")[2] in ("null", "bool", "merge")]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", _WHOLE, list("-+0123456789"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FRACTION, list("-+.0123456789"))
    return Loader


def replace_environment(value: Any) -> Any:
    """Replace each `ENV{NAME}` in the strings of a configuration by the environment variable.

    Raises:
        UnusableConfiguration: A variable is not set.
    """
    if isinstance(value, dict):
        return {key: replace_environment(item) for key, item in value.items()}
    if isinstance(value, list):
        return [replace_environment(item) for item in value]
    return _VARIABLE.sub(_variable, value) if isinstance(value, str) else value


class UnusableConfiguration(ValueError):
    """A configuration that cannot be used; the text says why."""


def _no_place(here: list[Any], key: str, address: str) -> UnusableConfiguration:
    return UnusableConfiguration(f"{address}: there is no {key!r} in a list of {len(here)}; the first place is 0")


_WHOLE = re.compile(r"^(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+)$")
_FRACTION = re.compile(
    r"^(?:[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|Inf|INF))"
    r"|\.(?:nan|NaN|NAN))$"
)
_KEY = re.compile(r"[A-Za-z_][\w-]*(\.[\w-]+)*")
_VARIABLE = re.compile(r"ENV\{([^{}]*)\}")


def _variable(match: re.Match[str]) -> str:
    if match[1] not in os.environ:
        raise UnusableConfiguration(
            f"the environment variable {match[1]!r} is not set; set it, or write a value instead of {match[0]}"
        )
    return os.environ[match[1]]


def _parser(
    program: str | None, options: Sequence[Option], use_config: bool, version: object
) -> argparse.ArgumentParser:
    import argparse  # most programs that import scarab have no command line of this kind

    parser = argparse.ArgumentParser(prog=program, allow_abbrev=False)
    if use_config:
        parser.add_argument("-c", "--config", metavar="FILE", help="configuration file, YAML or JSON")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="log more")
    parser.add_argument("-q", "--quiet", action="count", default=0, help="log less")
    if version is not None:
        parser.add_argument("-V", "--version", action="version", version=str(version))
    for number, option in enumerate(options):
        names = [name.strip() for name in option.names.split(",")]
        text = option.description.replace("%", "%%")
        if option.kind is bool:
            action = "count" if option.counted else "store_true"
            parser.add_argument(*names, dest=str(number), action=action, default=None, help=text)
        else:
            count = "+" if option.multiple else None
            shown = max(names, key=len).lstrip("-").upper().replace("-", "_")
            parser.add_argument(*names, dest=str(number), type=option.kind, nargs=count, metavar=shown, help=text)
    parser.add_argument("words", nargs="*", metavar="key=value", help="settings: paths of names with dots")
    return parser


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
