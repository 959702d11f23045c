"""The Python file that `module_path` in a configuration names."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from dripline.discovery.error_text import describe_failure
from dripline.discovery.namespace_package import offer_pkg_resources
from dripline.errors import ConfigurationError
from dripline.wire.interrupts import is_for_program


@cache
def load_file(path: str) -> ModuleType:
    """Run the Python file that `module_path` names, once.

    Raises:
        ConfigurationError: there is no such file, or it fails.
    """
    offer_pkg_resources()
    file = os.path.abspath(os.path.expanduser(path))
    if not os.path.isfile(file):
        raise ConfigurationError(f"module_path: there is no file {path!r}")
    name = "dripline_module_path_" + os.path.splitext(os.path.basename(file))[0]
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"module_path: {path!r} is no Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look for the module of a class
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if is_for_program(error):
            raise
        raise ConfigurationError(f"module_path: {path!r} fails: {describe_failure(error, beside=file)}") from error
    return module
