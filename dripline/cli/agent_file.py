"""What a configuration file contributes to the message that `dl-agent` sends."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from dripline.errors import ConfigurationError

if TYPE_CHECKING:
    from dripline.programs.session import Session

logger = logging.getLogger("dripline.config")

# Keys that have an option; `return` holds the last two.
_OPTIONS = ("specifier", "timeout", "lockout_key", "suppress_output", "json_print", "pretty_print", "dry_run_msg")
_RETURN = {"code": "return_code", "message": "return_msg"}
# Never part of a payload: login (also version 4's), connection, and the routing key of the command line.
_LOGIN = {"username", "password", "amqp", "auth_file", "auth-file", "auths_file", "auth_groups", "auth-groups"}
_NOT_SENT = {"dripline_mesh", "rk", "return", *_LOGIN, *_OPTIONS}
_SERVICE_KEYS = ("endpoints", "module", "module_path")


@dataclass
class MessageFile:
    """Message settings from a configuration file.

    Attributes:
        payload: Keys of the payload, with the `values` that precede those of the command line.
        last_values: Values appended after all others (`option_values`).
        options: Options that the command line does not set.
    """

    payload: dict[str, Any] = field(default_factory=dict)
    last_values: list[Any] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def read_message_file(ctx: click.Context, session: Session) -> MessageFile:
    """Split the configuration file of a session into options and payload, as the reference does.

    Args:
        ctx: The context of the command, whose options the file can set.
        session: The session. A file that describes a service contributes nothing.

    Raises:
        ConfigurationError: A value does not fit its key.
    """
    content, where = session.configuration, session.origin.where
    if any(key in content for key in _SERVICE_KEYS):
        logger.info("%s: describes a service; only its connection and login are used", where(()))
        return MessageFile()
    if "save" in content:
        raise ConfigurationError(
            f"{where(('save',))}: save: not supported; remove it and redirect the output: --json-print > FILE"
        )
    payload = {
        key: value for key, value in content.items() if key not in _NOT_SENT and not str(key).startswith("x-")
    }
    last_values = _as_list(payload.pop("option_values", None))
    values = _as_list(payload.pop("values", None))
    if values:
        payload["values"] = values
    return MessageFile(payload, last_values, _options(ctx, content, where))


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _options(ctx: click.Context, content: Mapping[str, Any], where: Any) -> dict[str, Any]:
    given: dict[str, tuple[tuple[str, ...], Any]] = {
        key: ((key,), content[key]) for key in _OPTIONS if key in content
    }
    reply = content.get("return")
    if isinstance(reply, Mapping):
        unknown = [key for key in reply if key not in _RETURN]
        if unknown:
            raise ConfigurationError(
                f"{where(('return', unknown[0]))}: return: unknown key {unknown[0]!r}; known: code, message"
            )
        given |= {_RETURN[key]: (("return", key), value) for key, value in reply.items()}
    elif reply is not None:
        raise ConfigurationError(f"{where(('return',))}: return: must be a mapping with code and message")
    parameters = {parameter.name: parameter for parameter in ctx.command.params}
    options = {}
    for name, (path, value) in given.items():
        if value is None or ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
            continue
        parameter = parameters[name]
        try:
            if isinstance(value, (list, Mapping)):
                raise click.BadParameter("must be a single value")
            options[name] = parameter.type_cast_value(ctx, value)
        except click.BadParameter as error:
            raise ConfigurationError(f"{where(path)}: {'.'.join(path)}: {error.message.rstrip('.')}") from None
    return options
