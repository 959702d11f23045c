"""What all members of a mesh agree on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.config.mesh import MeshSettings
from dripline.errors import ConfigurationError


def test_without_settings_the_defaults_of_the_protocol_hold():
    """No configuration at all means a broker on this computer and the usual exchanges."""
    mesh = MeshSettings.from_dict(None)
    assert mesh == MeshSettings()
    assert (mesh.broker, mesh.broker_port, mesh.virtual_host) == ("localhost", 5672, "/")
    assert (mesh.requests_exchange, mesh.alerts_exchange) == ("requests", "alerts")
    assert (mesh.max_payload_size, mesh.heartbeat_routing_key) == (10000, "heartbeat")


def test_given_settings_replace_defaults():
    """A setting that is given counts, one that is None does not."""
    mesh = MeshSettings.from_dict({"broker": "rabbit", "broker_port": 5673, "alerts_exchange": None})
    assert (mesh.broker, mesh.broker_port, mesh.alerts_exchange) == ("rabbit", 5673, "alerts")


def test_a_number_may_come_as_text_of_digits():
    """ENV{PORT} in a file gives text."""
    assert MeshSettings.from_dict({"broker_port": "5673"}).broker_port == 5673


def test_an_interval_may_be_a_fraction_of_a_second():
    """Also from ENV{INTERVAL}, which gives a string; 0 is never."""
    for setting, interval_s in ((0.5, 0.5), ("2.5", 2.5), (3, 3.0), (0, 0.0), (None, 10.0)):
        assert MeshSettings.from_dict({"self_check_interval_s": setting}).self_check_interval_s == interval_s


def test_a_typing_error_is_told_with_the_nearest_setting():
    """Unknown settings are not swallowed."""
    with pytest.raises(ConfigurationError, match=r"'brocker_port'; did you mean 'broker_port'\?"):
        MeshSettings.from_dict({"brocker_port": 1})
    with pytest.raises(ConfigurationError, match="known: alerts_exchange"):
        MeshSettings.from_dict({"zzz": 1})


@pytest.mark.parametrize(
    "settings",
    [
        {"broker": 5},
        {"broker_port": "abc"},
        {"broker_port": True},
        {"broker_port": 70000},
        {"broker_port": -1},
        {"max_payload_size": 0},
        {"max_connection_attempts": 0},
        {"max_payload_size": 1.5},
        {"self_check_interval_s": -1},
        {"self_check_interval_s": "often"},
        {"self_check_interval_s": True},
        {"self_check_interval_s": float("nan")},
        {"self_check_interval_s": float("inf")},
        {"return_codes": 5},
        {"return_codes": [1]},
    ],
)
def test_a_wrong_type_or_range_is_told_with_the_setting(settings):
    """The text of the error names the setting."""
    (name,) = settings
    with pytest.raises(ConfigurationError, match=f"dripline_mesh: {name}"):
        MeshSettings.from_dict(settings)


def test_the_block_itself_must_be_a_mapping():
    """A list in place of the block is told as such."""
    with pytest.raises(ConfigurationError, match="must be a mapping"):
        MeshSettings.from_dict(["broker"])


def test_return_codes_are_a_list_or_a_file():
    """Return codes come as mappings or as the name of a file."""
    codes = [{"name": "too_hot", "value": 1001, "description": "Too Hot"}]
    assert MeshSettings.from_dict({"return_codes": codes}).return_codes == tuple(codes)
    assert MeshSettings.from_dict({"return_codes": "codes.yaml"}).return_codes == "codes.yaml"


@given(st.dictionaries(st.text(max_size=20), st.none() | st.integers() | st.text() | st.booleans(), max_size=4))
def test_any_mapping_is_taken_or_refused_with_a_reason(settings):
    """Whatever stands in a file, nothing but a configuration error comes out."""
    try:
        MeshSettings.from_dict(settings)
    except ConfigurationError as error:
        reason = str(error)
        assert reason.startswith("dripline_mesh: ")
