"""A minimal `pkg_resources` for extensions, if setuptools does not provide it.

Extension packages import `pkg_resources` without asking, mostly to learn their own version; setuptools 82
removed it. `namespace_package` serves this very file under that name. What extensions use of it is answered by
`importlib.metadata`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from types import ModuleType
from typing import Any


class ResolutionError(Exception):
    """Base of what cannot be resolved."""


class DistributionNotFound(ResolutionError):
    """A distribution is not installed."""


class VersionConflict(ResolutionError):
    """A distribution is installed in another version than wanted."""


class Distribution:
    """What is known about an installed distribution.

    Attributes:
        project_name: its name.
        version: its version.
        location: the folder it is installed in.
    """

    def __init__(self, distribution: metadata.Distribution) -> None:
        self._distribution = distribution
        self.project_name: str = distribution.metadata["Name"]
        self.key = self.project_name.lower()
        self.version: str = distribution.version
        self.location = str(distribution.locate_file(""))

    @property
    def parsed_version(self) -> Any:
        """The version as something that compares."""
        return parse_version(self.version)

    def has_metadata(self, name: str) -> bool:
        """Whether a file of that name is in the metadata."""
        return self._distribution.read_text(name) is not None

    def get_metadata(self, name: str) -> str:
        """The text of a file in the metadata."""
        text = self._distribution.read_text(name)
        if text is None:
            raise FileNotFoundError(name)
        return text

    def __str__(self) -> str:
        return f"{self.project_name} {self.version}"


class EntryPoint:
    """An entry point, to be loaded with `load`."""

    def __init__(self, point: metadata.EntryPoint) -> None:
        self._point = point
        self.name = point.name
        self.module_name = point.module
        self.attrs = tuple(point.attr.split(".")) if point.attr else ()

    def load(self, *args: Any, **kwargs: Any) -> Any:
        """Import what the entry point names."""
        return self._point.load()

    resolve = load


def get_distribution(dist: Any) -> Any:
    """The installed distribution of a name or a requirement such as `dripline>=5`.

    Raises:
        DistributionNotFound: it is not installed.
        VersionConflict: it is, but not in a version that the requirement allows.
    """
    if not isinstance(dist, str):
        return dist
    from packaging.requirements import Requirement

    requirement = Requirement(dist)
    try:
        found = Distribution(metadata.distribution(requirement.name))
    except metadata.PackageNotFoundError as error:
        raise DistributionNotFound(dist) from error
    if not requirement.specifier.contains(found.version, prereleases=True):
        raise VersionConflict(found, requirement)
    return found


def require(*requirements: Any) -> list[Any]:
    """The distributions that satisfy some requirements; raises as `get_distribution` does."""
    names = [name for entry in requirements for name in ([entry] if isinstance(entry, str) else entry)]
    return [get_distribution(name) for name in names]


def iter_entry_points(group: str, name: str | None = None) -> Iterator[EntryPoint]:
    """The installed entry points of a group, perhaps only those of a name."""
    for point in metadata.entry_points(group=group):
        if name in (None, point.name):
            yield EntryPoint(point)


def parse_version(text: str) -> Any:
    """A version that compares with others."""
    from packaging.version import Version

    return Version(text)


def declare_namespace(packageName: str) -> None:  # noqa: N803  # the real one's name for it
    """Let a package stand in several folders."""
    from pkgutil import extend_path

    package = sys.modules[packageName]
    package.__path__ = extend_path(package.__path__, packageName)


def fixup_namespace_packages(path_item: str, parent: str | None = None) -> None:
    """Do nothing: Python looks for namespace packages again by itself. pytest calls this when it is there."""


def resource_filename(package_or_requirement: Any, resource_name: str) -> str:
    """The path of a file that lies beside a package's modules."""
    return os.path.join(_folder(package_or_requirement), *resource_name.split("/"))


def resource_exists(package_or_requirement: Any, resource_name: str) -> bool:
    """Whether a package has such a file."""
    return os.path.exists(resource_filename(package_or_requirement, resource_name))


def resource_string(package_or_requirement: Any, resource_name: str) -> bytes:
    """The content of a package's file."""
    with resource_stream(package_or_requirement, resource_name) as stream:
        content: bytes = stream.read()
    return content


def resource_stream(package_or_requirement: Any, resource_name: str) -> Any:
    """A package's file, opened for reading bytes."""
    return open(resource_filename(package_or_requirement, resource_name), "rb")


def resource_listdir(package_or_requirement: Any, resource_name: str) -> list[str]:
    """The names in a folder of a package."""
    return os.listdir(resource_filename(package_or_requirement, resource_name))


def __getattr__(name: str) -> Any:
    if name == "working_set":
        return [Distribution(distribution) for distribution in metadata.distributions()]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _folder(package: Any) -> str:
    module: ModuleType = package if isinstance(package, ModuleType) else import_module(str(package))
    if module.__file__:
        return os.path.dirname(module.__file__)
    return str(next(iter(module.__path__)))
