"""`dl check` and `dl extensions show` as a user runs them."""

from __future__ import annotations

import json

GOOD = "name: s\nendpoints:\n  - {name: peaches, module: KeyValueStore, initial_value: 1}\n"
BAD = "name: s\nauth_file: x\nendpoints:\n  - {name: peaches, module: KeyValueStore, inital_value: 1}\n"
INITIAL = "endpoint 'peaches' (KeyValueStore): unknown argument 'inital_value'; did you mean 'initial_value'?"
LAB = """
from dripline.core import Entity
class Lab(Entity):
    def __init__(self, port, **kwargs):
        raise RuntimeError
"""


def test_a_good_file_is_told_so(shell):
    """Exit 0, and one line."""
    done = shell.run("dl", "check", shell.write("a.yaml", GOOD))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 file checked: nothing to tell\n", "")


def test_mistakes_are_told_by_place_with_a_summary(shell):
    """Sorted, and exit 2."""
    done = shell.run("dl", "check", shell.write("a.yaml", BAD), "nowhere.yaml")
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.splitlines() == [
        "a.yaml:2:1: warning: service 's' (Service): 'auth_file' is of an older version and ignored; "
        "give the authentication file as --auth-file",
        f"a.yaml:4:44: error: {INITIAL}",
        "nowhere.yaml: error: there is no such file",
        "2 files checked: 2 errors, 1 warning",
    ]


def test_warnings_alone_are_no_failure_unless_that_is_wanted(shell):
    """`--strict` is for who checks files before they are used."""
    file = shell.write("a.yaml", GOOD + "keys: [x]\n")
    done = shell.run("dl", "check", file)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 file checked: 1 warning")
    done = shell.run("dl", "check", "--strict", file)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (2, "1 file checked: 1 error")


def test_programs_get_a_list(shell):
    """Each entry with file, line, column, severity and message."""
    done = shell.run("dl", "check", "--json", shell.write("a.yaml", BAD))
    assert done.returncode == 2
    first, second = json.loads(done.stdout)
    assert first["severity"] == "warning"
    assert second == {"file": "a.yaml", "line": 4, "column": 44, "severity": "error", "message": INITIAL}
    assert json.loads(shell.run("dl", "check", "--json", shell.write("b.yaml", GOOD)).stdout) == []


def test_half_a_character_is_printed_too(shell):
    """JSON can hold it, a terminal cannot."""
    file = shell.write("a.json", '{"name": "s", "module": "Lab\\ud800"}')
    done = shell.run("dl", "check", "--json", file)
    assert (done.returncode, done.stderr) == (2, "")
    assert "service 's' (Lab\ud800)" in json.loads(done.stdout)[0]["message"]
    assert "service 's' (Lab\\ud800)" in shell.run("dl", "check", file).stdout


def test_the_schema_is_json(shell):
    """It goes to standard output alone."""
    done = shell.run("dl", "check", "--schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert "KeyValueStore" in json.dumps(json.loads(done.stdout))


def test_it_wants_files_or_a_schema(shell):
    """Nothing to do is a mistake."""
    for words in ([], ["--schema", "a.yaml"]):
        done = shell.run("dl", "check", *words)
        assert (done.returncode, done.stderr) == (
            2,
            "dl check: give configuration files, or --schema and no file\n",
        )


def test_dl_serve_tells_all_kinds_of_mistakes_in_one_run(shell):
    """Syntax apart: keys, the mesh, the environment, classes, the login."""
    shell.write(
        "a.yaml",
        "name: s\nname: t\npassword: {flie: x}\ndripline_mesh: {brokr: x}\nbroadcast_key: ENV{NOT_SET_ANYWHERE}\n"
        "endpoints:\n  - {name: x, module: Nope}\n  - {name: x, log_intervall: 5, module: KeyValueStore}\n",
    )
    done = shell.run("dl-serve", "-c", "a.yaml", "--auth-file", "nowhere.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    places = [line.split(": ")[1] for line in done.stderr.splitlines()]
    assert places == [
        "a.yaml:2:1", "a.yaml:3:12", "a.yaml:4:17", "a.yaml:5:1", "a.yaml:7:15", "a.yaml:8:6", "a.yaml:8:15",
        "nowhere.yaml",
    ]  # fmt: skip


def test_a_class_is_shown_with_all_its_arguments(shell):
    """Where each comes from, and what messages reach."""
    shown = shell.run("dl", "extensions", "show", "KeyValueStore").stdout
    assert shown.startswith("KeyValueStore: Keeps what it is set to.\nfrom dripline 6")
    assert "  initial_value: Any = None  (KeyValueStore)\n      The value at start.\n" in shown
    assert "  name: str  (required, Endpoint)\n" in shown
    assert "  throw_something()\n" in shown


def test_a_class_is_shown_to_programs(shell):
    """Also one of a file."""
    shell.write("lab.py", LAB)
    facts = json.loads(shell.run("dl", "extensions", "show", "Lab", "--module-path", "lab.py", "--json").stdout)
    port = {"name": "port", "required": True, "default": None, "has_default": False, "type": "", "doc": ""}
    assert facts["arguments"][0] == {**port, "owner": "Lab"}
    assert {"log_interval", "name"} <= set(facts["get"])
    assert facts["file"].endswith("lab.py")


def test_a_class_that_is_not_there_is_told(shell):
    """With the nearest name."""
    done = shell.run("dl", "extensions", "show", "KeyValueStor")
    assert done.returncode == 2
    assert "did you mean 'KeyValueStore'?" in done.stderr
