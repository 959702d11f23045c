"""What a message may reach in an endpoint.

Messages reach what a lab's class defines, and of the framework the handlers and the documented settings. Names
with a leading underscore and the machinery are refused: with them one message could run any file, or end the
service.
"""

from __future__ import annotations

from typing import Any

import scarab

_FRAMEWORK = ("dripline.core.", "dripline.runtime.", "dripline.config.", "scarab.", "builtins.", "abc.", "typing.")
_CALLABLE = frozenset({"on_get", "on_set", "start_logging", "stop_logging", "scheduled_log", "log_a_value"})
_SETTINGS = frozenset(
    {
        "get_on_set",
        "log_on_set",
        "log_interval",
        "log_routing_key_prefix",
        "max_interval",
        "max_absolute_change",
        "max_fractional_change",
        "check_field",
    }
)
_READABLE = _SETTINGS | {"name", "alarm_status"}


def may_get(endpoint: object, name: str, *, private: bool = False) -> bool:
    """Tell whether a get may read this attribute.

    Args:
        endpoint: the endpoint that is asked.
        name: the attribute.
        private: whether names with one leading underscore may be reached.
    """
    return _reachable(endpoint, name, _READABLE, private=private)


def may_set(endpoint: object, name: str, *, private: bool = False) -> bool:
    """Tell whether a set may assign this attribute: one that exists, can be assigned, and is no method."""
    if not _reachable(endpoint, name, _SETTINGS, private=private):
        return False
    if any(name in vars(kind).get("_dripline_wiring", ()) for kind in type(endpoint).__mro__):
        return False  # which device, which table: a matter of the configuration
    # Looked up on the class, since reading a property may talk to the instrument.
    declared = _declared(endpoint, name)
    if isinstance(declared, property):
        return declared.fset is not None
    own = vars(endpoint)
    if name in own:
        return not is_method(own[name]) and not is_method(declared)
    return declared is not _NOTHING and not is_method(declared)


def may_call(endpoint: object, name: str, *, private: bool = False) -> bool:
    """Tell whether a cmd may call this: something callable, and no property that would have to be read for it."""
    return _reachable(endpoint, name, _CALLABLE, private=private) and not isinstance(
        _declared(endpoint, name), property
    )


def is_declared(endpoint: object, name: str) -> bool:
    """Tell whether the endpoint's class has an attribute of this name."""
    return _declared(endpoint, name) is not _NOTHING


def is_method(value: object) -> bool:
    """Tell whether a value is there to be called; payload values can be, but are not there for it."""
    return callable(value) and not isinstance(value, scarab.Param)


_NOTHING = object()


def _declared(endpoint: object, name: str) -> Any:
    for kind in type(endpoint).__mro__:
        if name in vars(kind):
            found = vars(kind)[name]
            return found.__func__ if isinstance(found, (staticmethod, classmethod)) else found
    return _NOTHING


def _reachable(endpoint: object, name: str, documented: frozenset[str], *, private: bool) -> bool:
    if name.startswith("_") and not private:
        return False
    if name in documented:
        return True
    if name.startswith(("__", "_dripline_", "_scarab_")):
        return False
    return not any(_belongs_to(kind, name) for kind in type(endpoint).__mro__ if _is_framework(kind))


def _belongs_to(kind: type[Any], name: str) -> bool:
    """Whether a name is one of the framework's class `kind`, or of an attribute that its constructor sets."""
    private = name.startswith(f"_{kind.__name__}__")
    return private or name in vars(kind) or name in vars(kind).get("_dripline_machinery", ())


def _is_framework(kind: type[Any]) -> bool:
    return f"{kind.__module__}.".startswith(_FRAMEWORK)
