"""What `import scarab` costs and brings."""

import subprocess
import sys

import scarab


def test_everything_extensions_import_is_there():
    """The names of the reference."""
    for name in (
        "Authentication",
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
    ):
        assert name in scarab.__all__
        assert hasattr(scarab, name)


def test_importing_is_light():
    """No dripline, and none of the libraries that are rarely needed."""
    heavy = "dripline yaml packaging asyncio importlib.metadata http ssl"
    code = f"import scarab, sys; print(*[name for name in {heavy.split()!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
