"""Installed distributions of modules, for messages and lists; texts about a replaced `dripline` package.

An entry point tells its distribution. For a package in the namespace the installed files are searched, and the
folders of packages in development mode. That reads every distribution's list of files, once; a service which
starts well pays neither for that nor for the libraries it takes.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from dripline.wire import reinstall

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_NAMESPACE = "dripline/extensions/"
_INIT = "dripline/__init__.py"  # old packages overwrite it: `replaced_init`
_SURE = 1_000_000  # more than a path has letters: an environment may lie in somebody's source folder


@dataclass(frozen=True)
class Source:
    """Where an extension comes from.

    Attributes:
        distribution: the installed distribution; empty for a folder that is merely on the import path.
        version: its version.
        project: the folder of its source, when it is installed in development mode.
    """

    distribution: str = ""
    version: str = ""
    project: str = ""


@dataclass(frozen=True)
class _Installed:
    """What a distribution brought: hashes by path of what it has in the namespace, or a folder of source."""

    source: Source
    root: str
    files: dict[str, str]

    def claims(self, file: str) -> int:
        """How surely a file is of this distribution: 0 for not at all, the deeper its folder the surer."""
        if file.startswith(self.root):
            path = file[len(self.root) :].replace(os.sep, "/")
            if path in self.files:
                return _SURE if self.files[path] in ("", file_hash(file)) else _SURE - 1
            if any(known.startswith(path + "/") for known in self.files):
                return _SURE - 1
        project = os.path.join(self.source.project, "")
        return len(project) if self.source.project and file.startswith(project) else 0


@lru_cache(maxsize=1024)
def source_of(file: str) -> Source:
    """The distribution that installed an extension's source, or its folder if it has no source."""
    real = os.path.realpath(file)
    best, surely = Source(), 0
    for installed in _all_installed():
        claim = max(installed.claims(file), installed.claims(real))
        if claim > surely:
            best, surely = installed.source, claim
    return best


def sources_of_replacement(file: str) -> list[Source]:
    """Every distribution but dripline that installed a `dripline/__init__.py`, or whose project contains it."""
    real = os.path.realpath(file)
    others = [one for one in _all_installed() if normalized(one.source.distribution) != "dripline"]
    claims = [(max(one.claims(file), one.claims(real)), one.source) for one in others]
    surest = max((claim for claim, _ in claims), default=0)
    least = min(surest, _SURE - 1)  # several packages may have installed the file, only one project contains it
    return [source for claim, source in claims if claim >= max(least, 1)]


def project_of(distribution: str) -> str:
    """The source folder of a distribution in development mode; empty if it is not."""
    return next((one.source.project for one in _all_installed() if one.source.distribution == distribution), "")


def normalized(name: str) -> str:
    """A distribution's name in the one spelling that counts: `Lab_Pumps` and `lab-pumps` are the same."""
    return re.sub(r"[-_.]+", "-", name).lower()


def forget() -> None:
    """Look at the installation again, for programs that change it."""
    source_of.cache_clear()
    _all_installed.cache_clear()


@lru_cache(maxsize=1)
def _all_installed() -> list[_Installed]:
    from importlib.metadata import distributions  # 50 ms, which only messages and lists pay

    found: dict[str, _Installed] = {}
    for distribution in distributions():
        about = distribution.metadata
        name = about["Name"] if "Name" in about else ""  # noqa: SIM401  # its type has no get; remains have no name
        if name and name not in found:
            found[name] = _read(name, distribution)
    return [found[name] for name in sorted(found)]


def _read(name: str, distribution: Distribution) -> _Installed:
    root = os.path.realpath(str(distribution.locate_file("")))
    record = distribution.read_text("RECORD")
    project = _editable_folder(distribution) if record is not None else _egg_folder(root)
    source = Source(name, distribution.version, os.path.realpath(project) if project else "")
    files = record if record is not None else (distribution.read_text("SOURCES.txt") or "")
    return _Installed(source, os.path.join(root, ""), _namespace_files(files))


def _editable_folder(distribution: Distribution) -> str:
    """The project of `pip install -e`, as `direct_url.json` tells it whatever way it is made visible."""
    text = distribution.read_text("direct_url.json") or ""
    if '"editable"' not in text:
        return ""
    import json
    from urllib.parse import unquote, urlparse

    try:
        told = json.loads(text)
        address = urlparse(told["url"]) if told["dir_info"]["editable"] else None
    except (ValueError, KeyError, TypeError):
        return ""
    return unquote(address.path) if address and address.scheme == "file" else ""


def _egg_folder(root: str) -> str:
    """The source folder of `setup.py develop`, in which the metadata lie beside the packages."""
    folders = (root, os.path.dirname(root)) if os.path.basename(root) == "src" else (root,)
    makers = ("setup.py", "pyproject.toml")
    return next((one for one in folders for maker in makers if os.path.isfile(os.path.join(one, maker))), "")


def _namespace_files(record: str) -> dict[str, str]:
    import csv

    paths = (line.removeprefix("src/") for line in record.splitlines())
    lines = [path for path in paths if path.startswith((_NAMESPACE, _INIT))]
    return {row[0]: row[1] if len(row) > 1 else "" for row in csv.reader(lines) if row}


def file_hash(file: str) -> str:
    """The hash of a file as RECORD has it, empty if there is no file.

    If two packages brought the same path, it tells which won.
    """
    import base64
    import hashlib

    try:
        with open(file, "rb") as content:
            digest = hashlib.sha256(content.read()).digest()
    except OSError:
        return ""
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def describe_replacement(culprit: str) -> tuple[str, str]:
    """Describe the problem and its remedy, each in one line.

    Args:
        culprit: The file that replaced ours, ours if it is missing, or the folder of a `namespace_packages` entry.
    """
    if os.path.basename(culprit) == "dripline":
        names = in_words(_declaring_namespace()) or "an installed package"
        return (
            f"{names} declares 'dripline' in namespace_packages, which creates an empty module of that name when "
            "Python starts; dripline ignores it",
            "remove namespace_packages from the setup.py of that package",
        )
    if not os.path.isfile(culprit):
        return (
            f"{culprit} is missing: a package that had replaced it was probably uninstalled; dripline works "
            "without it",
            reinstall(),
        )
    if not culprit.endswith(os.path.join("dripline", "__init__.py")):
        return f"{culprit} has the name of the package 'dripline'; dripline ignores it", "rename it"
    names = in_words(sources_of_replacement(culprit))
    if not names:
        return (
            f"{culprit} comes before dripline on the import path; dripline ignores it",
            "delete that file: extension packages must not contain it",
        )
    return (
        f"{names} installed a dripline/__init__.py in place of dripline's own ({culprit}); dripline ignores it",
        "delete that file from the source of that package, and install both again",
    )


def in_words(sources: list[Source]) -> str:
    """Distributions with their versions, for a message."""
    return " and ".join(f"{source.distribution} {source.version}" for source in sources)


def _declaring_namespace() -> list[Source]:
    """The distributions that name `dripline` in the `namespace_packages` option of setuptools."""
    from importlib.metadata import distributions

    found = {}
    for distribution in distributions():
        declared = (distribution.read_text("namespace_packages.txt") or "").split()
        if "dripline" in declared:
            found[distribution.name] = Source(distribution.name, distribution.version)
    return [found[name] for name in sorted(found)]
