"""What the README and the documents tell a reader to do works, and shows what they say it shows."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest
import yaml

from dripline.config.mesh import MeshSettings
from dripline.core import Entity, Service

PROJECT = Path(__file__).parents[2]
FOLDERS = ["docs", "examples", "extensions_example", "benchmarks"]
DOCUMENTS = [
    PROJECT / "README.md",
    *(path for folder in FOLDERS for path in (PROJECT / folder).rglob("*.md")),
]
CONFIGURATION = PROJECT / "docs" / "configuration.md"
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def fences(document: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return [text for kind, text in FENCE.findall(document.read_text()) if kind == language]


def name_of(document: Path) -> str:
    """A document's path, as a test's id."""
    return str(document.relative_to(PROJECT))


each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
each_session = pytest.mark.parametrize(
    "document", [document for document in DOCUMENTS if fences(document, "console")], ids=name_of
)


@each_session
def test_a_reader_who_types_what_stands_there_sees_what_stands_there(reader, document: Path) -> None:
    """Every session of a document, from its first command to its last."""
    assert reader.follow(document) > 0


@each_document
def test_every_link_leads_somewhere(document: Path) -> None:
    """A file that a document points at is there."""
    for target in LINK.findall(document.read_text()):
        assert target.startswith(("http://", "https://")) or (document.parent / target).exists(), target


@each_document
def test_every_block_can_be_read(document: Path) -> None:
    """Python blocks compile, and YAML blocks are YAML."""
    for text in fences(document, "python"):
        compile(text, name_of(document), "exec")
    for text in fences(document, "yaml"):
        yaml.safe_load(text)


def test_there_are_sessions_to_follow() -> None:
    """The README has a session of its own, so that its first screen stays true."""
    assert fences(PROJECT / "README.md", "console")


def keys_in_tables(document: Path, heading: str) -> set[str]:
    """The first column of the table below a heading."""
    section = document.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def arguments_of(kind: type) -> set[str]:
    """What a class's constructor takes by name."""
    named = inspect.signature(kind.__init__).parameters.values()
    return {parameter.name for parameter in named if parameter.kind is parameter.POSITIONAL_OR_KEYWORD} - {"self"}


def test_the_settings_of_a_mesh_are_all_told() -> None:
    """The table has each setting that there is, and no other."""
    settings = {field.name for field in dataclasses.fields(MeshSettings)}
    assert keys_in_tables(CONFIGURATION, "`dripline_mesh`") == settings


@pytest.mark.parametrize(("heading", "kind"), [("Keys of a service", Service), ("Keys of an entity", Entity)])
def test_the_keys_that_are_told_exist(heading: str, kind: type) -> None:
    """Each key in the tables is an argument of the class; ``module`` and ``extensions`` are dl-serve's own."""
    assert keys_in_tables(CONFIGURATION, heading) - {"module", "extensions"} <= arguments_of(kind)


def test_the_keys_of_an_entity_are_all_told() -> None:
    """The table has each argument that Entity adds to an endpoint's."""
    assert keys_in_tables(CONFIGURATION, "Keys of an entity") == arguments_of(Entity)
