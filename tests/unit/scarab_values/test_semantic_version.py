"""Semantic versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scarab import VersionSemantic


@pytest.mark.parametrize(
    ("text", "numbers", "version"),
    [
        ("v1.2.3", (1, 2, 3), "1.2.3"),
        ("1.2.3", (1, 2, 3), "1.2.3"),
        ("5.1", (5, 1, 0), "5.1"),
        ("2.0.1.dev3+gabc", (2, 0, 1), "2.0.1.dev3+gabc"),
        ("1.0.0rc1", (1, 0, 0), "1.0.0rc1"),
        ("1.2.3.4", (1, 2, 3), "1.2.3.4"),
        ("unknown", (0, 0, 0), "unknown"),
    ],
)
def test_versions_are_read(text, numbers, version):
    """A leading v, the suffixes of PEP 440 and the word `unknown` are accepted."""
    read = VersionSemantic()
    assert read.parse(text) is True
    assert (read.major_version, read.minor_version, read.patch_version) == numbers
    assert read.version == str(read) == version


@pytest.mark.parametrize("text", ["", "abc", "1.2.three", "v", "1..2"])
def test_what_is_no_version_changes_nothing(text):
    """`parse` says so."""
    version = VersionSemantic(1, 2, 3)
    assert version.parse(text) is False
    assert version.version == "1.2.3"


def test_a_version_is_made_of_three_numbers():
    """By the constructor, or by `combine`; without any it is unknown."""
    assert VersionSemantic(1, 2, 3).version == "1.2.3"
    version = VersionSemantic()
    assert version.version == "unknown"
    assert version.combine(4, 5, 6) is True
    assert version.patch_version == 6


def test_a_version_can_be_copied():
    """With everything that is known about the package."""
    version = VersionSemantic(1, 2, 3)
    version.package, version.commit = "lab/jitter", "abc"
    copy = VersionSemantic(version)
    version.combine(2, 0, 0)
    assert (copy.version, copy.package, copy.commit) == ("1.2.3", "lab/jitter", "abc")


def test_versions_are_compared():
    """By what they mean; package and commit do not matter."""
    assert VersionSemantic(1, 0, 0) > VersionSemantic(0, 9, 9)
    assert VersionSemantic(1, 9, 0) < VersionSemantic(1, 10, 0)
    assert VersionSemantic(1, 0, 0) == VersionSemantic(1, 0, 0)
    assert VersionSemantic(1, 0, 0) != VersionSemantic(1, 0, 1)
    assert VersionSemantic(1, 0, 0) >= VersionSemantic()
    assert VersionSemantic(1, 0, 0) != "1.0.0"
    early = VersionSemantic()
    early.parse("1.0.0rc1")
    assert early < VersionSemantic(1, 0, 0)
    assert len({VersionSemantic(1, 0, 0), VersionSemantic(1, 0, 0)}) == 1


def test_everything_that_is_known_is_told():
    """For people."""
    version = VersionSemantic(1, 2, 3)
    version.package, version.commit = "lab/jitter", "abc"
    assert version.version_info.startswith("lab/jitter 1.2.3 (commit abc)\n")
    assert version.username in version.version_info
    assert version.hostname in version.version_info


@given(st.text())
def test_any_text_is_a_version_or_not(text):
    """Nothing raises."""
    assert VersionSemantic().parse(text) in (True, False)


def test_program_computer_and_user_are_found_again(monkeypatch):
    """When they have changed meanwhile."""
    version = VersionSemantic(1, 2, 3)
    monkeypatch.setenv("LOGNAME", "grace")
    assert version.update_exe_host_user() is True
    assert (version.username, version.version) == ("grace", "1.2.3")
