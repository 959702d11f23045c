"""`dl-serve`: a service from a configuration file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from dripline.core import ServiceConfig
from dripline.programs.common_options import CommonOptions
from dripline.programs.service import open_service_session

from .conftest import PATIENCE_S, new_store


def _serving(mesh, configuration: str, *words: str):
    running = mesh.start("dl-serve", "-c", mesh.write("service.yaml", configuration), *words)
    running.wait_until(lambda: " serves " in running.stderr)
    return running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly_and_free_its_name(mesh, number):
    """Exit 0; another one of the name can start at once."""
    store, configuration = new_store()
    for _ in range(2):
        running = _serving(mesh, configuration)
        assert mesh.run("dl-agent", "get", store.peaches).returncode == 0
        assert running.end(number) == 0
        assert running.stdout == ""
        assert "Traceback" not in running.stderr


def test_a_signal_at_the_worst_moment_ends_it_too(mesh):
    """What is raised while an object is thrown away is lost, and so would be the signal."""
    store, configuration = new_store()
    mesh.write(
        "unlucky.py",
        "import os, signal\nfrom dripline.core import Entity\nclass Thrown:\n    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n        sum(range(9))\n"
        "class Unlucky(Entity):\n    def __init__(self, **kwargs):\n"
        "        super().__init__(**kwargs)\n        Thrown()\n",
    )
    endpoint = f"  - {{name: u_{store.chips}, module: Unlucky, module_path: unlucky.py}}\n"
    running = mesh.start("dl-serve", "-v", "-c", mesh.write("unlucky.yaml", configuration + endpoint))
    assert running.process.wait(PATIENCE_S) == 0
    assert "ignored" in running.stderr
    assert "ended" in running.stderr


def test_a_request_in_hand_is_answered_before_it_ends(mesh):
    """Nobody is left waiting."""
    store, configuration = new_store()
    mesh.write(
        "slow.py",
        "import pathlib, time\nfrom dripline.core import Entity\nclass Slow(Entity):\n    def on_get(self):\n"
        "        pathlib.Path('asked').touch()\n        time.sleep(0.6)\n        return 'done'\n",
    )
    running = _serving(
        mesh, configuration + f"  - {{name: slow_{store.chips}, module: Slow, module_path: slow.py}}\n"
    )
    asking = mesh.start("dl-agent", "get", f"slow_{store.chips}")
    asking.wait_until((mesh.folder / "asked").exists)
    running.process.send_signal(signal.SIGTERM)
    assert asking.process.wait(PATIENCE_S) == 0
    assert "done" in asking.stdout
    assert running.process.wait(PATIENCE_S) == 0


def test_words_and_options_change_the_file(mesh):
    """A path leads into the list of endpoints."""
    store, configuration = new_store()
    running = _serving(mesh, configuration, "endpoints.1.initial_value=-42", "--heartbeat-interval-s", "0.2")
    assert "value_raw : -42" in mesh.run("dl-agent", "get", store.chips).stdout
    monitor = mesh.start("dl-mon", "-a", f"heartbeat.{store.name}", "--json-print")
    monitor.wait_until(lambda: monitor.stdout.count("\n") >= 2)
    heartbeat = json.loads(monitor.stdout.splitlines()[0])
    assert heartbeat["payload"]["name"] == store.name
    assert monitor.end() == 0
    assert running.end() == 0


def test_without_a_file_it_serves_a_bare_service(mesh):
    """Its name may be given as a word."""
    store, _ = new_store()
    running = mesh.start("dl-serve", f"name={store.name}")
    running.wait_until(lambda: f"{store.name} serves 0 endpoints" in running.stderr)
    reply = mesh.run("dl-agent", "cmd", store.name, "-s", "ping", "--json-print")
    assert json.loads(reply.stdout)["return_message"].startswith("Hello")
    assert running.end() == 0


def test_without_a_name_it_is_called_as_in_dripline_python():
    """Scripts address it so."""
    session = open_service_session(CommonOptions(broker="mesh.lab"))
    assert session.configuration["name"] == ServiceConfig().to_python()["name"] == "dlpy_service"


def test_quoted_numbers_and_booleans_are_read(mesh):
    """With a warning for each; what dripline-python reads as numbers does not end the start."""
    store, configuration = new_store()
    configuration = configuration.replace("heartbeat_interval_s: 1", "heartbeat_interval_s: '1'")
    running = _serving(mesh, configuration, "message_wait_ms=500")
    monitor = mesh.start("dl-mon", "-a", f"heartbeat.{store.name}")
    monitor.wait_until(lambda: "heartbeat" in monitor.stdout)
    assert "'heartbeat_interval_s': the text '1' is read as 1; leave out the quotes" in running.stderr
    assert (monitor.end(), running.end()) == (0, 0)


def test_logging_runs(mesh, store):
    """`dl-serve` turns scheduling on."""
    monitor = mesh.start("dl-mon", "-a", f"sensor_value.{store.peaches}")
    monitor.wait_until(lambda: "value_cal" in monitor.stdout)
    assert monitor.end() == 0


def test_a_version_4_configuration_runs_with_warnings(mesh):
    """The block is unfolded, old keys are ignored, the login comes from the old authentication file."""
    store, _ = new_store()
    mesh.write("auths.json", '{"amqp": {"username": "guest", "password": "guest"}}')
    running = _serving(
        mesh,
        f"runtime-config:\n  name: {store.name}\n  module: Service\n  auth_file: auths.json\n"
        f"  endpoints:\n    - {{name: {store.chips}, module: KeyValueStore}}\n",
        "--auth-file",
        "auths.json",
    )
    assert "service.yaml:1:1: 'runtime-config' is deprecated" in running.stderr
    assert "service.yaml:4:3: service" in running.stderr
    assert "'auth_file' is of an older version and ignored" in running.stderr
    assert running.end() == 0


def test_a_second_service_of_the_name_is_refused(mesh, store):
    """The first goes on."""
    done = mesh.run("dl-serve", f"name={store.name}")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        f"dl-serve: '{store.name}' is taken: another service or endpoint of that name is on the mesh"
    )
    assert mesh.run("dl-agent", "get", store.peaches).returncode == 0


def test_all_mistakes_of_a_file_are_told_in_one_run(shell):
    """No broker is needed; nothing is built."""
    shell.write(
        "bad.yaml",
        "name: bad_store\nhartbeat_interval_s: 3\nendpoints:\n  - name: peaches\n    module: KeyValueStore\n"
        "    calibrtion: '2*{}'\n  - name: peaches\n    module: KeyValueStor\n",
    )
    done = shell.run("dl-serve", "-c", "bad.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "dl-serve: bad.yaml:2:1: service 'bad_store' (Service): unknown argument 'hartbeat_interval_s'; "
        "did you mean 'heartbeat_interval_s'?",
        "dl-serve: bad.yaml:6:5: endpoint 'peaches' (KeyValueStore): unknown argument 'calibrtion'; "
        "did you mean 'calibration'?",
        "dl-serve: bad.yaml:7:5: endpoint 'peaches' (KeyValueStor): the name stands twice, first at bad.yaml:4:5; "
        "rename one of them",
        "dl-serve: bad.yaml:8:5: endpoint 'peaches' (KeyValueStor): no class 'KeyValueStor' in any extension, "
        "dripline.implementations or dripline.core; did you mean 'KeyValueStore'?",
    ]


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        (
            "name: s\nendpoints:\n  - name: a: b\n",
            [],
            "s.yaml:3:12: mapping values are not allowed in this context "
            "(quote text that contains ': ', and check the indentation)",
        ),
        ("name: s\nname: t\n", [], "s.yaml:2:1: the key 'name' stands twice, first in line 1; remove one of them"),
        ("- a\n", [], "s.yaml:1:1: a configuration is a mapping (key: value), this is a list"),
        ("module: Service\n", [], "s.yaml:1:1: service (Service): has no name; add 'name: …'"),
        (
            "name: s\nendpoints:\n  - name: a\n    module: KeyValueStore\n    calibration: ENV{NOT_SET}*{}\n",
            [],
            "s.yaml:5:5: endpoints.0.calibration: the environment variable 'NOT_SET' is not set; "
            "set it, or write a value instead of ENV{NOT_SET}",
        ),
        (
            "name: s\ndripline_mesh:\n  broker_port: many\n",
            [],
            "s.yaml:3:3: dripline_mesh: broker_port must be a whole number, not 'many'",
        ),
        ("name: s\n", ["foo"], "'foo' is not KEY=VALUE, and nothing else is expected here"),
        ("name: s\n", ["s.yaml"], "'s.yaml' is a file; a configuration file is given with -c"),
        ("name: s\n", ["foo=1"], "command line, 'foo=1': service 's' (Service): unknown argument 'foo'"),
        (
            "name: s\n",
            ["-b", "192.0.2.1", "--embedded-broker"],
            "192.0.2.1:5672 is not an address of this machine: an embedded broker can only run here; "
            "leave --embedded-broker out, or name this machine with -b",
        ),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_2(shell, text, words, line):
    """File, line and column, the key, and the remedy."""
    done = shell.run("dl-serve", "-c", shell.write("s.yaml", text), *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"dl-serve: {line}")
    assert done.stderr.count("\n") == 1


def test_a_missing_file_is_told_with_the_nearest_name(shell):
    """Exit 2."""
    shell.write("my_store.yaml", "name: s\n")
    done = shell.run("dl-serve", "-c", "my_stroe.yaml")
    assert (done.returncode, done.stderr) == (
        2, "dl-serve: my_stroe.yaml: there is no such file; did you mean 'my_store.yaml'?\n"
    )  # fmt: skip


LAB = """\
from dripline.core import Entity, Service, ThrowReply

