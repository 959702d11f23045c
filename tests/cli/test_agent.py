"""`dl-agent`, with the reference's options, output and exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

REFERENCE_OPTIONS = """\
-c, --config
-v, --verbose
-q, --quiet
-V, --version
-u, --username
--password TEXT
--password-file
--auth-file
-b, --broker
-p, --port
--requests-exchange
--alerts-exchange
--max-payload
--heartbeat-routing-key
--max-connection-attempts
-s, --specifier
-P, --payload
--values
-t, --timeout
-k, --lockout-key
--suppress-output
--json-print
--pretty-print
--return-code
--return-msg
--dry-run-msg""".splitlines()

# The lines of a reply as the reference prints them, without their values.
BLOCK = """\
Routing key
Correlation ID
Reply To
Message Type
Encoding
Timestamp
Sender Info
Executable
Hostname
Username
Service
Versions
dripline
Version
Commit
Package
dripline-python
Version
Commit
Package
Specifier
Payload
Return Code
Return Message"""


def _labels(block: str) -> str:
    lines = [line.strip() for line in block.splitlines() if ":" in line and not line.startswith(" ")]
    return "\n".join(line.partition(":")[0] for line in lines)


def test_get_shows_the_reply_as_the_reference_does(mesh, store):
    """The readable block, and nothing else on standard output; standard error stays empty."""
    done = mesh.run("dl-agent", "get", store.peaches)
    assert (done.returncode, done.stderr) == (0, "")
    assert _labels(done.stdout) == BLOCK
    assert "Message Type: 2 (reply)\nEncoding: json\n" in done.stdout
    assert f"\tService: {store.name}\n" in done.stdout
    assert "Payload: \n{\n    value_cal : 1.500000\n    value_raw : 0.750000\n}\n\nReturn Code: 0\n" in done.stdout


def test_json_print_is_one_line_with_the_references_keys(mesh, store):
    """For programs; the same indented for people who like that."""
    line = mesh.run("dl-agent", "--json-print", "get", store.chips).stdout
    assert line.count("\n") == 1
    reply = json.loads(line)
    assert list(reply) == [
        "correlation_id", "encoding", "message_id", "message_type", "payload", "reply_to", "return_code",
        "return_message", "routing_key", "sender_info", "specifier", "timestamp",
    ]  # fmt: skip
    assert (reply["encoding"], reply["message_type"], reply["reply_to"]) == ("application/json", 2, "")
    pretty = mesh.run("dl-agent", "get", store.chips, "--pretty-print").stdout
    assert pretty.splitlines()[1].startswith('    "correlation_id": ')
    assert json.loads(pretty)["payload"] == reply["payload"]


def test_suppress_output_leaves_the_exit_code(mesh, store):
    """For scripts that only want to know whether it worked."""
    done = mesh.run("dl-agent", "get", store.chips, "--suppress-output")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["-5"], -5),
        (["1.5"], 1.5),
        (["-.5e1"], -5.0),
        (["true"], True),
        (["null"], None),
        (["OPEN"], "OPEN"),
        (["12:30:00"], "12:30:00"),
        (["10abc"], "10abc"),
        (["3 volts"], "3 volts"),
        (["-5V"], "-5V"),
        (["--", "-x"], "-x"),
        (["1", "2", "3"], 1),
        (["values.0=7"], 7),
    ],
)
def test_set_sends_a_word_as_what_it_is(mesh, store, words, value):
    """Negative numbers need no tricks; a word is a number only if all of it is one."""
    done = mesh.run("dl-agent", "set", store.chips, *words)
    assert (done.returncode, done.stderr) == (0, "")
    reply = json.loads(mesh.run("dl-agent", "--json-print", "get", store.chips).stdout)
    assert reply["payload"] == (None if value is None else {"value_raw": value})


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["get", "{peaches}", "-s", "nosuchattr"],
            310,
            "endpoint {peaches} has no attribute nosuchattr, unable to get",
        ),
        (["set", "{peaches}", "-s", "nosuchattr", "5"], 310, "endpoint {peaches} has no attribute nosuchattr"),
        (["cmd", "{peaches}"], 306, "No specifier was provided"),
        (["cmd", "{peaches}", "-s", "no_such_method"], 306, "no_such_method"),
        (["cmd", "{peaches}", "-s", "on_set"], 304, ""),
        (["cmd", "{peaches}", "-s", "throw_something"], 200, ""),
        (["get", "{name}"], 306, ""),
    ],
)
def test_the_exit_code_is_the_hundreds_of_the_return_code(mesh, store, words, code, message):
    """Errors of a service come as replies, with their code and message."""
    words = [word.format(**vars(store)) for word in words]
    done = mesh.run("dl-agent", *words)
    assert (done.returncode, done.stderr) == (code // 100, "")
    assert f"Payload: null\nReturn Code: {code}\nReturn Message: " in done.stdout
    assert message.format(**vars(store)) in done.stdout


def test_ping_is_answered_by_endpoints_and_by_the_broadcast(mesh, store):
    """With the sender's program."""
    for key in (store.peaches, store.name, "broadcast"):
        reply = json.loads(mesh.run("dl-agent", "cmd", key, "-s", "ping", "--json-print").stdout)
        assert (reply["return_code"], reply["payload"]) == (0, None)
        assert reply["return_message"].startswith("Hello, /")


