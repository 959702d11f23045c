"""Reading configuration files."""

from __future__ import annotations

import os
import time

import pytest

from dripline.config.file import is_json, load_file, parse_file
from dripline.errors import ConfigurationError


def _refused(path: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_file(path)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_yaml_and_json_hold_the_same(write):
    """The ending of the name tells which it is."""
    yaml_file = write("name: my_store\nendpoints: [{name: peaches, initial_value: 0.75}]\n")
    json_file = write(
        '{"name": "my_store",\n\t"endpoints": [{"name": "peaches", "initial_value": 0.75}]}', "s.json"
    )
    assert is_json(json_file)
    assert not is_json(yaml_file)
    assert load_file(yaml_file) == load_file(json_file)


def test_an_empty_file_is_an_empty_configuration(write):
    """Words and options may say everything."""
    assert load_file(write("")) == {}
    assert load_file(write("# later\n")) == {}
    assert load_file(write(" \n", "empty.json")) == {}


def test_a_byte_order_mark_is_no_part_of_the_text(write):
    """Editors on Windows write one."""
    assert load_file(write(b"\xef\xbb\xbfname: x\n")) == {"name": "x"}


def test_a_file_may_hold_something_else_where_that_is_wanted(write):
    """Files of return codes are lists."""
    assert parse_file(write("- {value: 1000}\n")) == [{"value": 1000}]


def test_a_missing_file_is_told_with_the_nearest_name(write):
    """A typing error in the name is the usual reason."""
    write("", "my_store.yaml")
    assert _refused("my_stroe.yaml") == "my_stroe.yaml: there is no such file; did you mean 'my_store.yaml'?"
    assert _refused("nowhere/x.yaml") == "nowhere/x.yaml: there is no such file (nor a folder 'nowhere')"


def test_a_folder_is_no_file(write, tmp_path):
    """Nor is anything else that cannot be read."""
    write("")
    os.mkdir(tmp_path / "folder")
    assert _refused("folder") == "folder: cannot be read: Is a directory"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s.yaml", "- a\n- b\n", "s.yaml:1:1: a configuration is a mapping (key: value), this is a list"),
        ("s.yaml", "just text", "s.yaml:1:1: a configuration is a mapping (key: value), this is only 'just text'"),
        ("s.yaml", "a: 1\nb: [", "s.yaml:2:5: while parsing a flow node, did not find expected node content"),
        ("s.yaml", "a: 1\na: 2", "s.yaml:2:1: the key 'a' stands twice, first in line 1; remove one of them"),
        ("s.yaml", b"a: 1\nb: caf\xe9\n", "s.yaml:2:7: not UTF-8 text; save the file as UTF-8"),
        ("s.json", '{"a": 1,\n "b": }', "s.json:2:7: not valid JSON: expecting value"),
        ("s.json", '{"a": 1,\n "a": 2}', "s.json:2:2: the key 'a' stands twice, first in line 1"),
        ("s.json", "[" * 100_000, "s.json:1:1: nested too deep"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_line(write, name, text, message):
    """File, line, column, what was expected."""
    assert _refused(write(text, name)).startswith(message)


def test_ten_thousand_endpoints_load_in_well_under_a_second(write):
    """The C parser, no collector in between, and places only when they are asked for."""
    endpoint = "  - name: e{0}\n    module: KeyValueStore\n    calibration: '2*{{}}'\n    initial_value: {0}.5\n"
    path = write("name: big\nendpoints:\n" + "".join(endpoint.format(number) for number in range(10_000)))
    started = time.process_time()
    endpoints = load_file(path)["endpoints"]
    assert time.process_time() - started < 4.0, "well under 1 s on a machine that is not busy"
    assert endpoints[9_999] == {
        "name": "e9999", "module": "KeyValueStore", "calibration": "2*{}", "initial_value": 9999.5
    }  # fmt: skip


def test_a_file_without_end_is_not_read_to_the_end(tmp_path, monkeypatch):
    """One line says that it is too long; `/dev/zero` is such a file."""
    monkeypatch.setattr("dripline.config.file.MAX_BYTES", 1024 * 1024)
    path = tmp_path / "long.yaml"
    path.write_text("# " + "x" * 1024 * 1024)
    with pytest.raises(ConfigurationError, match=r"long\.yaml: longer than 1 MB"):
        load_file(path)
    with pytest.raises(ConfigurationError, match="/dev/zero: longer than 1 MB"):
        load_file("/dev/zero")
