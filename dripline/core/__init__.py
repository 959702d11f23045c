"""The names that extension packages and scripts import from `dripline.core`, loaded on first use.

Each name is imported when it is asked for: a client pays for no service.
"""

from __future__ import annotations

import importlib
from typing import Any

from dripline import package_setup

# The one function that is called like the module it is in: whoever imports the module must not hide it.
from dripline.core.calibrate import calibrate as calibrate

package_setup.ensure()

# Names by the module that they are imported from.
_HOMES = {
    "dripline.core.alert_consumer": "AlertConsumer",
    "dripline.core.core": "Core",
    "dripline.core.default_configs": "DriplineConfig ServiceConfig add_dripline_auth_spec add_dripline_options "
    "add_service_options",
    "dripline.core.endpoint": "Endpoint",
    "dripline.core.entity": "Entity",
    "dripline.core.interface": "Interface",
    "dripline.core._credentials": "create_dripline_auth_spec",
    "dripline.core.object_creator": "ObjectCreator",
    "dripline.core.receiver": "Receiver",
    "dripline.core.request_handler": "RequestHandler",
    "dripline.core.request_sender": "RequestSender",
    "dripline.core.return_codes": "ReturnCode add_return_code get_return_code_values get_return_codes_dict "
    "get_return_codes_map",
    "dripline.core.scheduler": "Scheduler",
    "dripline.runtime.pending_replies": "SentMessagePackage",
    "dripline.core.service": "Service",
    "dripline.core.throw_reply": "DriplineError ThrowReply set_reply_cache throw_dripline_error throw_message",
    "dripline.wire.enums": "encoding msg_t op_t",
    "dripline.wire.message": "Message MsgAlert MsgReply MsgRequest",
    "dripline.wire.sender": "add_version get_version",
    "dripline.wire.identifiers": "Specifier",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted(_names())
    if name.startswith("DL_"):
        return _return_code(name)
    if name not in _HOME_OF:
        return _part(name)
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_names()})


def _names() -> set[str]:
    from dripline.wire.return_codes import get_return_codes_map

    return {*_HOME_OF, "calibrate", *(type(code).__name__ for code in get_return_codes_map().values())}


def _return_code(name: str) -> Any:
    """Find the class of a return code, also of one that a mesh added."""
    from dripline.wire.return_codes import get_return_codes_map

    for code in get_return_codes_map().values():
        if type(code).__name__ == name:
            return type(code)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}: there is no such return code")


def _part(name: str) -> Any:
    """Import a module of this package that is asked for as an attribute, such as `dripline.core.entity`."""
    if name.isidentifier():
        try:
            return importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
