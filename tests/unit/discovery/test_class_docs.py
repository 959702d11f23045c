"""First lines of documentation, read without importing."""

from __future__ import annotations

import pytest

from dripline.discovery.class_docs import first_line, read_docs


@pytest.mark.parametrize(
    ("text", "line"), [(None, ""), ("", ""), ("One.", "One."), ("\n  Two.\n\nThree.", "Two."), (" \n ", "")]
)
def test_the_first_line_that_says_something(text, line):
    """Some begin their documentation on the second."""
    assert first_line(text) == line


def test_classes_are_looked_up_where_their_package_takes_them_from(tmp_path):
    """By name, under another name, by `import *`; never by running anything."""
    files = {
        "__init__.py": "from .pumps import Pump, Valve as Gate\nfrom .more import *\nfrom .gone import X\n"
        "import json\nclass Own:\n    '''Own doc.'''\nraise RuntimeError\n",
        "pumps.py": "class Pump:\n    '''\n    Pumps.\n    More.\n    '''\nclass Valve:\n    '''Shuts.'''\n",
        "more/__init__.py": "class Star: pass\nfrom . import *\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    names = {"Pump", "Gate", "Own", "Star", "json", "X"}
    docs = read_docs(str(tmp_path / "__init__.py"), names)
    assert docs == {"Pump": "Pumps.", "Gate": "Shuts.", "Own": "Own doc.", "Star": ""}


def test_what_cannot_be_read_has_none(tmp_path):
    """Why is told by who imports it."""
    (tmp_path / "bad.py").write_text("class A(: pass")
    assert read_docs(str(tmp_path / "bad.py"), {"A"}) == {}
    assert read_docs(str(tmp_path / "none.py"), {"A"}) == {}


def test_modules_that_take_from_each_other_end(tmp_path):
    """A circle of imports is no reason to hang."""
    (tmp_path / "a.py").write_text("from .b import *\nclass A:\n    '''Yes.'''\n")
    (tmp_path / "b.py").write_text("from .a import *\n")
    assert read_docs(str(tmp_path / "b.py"), {"A"}) == {"A": "Yes."}
