"""`dl-http-server` as a user runs it."""

from __future__ import annotations

import json
import re
import signal
import urllib.error
import urllib.request

import pytest


def address(running):
    """Where a server says that it listens."""
    running.wait_until(lambda: "lists the endpoints" in running.stderr)
    return re.search(r"http://[^/]+", running.stderr)[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_until_it_is_stopped(mesh, store, number):
    """The mesh is the one that the other commands use; a signal ends it in good order."""
    running = mesh.start("dl-http-server", "http_port=0")
    with urllib.request.urlopen(f"{address(running)}/dl/{store.peaches}") as answer:
        assert json.load(answer)["payload"]["value_raw"] == 0.75
    assert running.end(number) == 0
    assert "Traceback" not in running.stderr


def test_a_broker_that_is_away_is_told_and_waited_for(shell, free_port):
    """Once that it is away, before anybody asks, and once that it is there; then the mesh can be asked."""
    server = shell.start("dl-http-server", "http_port=0", "-p", str(free_port))
    server.wait_until(lambda: f"no broker answers at localhost:{free_port}" in server.stderr)
    url = address(server)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{url}/dl/peaches", timeout=20)
    with caught.value as answer:
        assert (answer.code, answer.headers["Retry-After"]) == (503, "1")
    broker = shell.start("dl", "broker", "-p", str(free_port))
    server.wait_until(lambda: f"connected to the broker at localhost:{free_port}" in server.stderr)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{url}/dl/peaches", timeout=20)
    with caught.value as answer:
        assert answer.code == 404
    assert server.end() == 0
    assert server.stderr.count("going on trying") == 1
    assert broker.end() == 0


def test_a_login_that_is_refused_ends_it(mesh):
    """Trying again would not help."""
    done = mesh.run("dl-http-server", "http_port=0", "-u", "nobody", "--password", "wrong")
    assert done.returncode == 1
    assert "dl-http-server: " in done.stderr.splitlines()[-1]
    assert "nobody" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_value_is_told_with_its_place(shell):
    """As an unknown key is."""
    file = shell.write("http.yaml", "http_host: localhost\nhttp_port: eighty\n")
    done = shell.run("dl-http-server", "-c", file)
    assert done.returncode == 2
    assert done.stderr == (
        "dl-http-server: http.yaml:2:1: http_port: 'eighty' is no whole number from 0 to 65535\n"
    )


def test_keys_of_the_configuration_are_checked(shell):
    """A typing error names its place and the nearest key."""
    file = shell.write("http.yaml", "http_port: 8080\nhttp_hots: lab\n")
    done = shell.run("dl-http-server", "-c", file)
    assert done.returncode == 2
    assert done.stderr == "dl-http-server: http.yaml:2:1: unknown key 'http_hots'; did you mean 'http_host'?\n"


def test_the_network_without_a_token_is_worth_a_warning(shell):
    """Anybody could set anything."""
    running = shell.start("dl-http-server", "--http-host", "0.0.0.0", "--http-port", "0")
    running.wait_until(lambda: "lists the endpoints" in running.stderr)
    running.wait_until(lambda: "give a token (DRIPLINE_HTTP_TOKEN)" in running.stderr)
    assert running.end() == 0
