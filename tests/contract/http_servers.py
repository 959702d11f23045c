"""HTTP servers on a mesh of a test's own."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request

import pytest

from dripline.core import Service
from dripline.implementations import HTTPServer, KeyValueStore

from .meshes import fresh_mesh, serving


@pytest.fixture(name="mesh")
def http_mesh(broker):
    """A mesh of the test's own, with a store on it."""
    with fresh_mesh(broker) as mesh:
        store = Service(mesh.name("store"), heartbeat_interval_s=0, **mesh.login)
        store.add_child(KeyValueStore(name="peaches", initial_value=0.75, calibration="2*{}"))
        with serving(store):
            yield mesh


@pytest.fixture(name="start")
def http_start(mesh):
    """Starts servers, and stops them at the end; gives their address."""
    running = []

    def start(**settings):
        server = HTTPServer(**{"http_port": 0, "timeout_s": 20, **mesh.login, **settings})
        ready = threading.Event()
        thread = threading.Thread(target=server.run, args=(ready,))
        thread.start()
        running.append((server, thread))
        assert ready.wait(30)
        return f"http://127.0.0.1:{server.http_port}"

    yield start
    for server, thread in running:
        server.stop()
        thread.join(30)
        assert not thread.is_alive()


def ask(url, method="GET", body=None, timeout=20, **headers):
    """Status and JSON of an answer."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(url, body and json.dumps(body).encode(), named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
