"""The names that packages import, in every way they import them."""

from __future__ import annotations

import subprocess
import sys

import pytest

NAMES = [
    "AlertConsumer",
    "DriplineError",
    "Endpoint",
    "Entity",
    "Interface",
    "Message",
    "MsgAlert",
    "MsgReply",
    "MsgRequest",
    "ObjectCreator",
    "RequestHandler",
    "RequestSender",
    "Scheduler",
    "SentMessagePackage",
    "Service",
    "Specifier",
    "ThrowReply",
    "add_return_code",
    "add_version",
    "calibrate",
    "create_dripline_auth_spec",
    "encoding",
    "get_return_code_values",
    "get_return_codes_dict",
    "get_return_codes_map",
    "get_version",
    "msg_t",
    "op_t",
    "set_reply_cache",
    "throw_dripline_error",
    "DL_Success",
    "DL_ServiceErrorInvalidValue",
]


def python(*lines: str) -> str:
    """Run a program in a fresh Python."""
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["dripline.core", "_dripline.core"])
def test_all_names_are_there(module):
    """One by one, with a star, and in dir()."""
    python(
        f"import {module} as module",
        f"names = {NAMES!r}",
        "assert all(hasattr(module, name) for name in names)",
        "assert set(names) <= set(dir(module)) & set(module.__all__)",
        f"from {module} import *",
        "assert set(names) <= set(globals())",
    )


def test_calibrate_is_the_function_whoever_was_imported_first():
    """The module of that name does not hide it."""
    python(
        "import dripline.implementations.key_value_store",
        "import dripline.core.calibrate",
        "from dripline.core import calibrate",
        "assert calibrate()(lambda self: 1).__name__",
        "from dripline.core.calibrate import calibrate as same",
        "assert same is calibrate",
    )


def test_modules_are_reached_without_being_imported():
    """`import dripline`, then `dripline.core.entity.Entity`."""
    assert python("import dripline", "print(dripline.core.entity.Entity.__name__)") == "Entity"


@pytest.mark.parametrize("name", ["Nothing", "DL_Nothing", "no.such.thing"])
def test_other_names_are_missing(name):
    """As in any module."""
    import dripline.core

    with pytest.raises(AttributeError, match="has no attribute"):
        getattr(dripline.core, name)


def test_a_client_loads_neither_services_nor_evaluators():
    """What costs time is loaded when it is used."""
    loaded = python(
        "import sys, dripline.core",
        "dripline.core.Interface, dripline.core.MsgRequest, dripline.core.ThrowReply, dripline.core.Entity",
        "print([name for name in ('yaml', 'asteval', 'importlib.metadata', 'packaging', 'dripline.core.service')"
        " if name in sys.modules])",
    )
    assert loaded == "[]"
