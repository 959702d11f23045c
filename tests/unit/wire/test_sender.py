"""Who sends."""

from pathlib import Path

import pytest

import scarab
from dripline.errors import DriplineError
from dripline.wire import sender
from scarab.process import executable


@pytest.fixture
def versions(monkeypatch):
    """A register of versions that ends with the test."""
    monkeypatch.setattr(sender, "_versions", dict(sender._versions))


def test_everything_real_peers_want_is_there():
    """A message without one of the five is dropped by real peers, as is a version entry without version."""
    info = sender.sender_info("my_store")
    assert set(info) == {"exe", "hostname", "username", "service_name", "versions"}
    assert info["service_name"] == "my_store"
    assert all(isinstance(info[key], str) and info[key] for key in info if key != "versions")
    assert info["versions"]["dripline"] == {"version": "3.0.0"}
    assert all(entry["version"] for entry in info["versions"].values())


def test_a_client_has_no_name():
    """Clients call themselves `unknown`."""
    assert sender.sender_info()["service_name"] == "unknown"


def test_the_program_is_named_by_its_full_path():
    """`exe` is what scarab knows about the process."""
    assert sender.sender_info()["exe"] == executable()
    assert Path(executable()).is_absolute()


def test_versions_of_other_packages_can_be_added(versions):
    """A VersionSemantic or a mapping; what is empty is left out."""
    jitter = scarab.VersionSemantic(1, 2, 3)
    jitter.package = "lab/jitter"
    sender.add_version("jitter", jitter)
    sender.add_version("shaker", {"version": "2.0", "commit": "abc"})
    found = sender.sender_info()["versions"]
    assert found["jitter"] == {"version": "1.2.3", "package": "lab/jitter"}
    assert found["shaker"] == {"version": "2.0", "commit": "abc"}
    assert list(found) == sorted(found)


def test_an_added_version_can_be_asked_for(versions):
    """It comes back as a VersionSemantic."""
    sender.add_version("jitter", {"version": "1.2.3", "package": "lab/jitter"})
    version = sender.get_version("jitter")
    assert isinstance(version, scarab.VersionSemantic)
    assert (version.minor_version, version.package) == (2, "lab/jitter")
    assert sender.get_version("dripline").version == "3.0.0"


def test_a_package_asks_for_its_version_by_its_own_name(versions):
    """Extensions are announced as `dripline.extensions.<name>`."""
    sender.add_version("dripline.extensions.furnace", scarab.VersionSemantic(1, 2, 3))
    assert sender.get_version("furnace").version == sender.get_version("dripline.extensions.furnace").version
    assert sender.get_version("furnace").version == "1.2.3"


def test_what_is_no_version_is_refused(versions):
    """An entry without a version would make real peers drop every message."""
    for nothing in ({}, {"commit": "abc"}, None, "1.2.3"):
        with pytest.raises(DriplineError, match="jitter"):
            sender.add_version("jitter", nothing)
    with pytest.raises(DriplineError, match="known: dripline"):
        sender.get_version("nowhere")


def test_what_is_handed_out_does_not_change_the_register():
    """A caller may do what he likes with the mapping."""
    sender.sender_info()["versions"]["dripline"]["version"] = "0"
    assert sender.sender_info()["versions"]["dripline"]["version"] == "3.0.0"


@pytest.mark.parametrize(
    ("info", "text"),
    [
        ({"service_name": "pump", "exe": "/opt/pump", "hostname": "lab"}, "service pump, /opt/pump on lab"),
        ({"service_name": "unknown", "exe": "/opt/dl", "hostname": "lab"}, "/opt/dl on lab"),
        ({"hostname": "lab"}, "lab"),
        ({"exe": 5, "versions": {}}, "5"),
        ({}, ""),
        (None, ""),
        ("me", ""),
    ],
)
def test_a_sender_is_described_as_far_as_it_is_known(info, text):
    """For errors and log lines about messages that may be damaged."""
    assert sender.describe_sender(info) == text
