"""The names that packages import, in every way they import them."""

from __future__ import annotations

import ast
import importlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from dripline.wire import return_codes as codes

NAMES = [
    "AlertConsumer",
    "Core",
    "DriplineConfig",
    "DriplineError",
    "Endpoint",
    "Entity",
    "Interface",
    "Message",
    "MsgAlert",
    "MsgReply",
    "MsgRequest",
    "ObjectCreator",
    "Receiver",
    "RequestHandler",
    "RequestSender",
    "Scheduler",
    "SentMessagePackage",
    "Service",
    "ServiceConfig",
    "Specifier",
    "ThrowReply",
    "add_dripline_options",
    "add_return_code",
    "add_service_options",
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
    "ReturnCode",
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
        "heavy = 'pika yaml argparse importlib.metadata packaging dripline.core.service'.split()",
        "heavy += ['dripline.formula.evaluator']",
        "print([name for name in heavy if name in sys.modules])",
    )
    assert loaded == "[]"


def test_importing_dripline_is_quicker_than_importing_pika():
    """At most 1.3 times as long is what was promised; in time of the processor, as other programs run meanwhile.

    One import after the other, and the best of several, since what shares a processor slows it down, too.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def took_s(package: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", f"import {package}"], env=environment, check=True, timeout=300)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    rounds = [(took_s("dripline"), took_s("pika")) for _ in range(7)]
    dripline_s, pika_s = map(min, zip(*rounds, strict=True))
    assert dripline_s <= 1.3 * pika_s


@pytest.mark.parametrize("package", ["dripline.core", "dripline.implementations"])
def test_type_checkers_read_of_the_same_names(package):
    """The names stand in a stub beside the package, since they are imported when they are asked for."""
    offering = importlib.import_module(package)
    stub = ast.parse(Path(offering.__file__).with_suffix(".pyi").read_text())
    imported = {
        name.asname: part.module for part in stub.body if isinstance(part, ast.ImportFrom) for name in part.names
    }
    codes_of_laboratories = {
        name for name in offering.__all__ if name.startswith("DL_") and not hasattr(codes, name)
    }
    assert {name for name in imported if name} == set(offering.__all__) - codes_of_laboratories
    for name, home in imported.items():
        assert name is None or getattr(importlib.import_module(home), name) is getattr(offering, name)
