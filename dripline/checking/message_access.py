"""Lists for `dl check` and `dl extensions show` what messages can access in a class."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dripline.checking.arguments import summary
from dripline.core import _access as access


@dataclass(frozen=True)
class Command:
    """A method that a cmd can call.

    Attributes:
        name: what the specifier says.
        signature: its arguments, without the endpoint itself.
        doc: the first paragraph of its docstring.
    """

    name: str
    signature: str
    doc: str


@dataclass(frozen=True)
class MessageAccess:
    """What messages can reach by specifier.

    Attributes:
        get: attributes that a get can read, as far as the class's source shows them.
        set: those that a set can assign.
        commands: methods that a cmd can call.
    """

    get: tuple[str, ...] = ()
    set: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()


def message_access_of(cls: type) -> MessageAccess:
    """Return what messages can access in the endpoints of a class; its constructor is not called."""
    assigned = set(_assigned(cls))
    stand_in = _stand_in(cls, assigned)
    names = sorted(name for name in {*dir(cls), *assigned} if not name.startswith("_"))
    methods = [name for name in names if access.is_method(_static(cls, name))]
    values = [name for name in names if name not in methods]
    return MessageAccess(
        tuple(name for name in values if access.may_get(stand_in, name)),
        tuple(name for name in values if access.may_set(stand_in, name)),
        tuple(_command(cls, name) for name in methods if access.may_call(stand_in, name)),
    )


def _stand_in(cls: type, assigned: set[str]) -> Any:
    """Something of the class on which nothing was ever run: only its type and its attributes' names are asked."""
    kind: Any = cls
    if hasattr(cls, "__del__") or inspect.isabstract(cls):
        kind = type(cls)(cls.__name__, (cls,), {"__module__": cls.__module__, "__del__": lambda self: None})
        kind.__abstractmethods__ = frozenset()
    bare = kind.__new__(kind)
    vars(bare).update(dict.fromkeys(assigned))
    return bare


def _static(cls: type, name: str) -> Any:
    found = inspect.getattr_static(cls, name, None)
    return found.__func__ if isinstance(found, (staticmethod, classmethod)) else found


def _command(cls: type, name: str) -> Command:
    method = getattr(cls, name)
    try:
        signature = inspect.signature(method)
    except (ValueError, TypeError):
        return Command(name, "(…)", summary(method))
    parameters = list(signature.parameters.values())
    if inspect.isfunction(inspect.getattr_static(cls, name)):
        parameters = parameters[1:]
    return Command(name, _spelled(parameters), summary(method))


def _spelled(parameters: list[inspect.Parameter]) -> str:
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(bare))


def _assigned(cls: type) -> Iterator[str]:
    """The attributes that methods of a class and its bases set, as its source shows."""
    for base in cls.__mro__:
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        except (OSError, TypeError, SyntaxError):
            continue  # without source, as those written in C
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.args.args:
                for name in _assigned_in(function, function.args.args[0].arg):
                    if access.is_a_laboratorys(base) or not access.is_free(cls, name):
                        yield name


def _assigned_in(function: ast.FunctionDef, own: str) -> Iterator[str]:
    for node in ast.walk(function):
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Store):
            continue
        if isinstance(node.value, ast.Name) and node.value.id == own:
            yield node.attr
