"""Which names of services and endpoints, and which broadcast keys, can be the first part of a routing key."""

from __future__ import annotations

from typing import Any

from dripline.config.diagnostics import Diagnostic, error, warning

# AMQP's limit is 255; `sensor_value.` comes before a name.
_LONGEST_NAME = 240
_SHORT_NAME = _LONGEST_NAME // 4  # characters have at most four bytes
_BROADCAST = "broadcast"
_OF_BROKERS = "amq."


def check_name(name: str, broadcast_key: Any, *, is_service: bool) -> Diagnostic | None:
    """What is wrong with the name of a service or endpoint.

    Args:
        name: The name.
        broadcast_key: That of the service, None for the default.
        is_service: Whether it is a service's: a queue has its name.
    """
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


def check_broadcast_key(key: Any) -> Diagnostic | None:
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
