"""Semantic versions."""

from __future__ import annotations

from functools import total_ordering
from typing import TYPE_CHECKING, ClassVar

from scarab.cancelable import Reach
from scarab.process import executable, hostname, username

if TYPE_CHECKING:
    from packaging.version import Version


@total_ordering
class VersionSemantic:
    """The version of a package.

    Args:
        major: first number, or another version to copy.
        minor: second number.
        patch: third number.

    Attributes:
        version: the version as text, `unknown` until something is known.
        package: where it comes from, as `owner/name`.
        commit: the commit it was built from.
        exe_name: full path of the running program.
        hostname: name of this computer.
        username: who runs it.
    """

    _dripline_reach: ClassVar[Reach] = {
        "own": {"version", "package", "commit", "exe_name", "hostname", "username"}
    }

    def __init__(self, major: int | VersionSemantic = 0, minor: int = 0, patch: int = 0) -> None:
        self.version = "unknown"
        self.package = ""
        self.commit = ""
        self.update_exe_host_user()
        self._numbers = (0, 0, 0)
        if isinstance(major, VersionSemantic):
            self.__dict__.update(major.__dict__)
        elif major or minor or patch:
            self.combine(major, minor, patch)

    @property
    def major_version(self) -> int:
        """First number."""
        return self._numbers[0]

    @property
    def minor_version(self) -> int:
        """Second number."""
        return self._numbers[1]

    @property
    def patch_version(self) -> int:
        """Third number."""
        return self._numbers[2]

    @property
    def version_info(self) -> str:
        """Everything that is known, for people."""
        origin = f"{self.package} {self.version} (commit {self.commit or 'unknown'})".lstrip()
        return f"{origin}\n{self.exe_name}, run by {self.username} on {self.hostname}"

    def parse(self, version: str) -> bool:
        """Read a version: PEP 440, a leading v allowed, or the word `unknown`.

        Returns:
            False when it is no version; nothing changes then.
        """
        from packaging.version import InvalidVersion  # few programs ever read a version

        try:
            numbers = (0, 0, 0) if version == "unknown" else _parsed(version).release
        except InvalidVersion:
            return False
        self.version = version.strip().removeprefix("v")
        self._numbers = (*numbers, 0, 0)[0], (*numbers, 0, 0)[1], (*numbers, 0, 0)[2]
        return True

    def update_exe_host_user(self) -> bool:
        """Find out again which program this is, on which computer, and who runs it.

        Returns:
            True.
        """
        self.exe_name = executable()
        self.hostname = hostname()
        self.username = username()
        return True

    def combine(self, major: int, minor: int, patch: int) -> bool:
        """Make the version of three numbers."""
        return self.parse(f"{major}.{minor}.{patch}")

    def __str__(self) -> str:
        return self.version

    def __repr__(self) -> str:
        return f"VersionSemantic({self.version!r})"

    def __eq__(self, other: object) -> bool:
        return self._order() == other._order() if isinstance(other, VersionSemantic) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._order() < other._order() if isinstance(other, VersionSemantic) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._order())

    def _order(self) -> Version:
        return _parsed("0" if self.version == "unknown" else self.version)


def _parsed(version: str) -> Version:
    from packaging.version import Version  # few programs ever compare versions

    return Version(version)
