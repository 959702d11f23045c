"""Value types and helpers that extension packages import from `scarab`.

It imports nothing of dripline.
"""

from scarab.application import MainApp, s2py_verbosity
from scarab.authentication import Authentication
from scarab.cancelable import Cancelable, SignalHandler
from scarab.param import Param, ParamArray, ParamNode, ParamValue, to_param, to_python
from scarab.secret_files import AuthenticationError
from scarab.semantic_version import VersionSemantic

__all__ = [
    "Authentication",
    "AuthenticationError",
    "Cancelable",
    "MainApp",
    "Param",
    "ParamArray",
    "ParamNode",
    "ParamValue",
    "SignalHandler",
    "VersionSemantic",
    "s2py_verbosity",
    "to_param",
    "to_python",
]