class Base(Entity):
    def __init__(self, base_str, **kwargs):
        Entity.__init__(self, **kwargs)

class Derived(Base):
    def __init__(self, **kwargs):
        Base.__init__(self, **kwargs)

class Throws(Entity):
    def __init__(self, **kwargs):
        raise ThrowReply("resource_error_connection", "no answer from 10.0.0.7:5025")

class Refuses(Entity):
    def __init__(self, **kwargs):
        from dripline.errors import ConfigurationError
        raise ConfigurationError("port must be a number")

class Breaks(Entity):
    def __init__(self, **kwargs):
        {}["port"]
"""


@pytest.mark.parametrize(
    ("module", "code", "line"),
    [
        ("Derived", 2, "s.yaml:3:5: endpoint 'x' (Derived): missing 1 required positional argument: 'base_str'"),
        ("Throws", 2, "s.yaml:3:5: endpoint 'x' (Throws) cannot be made: ThrowReply: "),
        ("Breaks", 3, "s.yaml:3:5: endpoint 'x' (Breaks) cannot be made: KeyError: 'port' (place/lab.py:22)"),
        ("Refuses", 2, "s.yaml:3:5: endpoint 'x' (Refuses): port must be a number"),
    ],
)
def test_a_constructor_that_fails_is_one_line(shell, module, code, line):
    """Whoever wrote it; `-vv` adds the traceback."""
    folder = shell.folder / "place"
    folder.mkdir()
    (folder / "lab.py").write_text(LAB)
    shell.write(
        "s.yaml", f"name: s\nendpoints:\n  - name: x\n    module: {module}\n    module_path: place/lab.py\n"
    )
    done = shell.run("dl-serve", "-c", "s.yaml")
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"dl-serve: {line}")
    assert done.stderr.count("\n") == 1
    assert "Traceback" in shell.run("dl-serve", "-c", "s.yaml", "-vv").stderr


def test_a_class_may_stand_beside_the_configuration(shell):
    """`module_path` is looked for from the working folder, then from the file's."""
    folder = shell.folder / "lab"
    folder.mkdir()
    (folder / "mine.py").write_text("from dripline.core import Entity\nclass Mine(Entity): pass\n")
    (folder / "s.yaml").write_text("name: s\nendpoints: [{name: x, module: Mine, module_path: mine.py, foo: 1}]\n")
    done = shell.run("dl-serve", "-c", "lab/s.yaml")
    assert done.stderr.startswith("dl-serve: lab/s.yaml:2:59: endpoint 'x' (Mine): unknown argument 'foo'")


