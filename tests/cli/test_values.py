"""Values on the command line: the same reading for every command, and `-abc` without `--`."""

from __future__ import annotations

import json

import pytest

READ = [
    ('["A?", "B?"]', ["A?", "B?"]),
    ('{"a": [1, null, true], "b": "x"}', {"a": [1, None, True], "b": "x"}),
    ("[]", []),
    ("[1, 2", "[1, 2"),
    ("[NaN]", "[NaN]"),
    ("{OUT1}", "{OUT1}"),
    ("-inf", "-inf"),
    ("-abc", "-abc"),
    ("-5", -5),
    ("-1e-3", -0.001),
    ("-stop", "-stop"),
    ("-temp", "-temp"),
    ("-", "-"),
    ("-5;6", "-5;6"),
]


@pytest.mark.parametrize(("word", "value"), READ)
def test_a_value_is_read_in_the_same_way_everywhere(shell, word, value):
    """As an argument and by keyword."""
    done = shell.run("dl-agent", "--dry-run-msg", "--json-print", "cmd", "x", "-s", "heat", f"a={word}", "1", word)
    expected = {"a": value, "values": [1, value]} if word != "-stop" else {"a": value, "values": [1]}
    assert json.loads(done.stdout)["payload"] == expected


@pytest.mark.parametrize("word", ["-inf", "-stop", "-1e-3", '{"a": ["A?", "B?"], "b": null}'])
def test_set_and_cmd_send_it(mesh, store, word):
    """`-stop` is the value of `dl set`, since `-s top` would leave no value."""
    value = {"-1e-3": -0.001}.get(word, word) if word.startswith("-") else json.loads(word)

    def chips() -> object:
        return json.loads(mesh.run("dl", "get", store.chips, "--json").stdout)["payload"]["value_raw"]

    for words in (["set", store.chips], ["cmd", store.chips, "on_set"]):
        assert mesh.run("dl", "set", store.chips, "0").returncode == 0
        assert mesh.run("dl", *words, word).returncode == 0
        assert chips() == value


@pytest.mark.parametrize(
    ("words", "payload"),
    [
        (["-inf", "-abc", "-5"], {"values": ["-inf", "-abc", -5]}),
        (["-abc", "-t", "3", "x=-inf"], {"values": ["-abc"], "x": "-inf"}),
        (["--values", "-abc", "[1]", "-t", "3"], {"values": ["-abc", [1]]}),
        (["-P", "-abc", "a=-x"], {"values": ["-abc"], "a": "-x"}),
        (["--", "--abc", "-t"], {"values": ["--abc", "-t"]}),
    ],
)
def test_words_with_one_dash_are_values_unless_they_spell_options(shell, words, payload):
    """Behind the routing key."""
    done = shell.run("dl-agent", "--dry-run-msg", "--json-print", "cmd", "peaches", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["payload"] == payload


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["set", "x", "--abc"], "no such option"),
        (["set", "x", "-json"], "no such option"),
        (["set", "x", "-v"], "missing argument 'VALUE'"),
        (["set", "x", "1", "-abc"], "got unexpected extra argument (-abc)"),
        (["get", "x", "-abc"], "no such option"),
        (["-abc", "set", "x"], "no such option"),
    ],
)
def test_a_mistyped_option_is_not_sent_as_a_value(shell, words, message):
    """A device must not get what was meant for the command."""
    done = shell.run("dl", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_setting_of_a_service_can_be_a_list(shell, free_port):
    """`key=value` of `dl-serve` reads values likewise."""
    words = ["-b", "localhost", "-p", str(free_port), "--embedded-broker", "name=listed"]
    running = shell.start("dl-serve", *words, 'endpoints=[{"name": "pears", "module": "KeyValueStore"}]')
    running.wait_until(lambda: "serves 1 endpoint" in running.stderr)
    assert running.end() == 0


def test_built_in_commands_refuse_surplus_arguments(mesh, store):
    """`lock KEY` would otherwise lock with another key, silently."""
    done = mesh.run("dl", "cmd", store.chips, "lock", "6f2ad6b1-0d5c-4c31-9d0b-3f8f6b1f2f7e")
    assert done.returncode == 3
    assert "'lock' takes no arguments; unexpected: ['6f2ad6b1" in done.stderr
    assert mesh.run("dl", "cmd", store.chips, "ping", "x=1").returncode == 3
    assert mesh.run("dl", "cmd", store.chips, "ping").returncode == 0
