"""dripline.config.mesh_address: where the broker is, as an address or in parts, and what goes with TLS."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dripline.config.diagnostics import InvalidConfiguration
from dripline.config.mesh import MeshSettings
from dripline.errors import ConfigurationError


@pytest.mark.parametrize(
    ("given_settings", "expected"),
    [
        ({"broker": "amqps://lab"}, ("lab", 5671, "/", True)),
        ({"broker": "amqps://lab/"}, ("lab", 5671, "/", True)),
        ({"broker": "amqps://lab:5699/my%2Flab"}, ("lab", 5699, "my/lab", True)),
        ({"broker": "amqp://lab"}, ("lab", 5672, "/", False)),
        ({"broker": "amqp://[::1]:5673"}, ("::1", 5673, "/", False)),
        ({"broker": "amqp://lab", "broker_port": 5673}, ("lab", 5673, "/", False)),
        ({"broker": "amqps://lab", "virtual_host": "test"}, ("lab", 5671, "test", True)),
        ({"broker": "amqps://lab", "broker_port": 5672, "virtual_host": "/"}, ("lab", 5671, "/", True)),
        ({"broker": "amqps://lab:5699", "broker_port": 5672}, ("lab", 5699, "/", True)),
        ({"broker": "lab", "tls": True}, ("lab", 5671, "/", True)),
        ({"broker": "::1"}, ("::1", 5672, "/", False)),
        ({"broker": "lab", "tls": True, "broker_port": 5672}, ("lab", 5672, "/", True)),
        ({"broker": "lab", "tls": "true", "broker_port": "5699"}, ("lab", 5699, "/", True)),
    ],
)
def test_an_address_says_what_its_parts_would(given_settings, expected):
    """Scheme, host, port and virtual host; what is left out comes from the other settings or goes with TLS."""
    mesh = MeshSettings.from_dict(given_settings)
    assert (mesh.broker, mesh.broker_port, mesh.virtual_host, mesh.tls) == expected


@pytest.mark.parametrize(
    ("given_settings", "key", "text"),
    [
        ({"broker": "http://lab"}, "broker", "is no address: http://lab; one looks like amqps://"),
        ({"broker": "amqps://"}, "broker", "is no address"),
        ({"broker": "amqps://lab:x"}, "broker", "is no address"),
        ({"broker": "amqps://lab?heartbeat=3"}, "broker", "is no address"),
        ({"broker": "amqps://lab", "tls": False}, "broker", "but tls is false: leave one of them out"),
        ({"broker": "amqp://lab", "tls": True}, "broker", "but tls is true"),
        ({"broker": "amqps://lab:5671", "broker_port": 5699}, "broker", "but broker_port is 5699"),
        ({"broker": "amqps://lab/a", "virtual_host": "b"}, "broker", "but virtual_host is b"),
        ({"ca_file": "ca.pem"}, "ca_file", "is for TLS, which is off: add 'tls: true'"),
        ({"tls": False, "key_file": "key.pem"}, "key_file", "is for TLS"),
        ({"verify": False}, "verify", "is for TLS"),
        ({"tls": True, "key_file": "key.pem"}, "key_file", "without certificate_file"),
        (
            {"broker": "lab:5673"},
            "broker",
            "is lab:5673: write amqp://lab:5673, or broker: lab and broker_port: 5673",
        ),
        ({"auth_mechanism": "external"}, "auth_mechanism", "name one with certificate_file (--certificate)"),
        ({"auth_mechanism": "EXTERNAL", "tls": True}, "auth_mechanism", "logs in by a certificate"),
    ],
)
def test_settings_that_do_not_go_together_are_told(given_settings, key, text):
    """In one line that names the setting to change, and how."""
    with pytest.raises(InvalidConfiguration) as caught:
        MeshSettings.from_dict(given_settings)
    assert [one.place.path for one in caught.value.diagnostics] == [("dripline_mesh", key)]
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_verification_that_is_on_anyway_says_nothing():
    """Only turning it off needs TLS."""
    assert MeshSettings.from_dict({"verify": True}).tls is False


@pytest.mark.parametrize(("key", "value"), [("tls", "on"), ("tls", 1), ("verify", "x"), ("ca_file", 3)])
def test_a_setting_of_a_wrong_kind_is_told(key, value):
    """A switch is true or false, a file a text."""
    with pytest.raises(ConfigurationError, match=f"{key} must be"):
        MeshSettings.from_dict({key: value})


@pytest.mark.parametrize("value", [-1, 65536, 1.5])
def test_heartbeats_have_whole_seconds(value):
    """AMQP has 16 bits for them."""
    with pytest.raises(ConfigurationError, match="heartbeat_s"):
        MeshSettings.from_dict({"heartbeat_s": value})


@settings(deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1).map(lambda text: f"geheim{text}")
)
def test_a_password_in_an_address_is_refused_and_never_shown(password):
    """Whatever it is made of, escaped or not."""
    for address in (
        f"amqps://ada:{password}@lab:5671/x",
        f"amqps://{password}@lab",
        f"x://ada:{password}@lab:99999",
        f"amqp//ada:{password}@lab",
        f"ada:{password}@lab",
    ):
        with pytest.raises(ConfigurationError) as caught:
            MeshSettings.from_dict({"broker": address})
        assert "geheim" not in str(caught.value)
        with pytest.raises(ConfigurationError) as caught:
            MeshSettings.from_dict(address)  # type: ignore[arg-type]  # as in `dripline_mesh: amqps://…`
        assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("key", ["broker_port", "tls", "return_codes", "auth_mechanism", "virtual_host"])
def test_an_address_in_the_wrong_place_shows_no_password(key):
    """A text or a list of them where something else should be."""
    value = ["amqp://ada:geheim@lab"] if key == "virtual_host" else "amqp://ada:geheim@lab"
    if key == "return_codes":
        value = [value]
    with pytest.raises(ConfigurationError) as caught:
        MeshSettings.from_dict({key: value})
    assert "geheim" not in str(caught.value)
