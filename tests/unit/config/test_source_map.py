"""Where a setting was written."""

from __future__ import annotations

import pytest

from dripline.config.source_map import SourceMap

SERVICE = """\
name: my_store
endpoints:
  - name: peaches
    calibration: '2*{}'
  - {name: chips, initial_value: 1}
dripline_mesh:
  broker: lab
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("name",), "service.yaml:1:1"),
        (("endpoints",), "service.yaml:2:1"),
        (("endpoints", 0), "service.yaml:3:5"),
        (("endpoints", 0, "calibration"), "service.yaml:4:5"),
        (("endpoints", 1, "initial_value"), "service.yaml:5:19"),
        (("dripline_mesh", "broker"), "service.yaml:7:3"),
    ],
)
def test_a_setting_is_found_at_its_key(write, path, place):
    """Line and column count from 1, as editors do."""
    assert SourceMap(write(SERVICE)).where(path) == place


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("endpoints", 0, "missing"), "service.yaml:3:5"),
        (("endpoints", 7), "service.yaml:2:1"),
        (("name", "below"), "service.yaml:1:1"),
        (("nothing",), "service.yaml:1:1"),
        ((), "service.yaml:1:1"),
    ],
)
def test_what_is_not_in_the_file_is_told_at_the_nearest_thing_around_it(write, path, place):
    """A missing argument is told at the endpoint that lacks it."""
    assert SourceMap(write(SERVICE)).where(path) == place


def test_a_version_4_block_need_not_be_named(write):
    """Its keys are at the top of the configuration, but not of the file."""
    path = write("runtime-config:\n  name: my_store\n  endpoints:\n    - name: peaches\n")
    assert SourceMap(path).where(("endpoints", 0, "name")) == "service.yaml:4:7"


def test_json_has_lines_too(write):
    """Tabs between the words do no harm."""
    file = write('{\n\t"name": "x",\n\t"endpoints": [\n\t\t{"name": "y"}]}', "s.json")
    assert SourceMap(file).where(("endpoints", 0)) == "s.json:4:3"


def test_a_setting_of_the_command_line_is_told_as_its_word(write):
    """The file may hold it too, but the word is what counts."""
    origin = SourceMap(write(SERVICE), ["endpoints.0.calibration=3*{}", "dripline_mesh.broker=x"])
    assert origin.where(("endpoints", 0, "calibration")) == "command line, 'endpoints.0.calibration=3*{}'"
    assert origin.where(("endpoints", 0, "name")) == "service.yaml:3:5"


def test_a_setting_of_the_mesh_file_is_found_there(write):
    """Unless the configuration file says it again."""
    write("broker: other\nbroker_port: x\n", "mesh.yaml")
    origin = SourceMap(write(SERVICE), mesh_file="mesh.yaml")
    assert origin.where(("dripline_mesh", "broker_port")) == "mesh.yaml:2:1"
    assert origin.where(("dripline_mesh", "broker")) == "service.yaml:7:3"


def test_the_mesh_file_may_name_the_block_or_not(write):
    """Both ways of writing it are read."""
    write("dripline_mesh:\n  broker_port: x\n", "mesh.yaml")
    assert SourceMap(mesh_file="mesh.yaml").where(("dripline_mesh", "broker_port")) == "mesh.yaml:2:3"


def test_without_any_file_a_setting_comes_from_the_command_line():
    """Options are not remembered one by one."""
    assert SourceMap().where(("name",)) == "command line"


def test_a_file_that_changed_meanwhile_does_no_harm(write):
    """Places are looked up when something is wrong already; a second failure helps nobody."""
    origin = SourceMap(write(SERVICE))
    write("a: [")
    assert origin.where(("name",)) == "service.yaml"
