"""What `dl-agent -c FILE` takes from the file: all that the reference takes and sends."""

from __future__ import annotations

import json

import pytest

KEY = "6f2ad6b1-0d5c-4c31-9d0b-3f8f6b1f2f7e"


@pytest.fixture
def message_of(shell):
    """The message that `dl-agent` would send with a file and further arguments."""

    def sent(text: str, *words: str) -> dict[str, object]:
        shell.write("message.yaml", text)
        done = shell.run("dl-agent", "-c", "message.yaml", "--dry-run-msg", "--json-print", *words)
        assert (done.returncode, done.stderr) == (0, "")
        message: dict[str, object] = json.loads(done.stdout)
        return message

    return sent


def test_keys_of_the_file_become_the_payload(message_of):
    """Arguments override them; values are joined: those of the file, of the command line, `option_values`."""
    text = "values: [1, A]\ntimes: 5\nnested: {a: 1, b: [1, 2]}\noption_values: [z]\n"
    assert message_of(text, "cmd", "peaches")["payload"] == {
        "values": [1, "A", "z"],
        "times": 5,
        "nested": {"a": 1, "b": [1, 2]},
    }
    words = ["7", "times=6", "nested.a=2", "--values", "8"]
    assert message_of(text, "cmd", "peaches", *words)["payload"] == {
        "values": [1, "A", 7, 8, "z"],
        "times": 6,
        "nested": {"a": 2, "b": [1, 2]},
    }
    assert message_of("values: 5\n", "set", "peaches")["payload"] == {"values": [5]}
    assert message_of("values: [1, 2]\n", "set", "peaches", "values.0=9")["payload"] == {"values": [9, 2]}


def test_the_file_sets_options_that_the_command_line_does_not(message_of):
    """Specifier and lockout key of a request, code and text of a reply."""
    text = f"specifier: lock\nlockout_key: {KEY}\nreturn: {{code: 5, message: hello}}\ntimeout: 3\n"
    message = message_of(text, "cmd", "peaches")
    assert (message["specifier"], message["lockout_key"], message["payload"]) == ("lock", KEY, {})
    assert message_of(text, "cmd", "peaches", "-s", "ping")["specifier"] == "ping"
    reply = message_of(text, "reply", "peaches")
    assert (reply["return_code"], reply["return_message"], reply["payload"]) == (5, "hello", {})
    assert message_of(text, "reply", "peaches", "--return-code", "0")["return_code"] == 0
    assert message_of("x: 1\n", "alert", "news")["payload"] == {"x": 1}


def test_connection_login_and_anchors_are_not_sent(message_of):
    """Nor is anything of a file that describes a service."""
    text = "dripline_mesh: {broker: lab}\nusername: lab\npassword: secret\nx-a: &a 5\nvalue: *a\nrk: other\n"
    message = message_of(text, "get", "peaches")
    assert (message["payload"], message["routing_key"]) == ({"value": 5}, "peaches")
    old = "amqp: {broker: lab, password: secret}\nauth-file: /nowhere\nauth-groups: {lab: {key: {default: x}}}\n"
    assert message_of(old, "get", "peaches")["payload"] == {}
    service = "name: my_store\nmodule: Service\nendpoints: [{name: x, module: KeyValueStore}]\n"
    assert message_of(service, "cmd", "x", "-s", "ping")["payload"] == {}


def test_a_file_is_enough_to_set_a_value(mesh, store):
    """With a real service."""
    mesh.write("seven.yaml", "values: [7.5]\njson_print: true\n")
    assert mesh.run("dl-agent", "-c", "seven.yaml", "set", store.chips).returncode == 0
    done = mesh.run("dl-agent", "-c", "seven.yaml", "get", store.chips)
    assert json.loads(done.stdout)["payload"] == {"value_raw": 7.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timeout: soon\n", "m.yaml:1:1: timeout: 'soon' is not a valid"),
        ("a: 1\nspecifier: [x]\n", "m.yaml:2:1: specifier: must be a single value"),
        ("return: {cod: 5}\n", "m.yaml:1:10: return: unknown key 'cod'; known: code, message"),
        ("return: 5\n", "m.yaml:1:1: return: must be a mapping with code and message"),
        ("save: reply.json\n", "m.yaml:1:1: save: not supported; remove it and redirect the output"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_with_its_place(shell, text, message):
    """Exit code 2, before anything is sent."""
    shell.write("m.yaml", text)
    done = shell.run("dl-agent", "-c", "m.yaml", "get", "peaches")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"dl-agent: {message}")
    assert done.stderr.count("\n") == 1
