"""`dl extensions`: what is installed, and whether it works."""

from __future__ import annotations

import json
import os
import textwrap

import pytest

GOOD = """
    from dripline.core import Entity, Service
    from .parts import Pump
    __all__ = ["Pump", "Lab", "version", "helper"]
    version = "1.2.3"
    def helper(): pass
    class Lab(Service):
        '''Runs a laboratory.'''
"""
PARTS = """
    from dripline.core import Entity
    class Pump(Entity):
        '''Pumps.

        More about it.
        '''
"""


@pytest.fixture
def installed(shell):
    """Writes files where Python finds them, as `pip install` would."""

    def write(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = shell.folder / "site" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    shell.environment["PYTHONPATH"] = os.pathsep.join([str(shell.folder / "site"), *_inherited()])
    shell.environment["COLUMNS"] = "120"
    return write


def _inherited() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def _distribution(name: str, version: str, *files: str, **more: str) -> dict[str, str]:
    folder = f"{name}-{version}.dist-info"
    return {
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{folder}/RECORD": "".join(f"{file},,\n" for file in files),
        **{f"{folder}/{file}": text for file, text in more.items()},
    }


def _listed(shell, *words: str, **variables: str) -> dict:
    done = shell.run("dl", "extensions", "--json", *words, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    return {one["name"]: one for one in json.loads(done.stdout)["extensions"]}


def test_it_lists_distribution_classes_and_state(shell, installed):
    """A good one, a broken one, a disabled one, with where they come from."""
    installed(
        {
            "dripline/extensions/lab/__init__.py": GOOD,
            "dripline/extensions/lab/parts.py": PARTS,
            "dripline/extensions/needy/__init__.py": "import no_such_library\n" + textwrap.dedent(PARTS),
            "dripline/extensions/old.py": PARTS.replace("Pump", "OldPump"),
            **_distribution(
                "lab-pumps",
                "1.2.3",
                "dripline/extensions/lab/__init__.py",
                **{"entry_points.txt": "[dripline.extensions]\nlab = dripline.extensions.lab\n"},
            ),
            **_distribution("needy", "0.1", "dripline/extensions/needy/__init__.py"),
        }
    )
    done = shell.run("dl", "extensions", DRIPLINE_DISABLE_EXTENSIONS="old")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[: lines.index("built in: dripline 6.0.0")] == [
        "lab: ok",
        "lab-pumps 1.2.3, namespace and entry point 'lab'",
        "Pump endpoint Pumps.",
        "Lab service Runs a laboratory.",
        "and version, helper",
        "",
        "needy: broken: ModuleNotFoundError: No module named 'no_such_library' (needy/__init__.py:1)",
        "needy 0.1, namespace",
        "Pump - Pumps.",
        "",
        "old: disabled by DRIPLINE_DISABLE_EXTENSIONS",
        f"no distribution, namespace, {shell.folder}/site/dripline/extensions/old.py",
        "OldPump - OldPumps.",
        "",
    ]
    assert "KeyValueStore endpoint Keeps what it is set to." in lines


def test_programs_get_the_same_as_json(shell, installed):
    """With nothing where nothing is known."""
    installed({"dripline/extensions/lab/__init__.py": GOOD, "dripline/extensions/lab/parts.py": PARTS})
    assert _listed(shell)["lab"] == {
        "name": "lab",
        "module": "dripline.extensions.lab",
        "distribution": None,
        "version": None,
        "origin": "namespace",
        "editable": None,
        "file": str(shell.folder / "site/dripline/extensions/lab/__init__.py"),
        "state": "ok",
        "reason": None,
        "notes": [],
        "classes": [
            {"name": "Pump", "kind": "endpoint", "doc": "Pumps."},
            {"name": "Lab", "kind": "service", "doc": "Runs a laboratory."},
        ],
        "others": ["version", "helper"],
    }
    built_in = json.loads(shell.run("dl", "extensions", "--json").stdout)["built_in"]
    assert {
        "name": "KeyValueStore",
        "kind": "endpoint",
        "doc": "Keeps what it is set to.",
        "missing": None,
    } in built_in
    assert {"Service", "Entity", "Endpoint", "AlertConsumer"} <= {one["name"] for one in built_in}


def test_extensions_that_take_the_process_with_them_are_broken_and_no_more(shell, installed):
    """One ends it, one crashes it, one hangs, one asks, one speaks; the good ones are listed all the same."""
    installed(
        {
            "dripline/extensions/a_good.py": PARTS,
            "dripline/extensions/b_exits.py": "import os\nos._exit(0)\n",
            "dripline/extensions/c_hangs.py": "import threading\n\nthreading.Event().wait()\n",
            "dripline/extensions/d_crashes.py": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n",
            "dripline/extensions/e_asks.py": "input()\n",
            "dripline/extensions/f_speaks.py": "print('hello')\nimport threading\n"
            "threading.Thread(target=threading.Event().wait).start()\n" + textwrap.dedent(PARTS),
            "dripline/extensions/g_good.py": PARTS,
        }
    )
    listed = _listed(shell, "--limit", "8")
    told = {name: (one["state"], one["reason"]) for name, one in listed.items()}
    assert told == {
        "a_good": ("ok", None),
        "b_exits": ("broken", "importing it ends the process with exit code 0"),
        "c_hangs": ("broken", "importing it takes longer than 8 s (extensions/c_hangs.py:3)"),
        "d_crashes": ("broken", "importing it ends the process with SIGSEGV (extensions/d_crashes.py:2)"),
        "e_asks": ("broken", "EOFError: EOF when reading a line (extensions/e_asks.py:1)"),
        "f_speaks": ("ok", None),
        "g_good": ("ok", None),
    }


def test_what_an_author_should_mend_is_a_note(shell, installed):
    """The extension works all the same."""
    installed(
        {
            "dripline/extensions/a.py": PARTS + "    __all__ = ['Pump', 'Gone']\n    version = 5\n",
            "dripline/extensions/b.py": PARTS,
        }
    )
    listed = _listed(shell)
    assert [one["state"] for one in listed.values()] == ["ok", "ok"]
    assert listed["a"]["notes"] == [
        "__all__ names 'Gone', which is not there; define it, or take it out of __all__",
        "version is 5, which is no version; make it a scarab.VersionSemantic, or text such as '1.2.3'",
    ]
    assert listed["b"]["notes"] == [
        "class 'Pump' is in extension 'a' too, which is taken; 'module: b.Pump' names this one"
    ]


def test_only_what_is_taken_before_it_hides_a_class(shell, installed):
    """A class that is merely imported hides none that is exported."""
    installed(
        {
            "lab_library.py": PARTS,
            "dripline/extensions/a.py": "from lab_library import Pump\n",
            "dripline/extensions/b.py": PARTS,
        }
    )
    listed = _listed(shell)
    assert [[cls["name"] for cls in one["classes"]] for one in listed.values()] == [["Pump"], ["Pump"]]
    assert [one["notes"] for one in listed.values()] == [[], []]


def test_an_entry_point_that_leads_nowhere_is_broken(shell, installed):
    """To a module that is not there, a name that is not there, or no class."""
    points = (
        "[dripline.extensions]\nfar = lab_far\nPump = lab_pumps:Pump\nGone = lab_pumps:Gone\nf = lab_pumps:f\n"
    )
    installed(
        {
            "lab_pumps.py": textwrap.dedent(PARTS) + "def f(): pass\n",
            **_distribution("lab", "1", "lab_pumps.py", **{"entry_points.txt": points}),
        }
    )
    listed = _listed(shell)
    assert {name: one["reason"] for name, one in listed.items()} == {
        "far": "ModuleNotFoundError: No module named 'lab_far'",
        "Pump": None,
        "Gone": "its entry point names 'Gone', which 'lab_pumps' does not have",
        "f": "its entry point names 'f', which is no class for a configuration",
    }
    assert listed["Pump"]["origin"] == "entry point 'Pump'"


def test_where_a_broken_one_breaks_is_shown_when_asked(shell, installed):
    """The trace, below it."""
    installed({"dripline/extensions/bad.py": "def setup():\n    raise OSError('no device')\nsetup()\n"})
    assert "Traceback" not in shell.run("dl", "extensions").stdout
    shown = shell.run("dl", "extensions", "-v").stdout
    assert "bad: broken: OSError: no device (extensions/bad.py:2)" in shown
    assert "  | Traceback (most recent call last):" in shown


def test_a_configuration_tells_what_is_disabled_for_it(shell, installed):
    """The same rules that `dl serve` follows."""
    installed({"dripline/extensions/a.py": PARTS})
    good = shell.write("good.yaml", "name: s\nextensions: {disable: [a, nowhere]}\n")
    done = shell.run("dl", "extensions", "-c", good)
    assert "a: disabled by 'extensions: disable' of the configuration\n" in done.stdout
    assert done.stderr == "good.yaml:2:27: no extension 'nowhere' is installed\n"
    bad = shell.write("bad.yaml", "name: s\nextensions:\n  requires: {lab-x: '>=2'}\n")
    done = shell.run("dl", "extensions", "-c", bad)
    assert (done.returncode, done.stdout) != (0, "")
    assert done.stderr == (
        "dl extensions: bad.yaml:3:14: lab-x>=2 is required and not installed; pip install 'lab-x>=2'\n"
    )


def test_without_extensions_it_says_so(shell):
    """And lists dripline's own."""
    shell.environment["COLUMNS"] = "60"
    done = shell.run("dl", "extensions", DRIPLINE_DISABLE_EXTENSIONS="*, pums")
    assert done.stderr == "DRIPLINE_DISABLE_EXTENSIONS: no extension 'pums' is installed\n"
    assert "built in: dripline 6." in done.stdout


def test_help_and_mistakes(shell):
    """In one line."""
    assert "show CLASS" in shell.run("dl", "extensions", "-h").stdout
    done = shell.run("dl", "extensions", "shw")
    assert (done.returncode, done.stderr) == (
        2,
        "dl extensions: no such command 'shw'; there is 'show CLASS' (see dl extensions -h)\n",
    )
