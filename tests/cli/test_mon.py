"""`dl-mon`: the messages of a mesh, until stopped."""

from __future__ import annotations

import json
import signal

import pytest


def _documents(text: str) -> list[dict]:
    whole = text[: text.rfind("\n") + 1]  # the last line may be being written
    return [json.loads(line) for line in whole.splitlines()]


def test_alerts_are_shown_as_blocks(mesh, store):
    """Each as the reference prints it, with an empty line behind."""
    monitor = mesh.start("dl-mon", "-a", f"sensor_value.{store.peaches}")
    monitor.wait_until(lambda: "value_raw" in monitor.stdout)
    assert monitor.end() == 0
    block = monitor.stdout.split("\n\nRouting key")[0]
    assert block.startswith(f"Routing key: sensor_value.{store.peaches}\nCorrelation ID: ")
    assert "Message Type: 4 (alert)\n" in block
    assert f"\tService: {store.name}\n" in block
    assert monitor.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_on_signals(mesh, number):
    """Exit code 0, and no word about it."""
    monitor = mesh.start("dl-mon", "-a", "nothing.comes", "-v")
    monitor.wait_until(lambda: "listening to requests [] and alerts ['nothing.comes']" in monitor.stderr)
    assert monitor.end(number) == 0
    assert "Traceback" not in monitor.stderr


def test_options_with_many_words_and_json(mesh, store):
    """`-r a b -a '#'`: requests, their replies' keys are the clients' queues, and alerts."""
    monitor = mesh.start("dl-mon", "-r", store.chips, store.peaches, "-a", "my.news", "her.news", "--json-print")

    def heard() -> bool:
        for key in ("my.news", "her.news"):
            mesh.run("dl-agent", "alert", key, "x=1")
        mesh.run("dl-agent", "set", store.chips, "1")
        mesh.run("dl-agent", "get", store.peaches)
        return {"my.news", "her.news", store.chips, store.peaches} <= {
            m["routing_key"] for m in _documents(monitor.stdout)
        }

    monitor.wait_until(heard)
    assert monitor.end() == 0
    by_key = {message["routing_key"]: message for message in _documents(monitor.stdout)}
    assert by_key["my.news"]["payload"] == {"x": 1}
    assert by_key[store.chips]["message_operation"] == 0
    assert by_key[store.chips]["payload"] == {"values": [1]}


def test_without_keys_everything_is_shown(mesh, store):
    """Requests, replies and alerts."""
    monitor = mesh.start("dl-mon", "--json-print")

    def heard() -> bool:
        mesh.run("dl-agent", "get", store.chips)
        return {2, 3, 4} <= {message["message_type"] for message in _documents(monitor.stdout)}

    monitor.wait_until(heard)
    assert monitor.end() == 0


def test_pretty_print_is_indented(mesh, store):
    """For eyes."""
    monitor = mesh.start("dl-mon", "-a", f"sensor_value.{store.peaches}", "--pretty-print")
    monitor.wait_until(lambda: '\n    "payload": {\n        "value_cal": ' in monitor.stdout)
    assert monitor.end(signal.SIGTERM) == 0


def test_words_belong_to_the_configuration(shell, free_port):
    """`key=value` words set what a file would."""
    done = shell.run("dl-mon", "dripline_mesh.broker=127.0.0.1", f"dripline_mesh.broker_port={free_port}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"dl-mon: no broker answers at 127.0.0.1:{free_port}")
    wrong = shell.run("dl-mon", "dripline_mesh.brokr=x")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "dl-mon: command line, 'dripline_mesh.brokr=x': dripline_mesh: unknown setting 'brokr'; "
        "did you mean 'broker'?\n",
    )
