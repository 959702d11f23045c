"""Which distribution brought an extension."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from dripline.discovery import distributions as extension_source
from dripline.discovery.distributions import Source, normalized, project_of, source_of

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


@pytest.fixture(autouse=True)
def _fresh():
    """Nothing is remembered of other installations."""
    extension_source.forget()
    yield
    extension_source.forget()


def _distribution(name: str, version: str, **files: str) -> dict[str, str]:
    written = {"METADATA": METADATA.format(name=name, version=version), "RECORD": "", **files}
    return {f"{name}-{version}.dist-info/{file}": text for file, text in written.items()}


def _editable(folder) -> str:
    return json.dumps({"url": folder.as_uri(), "dir_info": {"editable": True}})


def test_a_file_is_of_the_distribution_that_lists_it(extensions):
    """As `pip install` writes it down."""
    root = extensions(
        {
            "dripline/extensions/pumps/__init__.py": "",
            "dripline/extensions/bare/part.py": "",
            "dripline/extensions/nobodys.py": "",
            **_distribution("lab", "1.2", RECORD="dripline/extensions/pumps/__init__.py,,\n"),
            **_distribution("other", "3", RECORD="dripline/extensions/bare/part.py,sha256=x,5\nother.py,,\n"),
        }
    )
    assert source_of(str(root / "dripline/extensions/pumps/__init__.py")) == Source("lab", "1.2")
    assert source_of(str(root / "dripline/extensions/bare")) == Source("other", "3")
    assert source_of(str(root / "dripline/extensions/nobodys.py")) == Source()


def test_of_two_that_brought_the_same_path_the_one_whose_file_it_is(extensions):
    """A package may overwrite another's file; the hash tells who was last."""
    text = "class B: pass\n"
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    path = "dripline/extensions/__init__.py"
    root = extensions(
        {
            path: text,
            **_distribution("a", "1", RECORD=f"{path},sha256=other,5\n"),
            **_distribution("b", "2", RECORD=f"{path},sha256={digest},14\n"),
            **_distribution("c", "3", RECORD=f"{path},sha256=other,5\n"),
        }
    )
    assert source_of(str(root / path)) == Source("b", "2")


def test_a_package_in_development_mode_is_known_by_its_folder(extensions, tmp_path, monkeypatch):
    """The deepest project that holds the file; but what is installed in an environment inside is not its."""
    outer, inner = tmp_path / "lab home", tmp_path / "lab home/sub"
    extensions({**_distribution("outer", "1", **{"direct_url.json": _editable(outer)})})
    extensions({**_distribution("inner", "2", **{"direct_url.json": _editable(inner)})})
    assert source_of(str(outer / "src/dripline/extensions/x.py")) == Source("outer", "1", str(outer))
    assert source_of(str(inner / "x/__init__.py")) == Source("inner", "2", str(inner))
    assert source_of(str(tmp_path / "lab home else/x.py")) == Source()
    assert project_of("inner") == str(inner)
    assert project_of("unknown") == ""
    path = "dripline/extensions/third.py"
    root = extensions({path: "", **_distribution("third", "3", RECORD=f"{path},,\n")}, root="lab home/venv")
    monkeypatch.syspath_prepend(str(root))
    extension_source.forget()
    assert source_of(str(root / path)) == Source("third", "3")


@pytest.mark.parametrize("src", ["", "src/"])
def test_what_setup_py_develop_made_is_known_too(extensions, tmp_path, monkeypatch, src):
    """Its metadata lie in the source folder."""
    root = extensions(
        {
            "setup.py": "",
            f"{src}old.egg-info/PKG-INFO": METADATA.format(name="old", version="4"),
            f"{src}old.egg-info/SOURCES.txt": f"setup.py\n{src}dripline/extensions/old.py\n",
            f"{src}dripline/extensions/old.py": "",
        },
        root="project",
    )
    monkeypatch.syspath_prepend(str(root / src))
    assert source_of(str(root / src / "dripline/extensions/old.py")) == Source("old", "4", str(root))


@pytest.mark.parametrize(
    "text", ['{"editable"', '{"url": 5, "editable": 1}', '{"dir_info": {"editable": false}, "url": "x"}']
)
def test_metadata_that_are_damaged_are_passed_over(extensions, text):
    """They are somebody else's."""
    root = extensions({**_distribution("odd", "1", **{"direct_url.json": text}), "x.dist-info/RECORD": ""})
    assert source_of(str(root / "x.py")) == Source()


def test_names_of_distributions_have_many_spellings():
    """As pip sees it."""
    assert normalized("Lab__Pumps.x") == normalized("lab-pumps-x")