def test_an_extension_may_register_secrets(shell, free_port):
    """A broken one is told and disturbs nobody."""
    folder = shell.folder / "site/dripline/extensions"
    folder.mkdir(parents=True)
    (folder / "add_auth_spec.py").write_text(
        "class AddAuthSpec:\n    def __init__(self, app):\n        app.add_all(app)\n"
    )
    shell.environment["PYTHONPATH"] = os.pathsep.join([str(shell.folder / "site"), *sys.path])
    words = ["-b", "127.0.0.1", "-p", str(free_port), "--max-connection-attempts", "1"]
    done = shell.run("dl-serve", "name=s", *words)
    assert "extension 'add_auth_spec': AddAuthSpec fails: AttributeError: " in done.stderr
    assert "dl-serve: no broker answers" in done.stderr
    (folder / "add_auth_spec.py").write_text(
        "class AddAuthSpec:\n    def __init__(self, app):\n"
        "        app.add_default_auth_spec_group('slack', {'token': {'env': 'SLACK'}})\n"
    )
    (folder / "slack.py").write_text(
        "from dripline.core import Service\nclass Relay(Service):\n    def __init__(self, **kwargs):\n"
        "        Service.__init__(self, **kwargs)\n        raise ValueError(self.auth.get('slack', 'token'))\n"
    )
    done = shell.run("dl-serve", "name=s", "module=Relay", *words, SLACK="abc")
    assert done.stderr.startswith(
        "dl-serve: command line: service 's' (Relay) cannot be made: ValueError: abc (extensions/slack.py:5)"
    )


