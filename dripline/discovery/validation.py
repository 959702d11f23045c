"""Validates imported extensions and classes: kind of class, constructor, exports."""

from __future__ import annotations

import inspect
import os
import traceback
from functools import cache
from types import ModuleType
from typing import Any

from dripline.errors import ConfigurationError
from dripline.wire.safe_text import text_of


class NoClass(ConfigurationError):
    """What has the name is something else, such as a function or a version."""


def faults(module: ModuleType) -> list[str]:
    """What a package's author should mend though the package works, one line each.

    Functions, constants and versions may stand in `__all__`: nobody has to ask for them.
    """
    return [*_faults_of_all(module), *_fault_of_version(module)]


def checked_class(found: Any, name: str, owner: str = "") -> type:
    """Give what was found for a name, if a configuration can name it.

    Args:
        found: what has that name.
        name: as the configuration has it.
        owner: who has it, such as `extension 'pumps' from lab 1.0`.

    Raises:
        NoClass: it is something else.
    """
    if isinstance(found, type):
        return found
    text = f"{name!r} is no class but {found!r:.60}"
    raise NoClass(f"{text}; {owner} must give that name to a class" if owner else text)


def kind_of(cls: type) -> str:
    """What a class can be in a configuration: `service`, `endpoint`, `client`; empty for nothing of these."""
    kinds = kinds_of(cls)
    if "service" in kinds or ("client" in kinds and callable(getattr(cls, "run", None))):
        return "service"
    return next((kind for kind in ("endpoint", "client") if kind in kinds), "")


@cache
def kinds_of(cls: type) -> frozenset[str]:
    """The kinds that a class has from its bases: `Service`, `Endpoint` and `RequestSender` say theirs."""
    return frozenset(vars(base).get("_dripline_kind", "") for base in cls.__mro__)


def check_kind(cls: type, wanted: str, owner: str = "") -> None:
    """Refuse a class that cannot be what a configuration makes of it.

    Args:
        cls: the class that `module` names.
        wanted: `service` or `endpoint`.
        owner: who has it, such as `extension 'pumps' from lab 1.0`.

    Raises:
        ConfigurationError: it is something else; the text names the class to derive from.
    """
    of_whom = f" of {owner}" if owner else ""
    if wanted == "endpoint" and "endpoint" not in kinds_of(cls):
        remedy = "; derive it from dripline.core.Endpoint" if owner else ""
        raise ConfigurationError(f"class {cls.__name__!r}{of_whom} is no Endpoint or Entity{remedy}")
    if wanted == "service" and not callable(getattr(cls, "run", None)):
        remedy = "; derive it from dripline.core.Service" if owner else ""
        raise ConfigurationError(f"class {cls.__name__!r}{of_whom} is no service, it cannot run{remedy}")


def constructor_mistake(thing: Any) -> str:
    """What is wrong with an object whose constructor has not called those of its bases; empty if nothing is."""
    cls: type = type(thing)
    for base, attribute in _set_by_bases(cls):
        if attribute not in vars(thing):
            return f"__init__ of class {cls.__name__!r} does not call {base}.__init__(self, **kwargs)"
    name = getattr(thing, "name", None)
    if "endpoint" in kinds_of(cls) and not (name and isinstance(name, str)):
        return f"an object of class {cls.__name__!r} has no name; pass 'name' to the constructor of its base"
    return ""


@cache
def _set_by_bases(cls: type) -> tuple[tuple[str, str], ...]:
    """The bases whose constructors must run, the most derived first, each with an attribute that it sets."""
    known = ((base.__name__, vars(base).get("_dripline_sets", "")) for base in cls.__mro__)
    return tuple((base, attribute) for base, attribute in known if attribute)


def exported(module: ModuleType) -> list[str]:
    """The names that a module offers: its `__all__`, or without one its public classes that are not dripline's."""
    names = getattr(module, "__all__", None)
    if isinstance(names, (list, tuple, set, frozenset)):
        return [name for name in dict.fromkeys(names) if isinstance(name, str) and hasattr(module, name)]
    return [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and name[0] != "_" and _is_of_a_laboratory(value, module.__name__)
    ]


def _is_of_a_laboratory(cls: type, package: str) -> bool:
    if f"{cls.__module__}.".startswith(f"{package}."):
        return True
    root = cls.__module__.partition(".")[0]
    return root not in ("dripline", "_dripline", "scarab") and bool(kind_of(cls))


def _faults_of_all(module: ModuleType) -> list[str]:
    names = getattr(module, "__all__", ())
    if not isinstance(names, (list, tuple, set, frozenset)):
        return [f"__all__ is {names!r:.60}; it must be a list of names, as in __all__ = ['Pump']"]
    found = []
    for name in names:
        if not isinstance(name, str):
            found.append(f"__all__ holds {name!r:.60}; it must hold names, that is text in quotes")
        elif not hasattr(module, name):
            found.append(f"__all__ names {name!r}, which is not there; define it, or take it out of __all__")
    return found


def _fault_of_version(module: ModuleType) -> list[str]:
    version = vars(module).get("version")
    names = getattr(module, "__all__", ())
    is_meant = isinstance(names, (list, tuple, set)) and "version" in names
    # `from importlib.metadata import version` and a part called `version` say nothing about the package.
    if version is None or (not is_meant and (callable(version) or inspect.ismodule(version))):
        return []
    if is_version(version):
        return []
    return [
        f"version is {version!r:.60}, which is no version; "
        "make it a scarab.VersionSemantic, or text such as '1.2.3'"
    ]


def is_version(value: Any) -> bool:
    """Whether something is a version as messages tell it: a `VersionSemantic`, or the text of one."""
    from scarab import VersionSemantic

    return isinstance(value, VersionSemantic) or (isinstance(value, str) and VersionSemantic().parse(value))


_OF_SERVICES = ("get", "set", "cmd", "send", "schedule", "unschedule", "name", "send_to_device")


def describe_failure(error: BaseException, beside: str = "") -> str:
    """Tell kind, text and place of an exception.

    Args:
        error: an exception that was caught.
        beside: a file; the place told is the last one in that file's folder, where its author can do something.

    Returns:
        Such as `KeyError: 'port' (muxer/my_device.py:12)`.
    """
    text = error.msg if isinstance(error, SyntaxError) else " ".join(text_of(error).split())
    kind = type(error).__name__
    place = _place(error, os.path.dirname(beside)) + _hint(error)
    return f"{kind}: {text}{place}" if text else f"{kind}{place}"


def _hint(error: BaseException) -> str:
    """What to change where a constructor uses `self.service`, which is set later."""
    if isinstance(error, AttributeError) and error.obj is None and error.name in _OF_SERVICES:
        return "; if this is self.service: it is None until the endpoint has been added to a service"
    return ""


def _place(error: BaseException, folder: str) -> str:
    if isinstance(error, SyntaxError):
        return _short(error.filename or "", error.lineno)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if folder and frame.filename.startswith(folder + os.sep)]
    if not own:
        return ""
    return _short(own[-1].filename, own[-1].lineno)


def _short(file: str, line: int | None) -> str:
    """A place with as much of the path as tells packages apart: most files are called `__init__.py`."""
    folder, name = os.path.split(file)
    return f" ({os.path.join(os.path.basename(folder), name)}:{line})"