def test_commands_take_ordered_and_keyword_arguments(mesh, store):
    """Positional words become `values`, keywords the rest of the payload."""
    assert mesh.run("dl-agent", "cmd", store.chips, "-s", "on_set", "7.25").returncode == 0
    assert "value_raw : 7.250000" in mesh.run("dl-agent", "get", store.chips).stdout
    assert mesh.run("dl-agent", "cmd", store.chips, "new_value=7.5", "-s", "on_set").returncode == 0
    assert "value_raw : 7.500000" in mesh.run("dl-agent", "get", store.chips).stdout


def test_a_lock_needs_its_key(mesh, store):
    """`-k` carries it."""
    key = "11111111-2222-3333-4444-555555555555"
    assert f"key : {key}" in mesh.run("dl-agent", "cmd", store.status, "-s", "lock", "-k", key).stdout
    refused = mesh.run("dl-agent", "set", store.status, "OPEN")
    assert refused.returncode == 3
    assert "Return Code: 307" in refused.stdout
    assert mesh.run("dl-agent", "-k", key, "set", store.status, "OPEN").returncode == 0
    assert "Server unlocked" in mesh.run("dl-agent", "cmd", store.status, "-s", "unlock", "-k", key).stdout
    assert "value_cal : off" in mesh.run("dl-agent", "get", store.status).stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["get", "no_such_endpoint_at_all"], 1, "nobody on the mesh is bound for 'no_such_endpoint_at_all' [102 "),
        (["set", "peaches"], 4, "nothing to set 'peaches' to: give a value [401 client_error_invalid_request]"),
        (["cmd", "peaches", "-s", "lock", "-k", "notauuid"], 4, "a lockout key is a UUID, not 'notauuid' [401 "),
    ],
)
def test_what_fails_here_is_one_line_on_standard_error(mesh, words, code, message):
    """Nothing on standard output, and the exit code tells whose fault it is."""
    done = mesh.run("dl-agent", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"dl-agent: {message}")
    assert done.stderr.count("\n") == 1


def test_a_reply_that_does_not_come_is_a_timeout(mesh):
    """A monitor makes the request go somewhere, but nobody answers."""
    monitor = mesh.start("dl-mon", "-r", "silent_endpoint", "-v")
    monitor.wait_until(lambda: "listening" in monitor.stderr)
    done = mesh.run("dl-agent", "-t", "3", "get", "silent_endpoint")
    assert (done.returncode, done.stdout) == (4, "")
    told = r"dl-agent: no reply from 'silent_endpoint' within \d(\.\d+)? s \[404 client_error_timeout\]\n"
    assert re.fullmatch(told, done.stderr)


def test_alerts_and_replies_are_sent_and_nothing_is_shown(mesh):
    """Whether anybody listens or not."""
    assert mesh.run("dl-agent", "alert", "nobody.listens", "x=1", "y.z=hello").returncode == 0
    done = mesh.run("dl-agent", "reply", "foo.bar", "--return-code", "5", "--return-msg", "hi", "a=1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "payload"),
    [
        ([], {}),
        (
            ["a=1", "b.c=hello", "d.0=1.5", "true", "7"],
            {"a": 1, "b": {"c": "hello"}, "d": [1.5], "values": [True, 7]},
        ),
        (["-P", "x=1", "y", "--values", "1", "two", "-3"], {"x": 1, "values": ["y", 1, "two", -3]}),
        (["1", "--values", "a=b"], {"values": [1, "a=b"]}),
    ],
)
def test_a_dry_run_shows_what_would_be_sent(shell, words, payload):
    """No broker is needed for that."""
    done = shell.run("dl-agent", "--dry-run-msg", "--json-print", "cmd", "peaches", "-s", "ping", *words)
    assert (done.returncode, done.stderr) == (0, "")
    message = json.loads(done.stdout)
    assert (message["payload"], message["specifier"], message["message_operation"]) == (payload, "ping", 9)
    assert (message["message_type"], message["timestamp"]) == (3, "")
    assert message["sender_info"]["service_name"] == "unknown"


