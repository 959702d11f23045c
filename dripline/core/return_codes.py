"""Return codes under the reference's names: one class per code, and the registry."""

from dripline.wire import return_codes as _codes
from dripline.wire.return_codes import (
    ReturnCode,
    add_return_code,
    get_return_code_values,
    get_return_codes_dict,
    get_return_codes_map,
)

globals().update({name: value for name, value in vars(_codes).items() if name.startswith("DL_")})

__all__ = [  # noqa: PLE0604 - the codes are declared in one place only
    "ReturnCode",
    "add_return_code",
    "get_return_code_values",
    "get_return_codes_dict",
    "get_return_codes_map",
    *(name for name in vars(_codes) if name.startswith("DL_")),
]