def test_it_waits_for_a_broker_and_tells_so(shell, free_port):
    """A service may come up before its broker does; Ctrl-C ends the wait, cleanly."""
    running = shell.start("dl-serve", "name=s", "-b", "127.0.0.1", "-p", str(free_port))
    running.wait_until(lambda: "attempt 1 of 10" in running.stderr)
    assert f"no broker answers at 127.0.0.1:{free_port}" in running.stderr
    assert running.end() == 0
    assert "Traceback" not in running.stderr


def test_it_gives_up_after_the_attempts_that_it_was_given(shell, free_port):
    """With the address and the remedy."""
    words = ["-b", "127.0.0.1", "-p", str(free_port), "--max-connection-attempts", "1"]
    done = shell.run("dl-serve", "name=s", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(
        f"dl-serve: no broker answers at 127.0.0.1:{free_port} (Connection refused); start RabbitMQ, or"
    )


def test_a_wrong_password_names_the_user_only(mesh):
    """The password is nowhere, however much the log tells."""
    done = mesh.run("dl-serve", "name=s", "-u", "guest", "--password", "geheim", "-vvv")
    assert done.returncode == 1
    assert "refused user 'guest'" in done.stderr.splitlines()[-1]
    assert "geheim" not in done.stderr


def test_a_broker_may_run_inside(shell, free_port):
    """`--embedded-broker`, with the mesh's login; a second service joins it."""
    store, configuration = new_store()
    where = ["-b", "127.0.0.1", "-p", str(free_port), "-u", "me", "--password", "secret"]
    first = shell.start("dl-serve", "-c", shell.write("s.yaml", configuration), "--embedded-broker", *where)
    first.wait_until(lambda: " serves " in first.stderr)
    assert f"started an embedded broker at 127.0.0.1:{free_port}" in first.stderr
    assert "value_raw : 1.750000" in shell.run("dl-agent", "get", store.chips, *where).stdout
    assert shell.run("dl-agent", "get", store.chips, *where[:4]).returncode == 1
    second = shell.start("dl-serve", "name=second", "--embedded-broker", *where)
    second.wait_until(lambda: " serves " in second.stderr)
    assert f"joining the broker that answers at 127.0.0.1:{free_port}" in second.stderr
    assert second.end() == 0
    assert first.end() == 0


def test_log_lines_are_short(mesh):
    """Time, level, logger, message; without colours where no terminal is."""
    store, _ = new_store()
    running = mesh.start("dl-serve", f"name={store.name}")
    running.wait_until(lambda: " serves " in running.stderr)
    time, level, logger, message = running.stderr.splitlines()[0].split(" ", 3)
    assert len(time) == 8
    assert (level, logger) == ("info", "dripline.service")
    assert message.startswith(f"{store.name} serves 0 endpoints on ")
    assert running.end() == 0
    assert "\033" not in running.stderr


def test_quiet_is_quiet(mesh):
    """One `-q` hides what is no warning."""
    store, _ = new_store()
    running = mesh.start("dl-serve", f"name={store.name}", "-q")
    running.wait_until(lambda: mesh.run("dl-agent", "cmd", store.name, "-s", "ping").returncode == 0)
    assert running.end() == 0
    assert running.stderr == ""


def test_it_ends_with_the_process_that_started_it(mesh):
    """`dl serve` holds the other end of its standard input."""
    store, _ = new_store()
    process = subprocess.Popen(
        [sys.executable, "-m", "dripline.cli.dl_serve", f"name={store.name}", "--end-with-stdin"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=mesh._surroundings({}),
    )
    with process:
        assert b" serves " in process.stderr.readline()
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