def test_options_may_stand_anywhere(shell):
    """Before the operation, in the middle and at the end."""
    orders = [
        ["--dry-run-msg", "-s", "on_get", "get", "peaches"],
        ["get", "--dry-run-msg", "peaches", "-son_get"],
        ["get", "peaches", "--specifier=on_get", "--dry-run-msg"],
    ]
    for words in orders:
        done = shell.run("dl-agent", *words)
        assert "Specifier: on_get\n" in done.stdout, words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "missing argument 'get|set|cmd|reply|alert'"),
        (["get"], "missing argument 'ROUTING_KEY'"),
        (["gte", "peaches"], "invalid value for 'get|set|cmd|reply|alert': 'gte' is not one of"),
        (["get", "peaches", "--tmeout", "5"], "no such option"),
        (["get", "peaches", "-t", "-5"], "invalid value for '-t' / '--timeout': -5.0 is not in the range x>=0"),
        (["get", "peaches", "-t", "nan"], "invalid value for '-t' / '--timeout': 'nan' is not a valid number"),
        (["get", "peaches", "-t", "soon"], "invalid value for '-t' / '--timeout': 'soon' is not a valid number"),
        (
            ["get", "peaches", "-p", "amqp"],
            "invalid value for '-p' / '--port': 'amqp' is not a valid",
        ),
        (["get", "peaches", "-p", "99999"], "invalid value for '-p' / '--port'"),
        (["get", "peaches", "-c", ""], "the name of the file is empty"),
        (["get", "peaches", "-c", "nowhere.yaml"], "nowhere.yaml: there is no such file"),
        (["cmd", "peaches", "a=1", "a.b=2"], "'a.b=2': a is 1, nothing can stand below it"),
        (["get", "peaches", "--password-file", "nowhere"], "cannot read secrets from nowhere: No such file"),
    ],
)
def test_a_command_line_that_cannot_be_right_ends_with_2(shell, words, message):
    """One line that says what is wrong; nothing is sent."""
    done = shell.run("dl-agent", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"dl-agent: {message}")
    assert done.stderr.count("\n") == 1


def test_a_mesh_file_that_is_wrong_is_told_with_its_place(shell):
    """It is not on the command line, so its name helps."""
    (shell.home / ".dripline_mesh.yaml").write_text("brokr: lab\n")
    done = shell.run("dl-agent", "get", "peaches")
    assert done.returncode == 2
    assert done.stderr == (
        f"dl-agent: {shell.home}/.dripline_mesh.yaml:1:1: dripline_mesh: unknown setting 'brokr'; "
        "did you mean 'broker'?\n"
    )


def test_no_broker_is_told_at_once_with_address_and_remedy(shell, free_port):
    """One attempt: somebody waits for the answer."""
    done = shell.run("dl-agent", "-b", "127.0.0.1", "-p", str(free_port), "get", "peaches")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"dl-agent: no broker answers at 127.0.0.1:{free_port} (Connection refused); start RabbitMQ"
    )
    assert "'dl broker'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_more_attempts_are_made_when_asked_for(shell, free_port):
    """And told while they are made."""
    words = ["-b", "127.0.0.1", "-p", str(free_port), "--max-connection-attempts", "2"]
    done = shell.run("dl-agent", *words, "get", "peaches")
    assert done.returncode == 1
    assert "attempt 1 of 2" in done.stderr


def test_a_wrong_password_names_user_and_host_but_no_password(mesh, address):
    """Nor does the log, however much is asked for."""
    done = mesh.run("dl-agent", "--password", "geheim", "-vvv", "get", "peaches")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"dl-agent: the broker at {address.host}:{address.port} refused user 'guest'")
    assert "geheim" not in done.stderr


def test_two_v_add_the_traceback(shell, free_port):
    """For who wants to know where."""
    done = shell.run("dl-agent", "-vv", "-b", "127.0.0.1", "-p", str(free_port), "get", "peaches")
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("dl-agent: no broker answers")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_tells_every_option_of_the_reference(shell, option):
    """So that scripts and habits go on working."""
    done = shell.run("dl-agent", option)
    assert (done.returncode, done.stderr) == (0, "")
    for word in REFERENCE_OPTIONS:
        assert word in done.stdout


def test_the_version_is_told(shell):
    """And nothing is done."""
    from dripline import __version__

    done = shell.run("dl-agent", "-V")
    assert (done.returncode, done.stdout) == (0, f"dripline {__version__}\n")


@pytest.mark.parametrize(
    "module", ["dripline.cli.dl_agent", "dripline.cli.dl", "dripline.cli.dl_mon", "dripline.cli.dl_serve"]
)
def test_importing_a_command_is_cheap(module):
    """A shell script may call it a hundred times: no YAML, no event loop, no evaluator, no AMQP."""
    heavy = {
        "yaml",
        "asyncio",
        "dripline.formula.evaluator",
        "numpy",
        "pika",
        "importlib.metadata",
        "packaging",
        "ssl",
        "http",
    }
    code = f"import sys, {module}; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
