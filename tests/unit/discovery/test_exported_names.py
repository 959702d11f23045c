"""Names that a file exports, read without running it."""

from __future__ import annotations

import textwrap

import pytest

from dripline.discovery.exported_names import first_line, read_docs, read_exports


@pytest.fixture
def exports(tmp_path):
    """Reads the exports of the first of some files."""

    def read(files: dict[str, str]):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return read_exports(str(tmp_path / next(iter(files))))

    return read


def test_the_way_the_reference_tells_packages_to_be_written(exports):
    """`__all__` grows line by line, and takes in that of the package's parts."""
    found = exports(
        {
            "__init__.py": """
                __all__ = []
                import pkg_resources
                import scarab
                version = scarab.VersionSemantic()
                __all__.append("version")
                from .jitter_endpoint import *
                from .jitter_endpoint import __all__ as __jitter_endpoint_all
                __all__ += __jitter_endpoint_all
            """,
            "jitter_endpoint.py": """
                from dripline.core import Entity
                __all__ = []
                __all__.append('JitterEntity')
                class JitterEntity(Entity): pass
                class Helper: pass
            """,
        }
    )
    assert found.names == {"version", "JitterEntity"}
    assert found.complete


@pytest.mark.parametrize(
    "text",
    [
        "__all__ = ['A', 'B']",
        "__all__ = ('A', 'B')",
        "__all__: list[str] = ['A', 'B']",
        "__all__ = ['A'] + ['B']",
        "__all__ = ['A']\n__all__ += ['B']",
        "__all__ = ['A']\n__all__.extend(('B',))",
        "__all__ = ['A']\n__all__ = __all__ + ['B']",
        "try:\n    import numpy\nexcept ImportError:\n    __all__ = ['A', 'B']",
        "if True:\n    __all__ = ['A', 'B']",
        "from .part import __all__ as p\n__all__ = ['A', *p]",
    ],
)
def test_all_ways_of_writing_all(exports, text):
    """Lists, tuples, sums, methods, inside `try` and `if`."""
    found = exports({"__init__.py": text, "part.py": "__all__ = ['B']"})
    assert found.names == {"A", "B"}
    assert found.complete


def test_without_all_a_module_exports_its_classes_and_its_parts(exports):
    """What it imports from elsewhere is there too, but not offered."""
    found = exports(
        {
            "__init__.py": """
                from dripline.core import Entity
                from .part import Taken
                from .other import *
                LIMIT = 5
                class Own(Entity): pass
                class _Private: pass
                def function(): pass
            """,
            "part.py": "class Taken: pass",
            "other/__init__.py": "class Star: pass",
        }
    )
    assert found.names == {"Own", "Taken", "Star"}
    assert found.others == {"Entity", "LIMIT"}
    assert found.complete


@pytest.mark.parametrize(
    "text",
    [
        "__all__ = [name for name in dir() if name[0] != '_']",
        "__all__ = []\n__all__.append(NAME)",
        "__all__ = []\n__all__.remove('x')",
        "__all__ = make()",
        "from .missing import *",
        "from numpy import *",
    ],
)
def test_what_only_running_it_can_tell_is_told_as_incomplete(exports, text):
    """Then the extension is imported as the last resort."""
    assert not exports({"__init__.py": text}).complete


def test_modules_that_take_from_each_other_end(exports):
    """A circle of `import *` is no reason to hang."""
    assert not exports({"__init__.py": "from .a import *", "a.py": "from .a import *"}).complete


def test_a_file_that_is_no_python_is_told(exports):
    """With what Python says about it."""
    with pytest.raises(SyntaxError):
        exports({"__init__.py": "class A(: pass"})


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
    """The import reports the reason."""
    (tmp_path / "bad.py").write_text("class A(: pass")
    assert read_docs(str(tmp_path / "bad.py"), {"A"}) == {}
    assert read_docs(str(tmp_path / "none.py"), {"A"}) == {}


def test_docs_of_modules_that_take_from_each_other_end(tmp_path):
    """A circle of imports is no reason to hang."""
    (tmp_path / "a.py").write_text("from .b import *\nclass A:\n    '''Yes.'''\n")
    (tmp_path / "b.py").write_text("from .a import *\n")
    assert read_docs(str(tmp_path / "b.py"), {"A"}) == {"A": "Yes."}
