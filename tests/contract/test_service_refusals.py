"""What one message could do to a service of the reference, and cannot to one of ours. Each was tried there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dripline.core import Interface, Service
from dripline.errors import ErrorReply

from .meshes import client, fresh_mesh, serving


@pytest.fixture(scope="module", params=["embedded", "rabbitmq"])
def house(request: pytest.FixtureRequest) -> Iterator[tuple[str, Interface]]:
    """The name of a service with a store, and a client."""
    with fresh_mesh(request.getfixturevalue(request.param)) as mesh:
        stores = [
            {"name": "peaches", "module": "KeyValueStore", "calibration": "2*{}"},
            {"name": "words", "module": "KeyValueStore", "calibration": "'{}'.lower()"},
        ]
        service = Service(mesh.name("my_store"), endpoints=stores, **mesh.login)
        with serving(service), client(mesh) as interface:
            yield service.name, interface
            assert interface.cmd(service.name, "ping") is None, "the service did not survive"


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("create_object", [{"module": "E", "module_path": "FILE"}, "Service"]),
        ("cancel", [0]),
        ("stop", []),
        ("run", []),
        ("start", []),
        ("listen", []),
        ("do_cancellation", [0]),
        ("add_child", ["x"]),
        ("bind_key", ["requests", "#"]),
        ("schedule", ["x", "y"]),
        ("send", ["x"]),
        ("set", ["somebody", 1]),
        ("__getattribute__", ["auth"]),
        ("__init__", ["other"]),
        ("__setattr__", ["name", "x"]),
        ("_Service__throw_without_connection", [None]),
    ],
)
def test_commands_that_are_none(house, method, arguments, tmp_path):
    """306 for everything that is the framework's; nothing is run."""
    service, interface = house
    file = tmp_path / "evil.py"
    file.write_text(f"from pathlib import Path\nPath({str(tmp_path / 'was_here')!r}).touch()\nclass E: pass\n")
    given = [{**a, "module_path": str(file)} if isinstance(a, dict) else a for a in arguments]
    with pytest.raises(ErrorReply) as caught:
        interface.cmd(service, method, given)
    assert caught.value.return_code == 306
    assert not Path(tmp_path / "was_here").exists()


@pytest.mark.parametrize(
    "name", ["auth", "endpoint_configs", "__class__", "__dict__", "_cancel_event", "service", "send"]
)
def test_attributes_that_are_none(house, name):
    """310 for reading and for writing."""
    service, interface = house
    for call in (lambda: interface.get(service, name), lambda: interface.set(service, 5, name)):
        with pytest.raises(ErrorReply) as caught:
            call()
        assert caught.value.return_code == 310


@pytest.mark.parametrize(
    "name", ["on_get", "on_set", "do_get_request", "service", "_calibration", "_value", "name", "lockout"]
)
def test_a_set_changes_no_method_and_nothing_private(house, name):
    """A set of `on_get` made every later get an unhandled exception, and the service end."""
    _, interface = house
    with pytest.raises(ErrorReply) as caught:
        interface.set("peaches", 5, name)
    assert caught.value.return_code == 310
    interface.set("peaches", 1)
    assert interface.get("peaches") == {"value_raw": 1, "value_cal": 2}


@pytest.mark.parametrize("word", ["(open('{}').read())", "' + open('{}').read() + '", "{{0.__class__}}"])
def test_a_value_is_no_code(house, word, tmp_path):
    """A set of this text, then a get, gave the file."""
    _, interface = house
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    interface.confirm_retcodes = False
    for name in ("peaches", "words"):
        interface.set(name, word.format(secret))
        assert "s3cret" not in str(interface.get(name))
    interface.confirm_retcodes = True
