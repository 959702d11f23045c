"""One file with twelve mistakes in it, and files with none."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from dripline.checking import check_files

PROJECT = Path(__file__).parents[3]

PLANTED = """\
# The lines with a mistake say so at their end.
name: my_store
module: Service
hartbeat_interval_s: 10           # 1: unknown key of the service
broadcast_key: 5                  # 2: a number for a text
dripline_mesh:
  broker: localhost
  brokr_port: 5672                # 3: unknown setting of the mesh
auth_file: old.json               # a warning: of an older version
endpoints:
  - name: peaches
    module: KeyValueStore
    calibrtion: '2*{}'            # 4: unknown key of an endpoint
  - name: chips
    module: KeyValueStore
    log_interval: often           # 5: no time span
    log_interval: 10              # 6: the key stands twice
  - name: peaches                 # 7: the name stands twice
    module: KeyValueStore
    get_on_set: 'perhaps'         # 8: a text for true or false
  - name: waffles
    module: KeyValueStor          # 9: unknown class
  - name: volts
    module: ScpiPlanted           # 10: base_str is missing (told at the endpoint, line 23)
    unit: ENV{PLANTED_UNIT}       # 11: the variable is not set
  - name: syrup
    module: KeyValueStore
    calibration: '2*({}'          # 12: no formula
"""
LINES = [4, 5, 8, 13, 16, 17, 18, 20, 22, 23, 25, 28]
LAB = """
from dripline.core import Entity

class ScpiPlanted(Entity):
    def __init__(self, base_str: str, unit: str = "V", **kwargs):
        raise RuntimeError("a check makes no instance")
"""


def test_twelve_planted_mistakes_are_told_in_one_run_at_their_lines(extensions, check_text):
    """Not one more, and not one less."""
    extensions({"dripline/extensions/lab_planted.py": LAB})
    findings = check_text(PLANTED)
    errors = [one for one in findings.sorted() if one.severity == "error"]
    assert [(error.place.source, error.place.line) for error in errors] == [("service.yaml", n) for n in LINES]
    assert all(error.place.column for error in errors)
    (warning,) = findings.warnings
    assert warning.startswith("service.yaml:9:1: service 'my_store' (Service): 'auth_file' is of an older version")


def test_each_planted_mistake_is_told_with_its_remedy(extensions, check_text):
    """Words that help to mend it."""
    extensions({"dripline/extensions/lab_planted.py": LAB})
    for error, words in zip(
        check_text(PLANTED).errors,
        (
            "did you mean 'heartbeat_interval_s'?",
            "'broadcast_key' must be a text, not 5; put it in quotes",
            "unknown setting 'brokr_port'; did you mean 'broker_port'?",
            "did you mean 'calibration'?",
            "'log_interval' is a number of seconds or a map such as {minutes: 5}, not 'often'",
            "the key 'log_interval' stands twice, first in line 16",
            "the name stands twice, first at service.yaml:11:5",
            "'get_on_set' is true or false, not 'perhaps'",
            "did you mean 'KeyValueStore'?",
            "missing argument 'base_str'",
            "the environment variable 'PLANTED_UNIT' is not set",
            "the calibration '2*({}' is not a formula",
        ),
        strict=True,
    ):
        assert words in error


def _examples() -> list[Path]:
    found = [*PROJECT.glob("examples/**/*.yaml"), *PROJECT.glob("extensions_example/*.yaml")]
    return [path for path in found if "name:" in path.read_text() and _is_service(path)]


def _is_service(path: Path) -> bool:
    # Descriptions of simulated instruments stand beside the services that talk to them.
    return "endpoints:" in path.read_text() or "module:" in path.read_text()


@pytest.mark.parametrize("path", _examples(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_nothing_is_said_about_the_examples(path, extensions, monkeypatch):
    """Neither errors nor warnings."""
    extensions({"dripline_jitter-1.0.0.dist-info/METADATA": "Name: dripline-jitter\nVersion: 1.0.0\n"})
    monkeypatch.syspath_prepend(str(PROJECT / "extensions_example"))
    findings = check_files([path])
    assert (findings.errors, findings.warnings) == ([], [])


_FILE = re.compile(r"^<!-- file: (\S+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DOCUMENTS = [PROJECT / "README.md", *sorted(PROJECT.glob("docs/*.md"))]


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.name)
def test_nothing_is_said_about_the_documents(document, extensions, write):
    """Nor about the files in them, but for those whose mistakes the document shows."""
    text = document.read_text()
    files = [write(content, name) for name, content in _FILE.findall(text)]
    for file in files:
        if file.endswith(".yaml") and _is_service(Path(file)):
            findings = check_files([file])
            told = findings.errors + findings.warnings
            assert not told or re.search(rf"\b{re.escape(file)}:\d+:\d+: ", text), told


def test_there_are_examples():
    """Else the test above would say nothing."""
    assert len(_examples()) >= 2


def test_ten_thousand_endpoints_are_checked_in_a_moment(check_text):
    """A start is not to be noticeably slower for it; every formula is another one."""
    endpoint = "  - {{name: e{0}, module: KeyValueStore, calibration: '{{}}*{0}', log_interval: 5}}\n"
    text = "name: big\nendpoints:\n" + "".join(endpoint.format(number) for number in range(10_000))
    started = time.process_time()
    findings = check_text(text)
    assert time.process_time() - started < 20
    assert findings.errors == []
