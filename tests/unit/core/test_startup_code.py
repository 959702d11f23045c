"""A laboratory's code that is called at the start: what it raises is reported and ends nothing else."""

from __future__ import annotations

import pytest
from support.outrages import OUTRAGES

from dripline.checking.declared_checks import diagnose
from dripline.core.object_creator import ObjectCreator, maker_of
from dripline.discovery.class_finder import load_file
from dripline.discovery.error_text import describe_failure
from dripline.errors import ConfigurationError

# In the main thread a KeyboardInterrupt is Ctrl-C.
pytestmark = pytest.mark.parametrize("outrage", [kind for kind in OUTRAGES if kind is not KeyboardInterrupt])

_MODULE = """
from support.outrages import OUTRAGES
from dripline.core import Endpoint

class Constructed(Endpoint):
    def __init__(self, **kwargs):
        raise next(kind for kind in OUTRAGES if kind.__name__ == {name!r})()
"""


def test_a_check_of_values(outrage):
    """It is a warning that the value cannot be checked."""

    def check(_value: object) -> None:
        raise outrage()

    verdict = diagnose("port", check, 1)
    assert verdict is not None
    assert verdict.severity == "warning"
    assert outrage.__name__ in verdict.text


def test_a_module(outrage, tmp_path):
    """It fails as a whole, which names the file."""
    path = tmp_path / "lab.py"
    path.write_text(
        "from support.outrages import OUTRAGES\n"
        f"raise next(kind for kind in OUTRAGES if kind.__name__ == {outrage.__name__!r})()\n"
    )
    with pytest.raises(ConfigurationError, match=f"lab.py' fails: {outrage.__name__}"):
        load_file(str(path))


def test_a_constructor(outrage, tmp_path):
    """Who made the object can be told from the error, as for every other one."""
    path = tmp_path / "lab.py"
    path.write_text(_MODULE.format(name=outrage.__name__))
    configuration = {"name": "pump", "module": "Constructed", "module_path": str(path)}
    with pytest.raises(outrage) as caught:
        ObjectCreator().create_object(configuration, "Endpoint")
    assert maker_of(caught.value) == "endpoint 'pump' (Constructed)"


def test_its_description(outrage):
    """One line, whatever its text does."""
    assert describe_failure(outrage()).startswith(outrage.__name__)
