"""The stages of a configuration."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.config.diagnostics import Diagnostics, Place
from dripline.config.load import (
    home_mesh,
    load_all,
    load_configuration,
    merged,
    mesh_settings,
    user_mesh_file,
    with_environment,
)
from dripline.config.source_map import SourceMap
from dripline.errors import ConfigurationError


def test_each_stage_wins_over_the_ones_before_it(write, home):
    """Defaults, mesh file, file, words, options, environment."""
    (home / ".dripline_mesh.yaml").write_text("broker: from-mesh-file\nbroker_port: 1\nrequests_exchange: r\n")
    file = write("name: from_file\nmodule: Service\ndripline_mesh: {broker_port: 2, alerts_exchange: 'ENV{EX}'}\n")
    configuration = load_configuration(
        file,
        words=["module=MyService", "dripline_mesh.max_payload_size=3"],
        options={"dripline_mesh": {"max_payload_size": 4, "broker": None}, "heartbeat_interval_s": 5},
        defaults={"name": "from_defaults", "enable_scheduling": True, "dripline_mesh": {"requests_exchange": "d"}},
        environment={"EX": "from_environment"},
    )
    assert configuration == {
        "name": "from_file",
        "module": "MyService",
        "enable_scheduling": True,
        "heartbeat_interval_s": 5,
        "dripline_mesh": {
            "broker": "from-mesh-file",
            "broker_port": 2,
            "requests_exchange": "r",
            "alerts_exchange": "from_environment",
            "max_payload_size": 4,
        },
    }


def test_without_anything_there_are_the_defaults_of_a_mesh():
    """A client can do with that."""
    assert load_configuration() == {"dripline_mesh": {}}
    assert user_mesh_file() is None


def test_a_null_in_a_file_is_a_value(write):
    """`cmd_at_reconnect: null` means none; only an empty block leaves the one below it alone."""
    assert load_configuration(
        write("cmd_at_reconnect: null\ndripline_mesh:\n"), defaults={"cmd_at_reconnect": ["*OPC?"]}
    ) == {
        "cmd_at_reconnect": None,
        "dripline_mesh": {},
    }


def test_lists_are_replaced_not_merged():
    """An endpoint list of another stage is another list."""
    assert merged({"a": [1, 2], "b": {"x": 1}}, {"a": [3], "b": {"y": 2}}) == {"a": [3], "b": {"x": 1, "y": 2}}


def test_the_mesh_file_may_name_the_block(home):
    """Both ways of writing it are found."""
    (home / ".dripline_mesh.yaml").write_text("dripline_mesh:\n  broker: lab\n")
    assert home_mesh() == {"broker": "lab"}


def test_a_mesh_file_that_holds_nothing_usable_is_told(home):
    """With its full name: nobody named it on the command line."""
    (home / ".dripline_mesh.yaml").write_text("dripline_mesh: lab\n")
    with pytest.raises(ConfigurationError, match=r"/\.dripline_mesh\.yaml: 'dripline_mesh' is a mapping"):
        home_mesh()


def test_a_version_4_block_is_unfolded_with_a_warning(write, caplog):
    """Its keys belong to the top level now."""
    file = write(
        "dripline_mesh: {broker: lab}\nruntime-config:\n  name: my_store\n  endpoints: [{name: peaches}]\n"
    )
    with caplog.at_level(logging.WARNING):
        configuration = load_configuration(file, ["endpoints.0.initial_value=3"])
    assert configuration == {
        "dripline_mesh": {"broker": "lab"},
        "name": "my_store",
        "endpoints": [{"name": "peaches", "initial_value": 3}],
    }
    assert caplog.messages == [
        "service.yaml:2:1: 'runtime-config' is deprecated (it is version 4's): "
        "move the keys below it to the top level"
    ]


def test_a_version_4_block_must_hold_something(write):
    """Else the service would have no name and nobody would know why."""
    with pytest.raises(ConfigurationError, match=r"^service\.yaml:1:1: 'runtime-config' holds no mapping"):
        load_configuration(write("runtime-config: my_store\n"))


def test_a_variable_that_is_not_set_is_told_with_its_place(write):
    """In a file and on the command line."""
    file = write("name: my_store\nendpoints:\n  - name: peaches\n    calibration: '{}*ENV{CAL}'\n")
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(file, ["broadcast_key=ENV{KEY}"], environment={})
    assert [line.partition(";")[0] for line in str(caught.value).splitlines()] == [
        "service.yaml:4:5: endpoints.0.calibration: the environment variable 'CAL' is not set",
        "command line, 'broadcast_key=ENV{KEY}': broadcast_key: the environment variable 'KEY' is not set",
    ]


def test_return_codes_may_stand_in_a_file_of_their_own(write, tmp_path, monkeypatch):
    """Named from where the configuration stands, whatever the working folder is."""
    write("- {value: 1000, name: too_hot, description: Too hot}\n", "codes.yaml")
    file = tmp_path / write("dripline_mesh: {return_codes: codes.yaml}\n")
    monkeypatch.chdir("/")
    codes = load_configuration(file)["dripline_mesh"]["return_codes"]
    assert codes == [{"value": 1000, "name": "too_hot", "description": "Too hot"}]


def test_mesh_settings_are_checked_with_their_places(write):
    """All that is wrong at once."""
    file = write("dripline_mesh:\n  brokr: lab\n  broker_port: many\n")
    with pytest.raises(ConfigurationError) as caught:
        mesh_settings(load_configuration(file), SourceMap(file))
    assert str(caught.value).splitlines() == [
        "service.yaml:2:3: dripline_mesh: unknown setting 'brokr'; did you mean 'broker'?",
        "service.yaml:3:3: dripline_mesh: broker_port must be a whole number, not 'many'",
    ]


def test_mesh_settings_must_be_a_block(write):
    """A single word there is a misunderstanding."""
    file = write("dripline_mesh: lab\n")
    with pytest.raises(ConfigurationError, match=r"^service\.yaml:1:1: dripline_mesh is a mapping of settings"):
        mesh_settings(load_configuration(file), SourceMap(file))


def test_a_port_may_come_from_the_environment(write):
    """What comes from there is text, and a port's text of digits is a number."""
    file = write("dripline_mesh: {broker_port: 'ENV{PORT}'}\n")
    assert (
        mesh_settings(load_configuration(file, environment={"PORT": "5673"}), SourceMap(file)).broker_port == 5673
    )


def test_configuration_without_files_costs_no_yaml():
    """A client that needs no file must not wait for the parser."""
    code = """if True:
        import sys
        from dripline.config.load import load_configuration

        load_configuration()
        print("yaml" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_all_stages_tell_their_mistakes_at_once(write, home):
    """A person mends a file once."""
    (home / ".dripline_mesh.yaml").write_text("- a list\n")
    file = write("name: a\nname: b\nx: ENV{X}\ndripline_mesh: {return_codes: nowhere.yaml}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(file, ["noword", "name.x=5"], environment={})
    places = [line.partition(": ")[0].rpartition("/")[2] for line in str(caught.value).splitlines()]
    assert places == [
        ".dripline_mesh.yaml:1:1", "service.yaml:2:1",
        "'noword' is not KEY=VALUE, and nothing else is expected here", "'name.x=5'",
        "service.yaml:3:1", "nowhere.yaml",
    ]  # fmt: skip


def test_what_could_be_read_is_there_beside_the_mistakes(write):
    """The rest of the file can be checked."""
    loaded = load_all(write("name: a\nname: b\nx: ENV{X}-ENV{Y}\n"), environment={"Y": "1"})
    assert loaded.configuration == {"name": "a", "x": "ENV{X}-1", "dripline_mesh": {}}
    assert loaded.unsure == {("x",)}
    assert loaded.is_readable
    assert not load_all(write("name: [\n")).is_readable


def replace_environment(tree, environment, where=lambda _: Place()):
    """The tree with the texts replaced; raises what is found."""
    found = Diagnostics(where=where)
    replaced = with_environment(tree, environment, found)
    found.raise_errors()
    return replaced.tree


SET = {"HOST": "rabbit", "PORT": "5673", "EMPTY": "", "NESTED": "ENV{HOST}"}


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("ENV{HOST}", "rabbit"),
        ("('ENV{HOST}', ENV{PORT})", "('rabbit', 5673)"),
        ("2*{} + ENV{PORT}", "2*{} + 5673"),
        ("x{ENV{HOST}}", "x{rabbit}"),
        ("<ENV{EMPTY}>", "<>"),
        ("ENV{NESTED}", "ENV{HOST}"),
        ("env{HOST} $HOST ENV {HOST}", "env{HOST} $HOST ENV {HOST}"),
        ("ENV{HOST", "ENV{HOST"),
    ],
)
def test_variables_are_replaced_wherever_they_stand_in_a_text(text, replaced):
    """In longer texts too; what comes out is not searched again."""
    assert replace_environment(text, SET) == replaced


def test_every_text_of_a_configuration_is_searched():
    """Maps and lists are walked; keys and other values stay as they are."""
    tree = {"ENV{HOST}": ["ENV{HOST}", {"a": "ENV{PORT}"}, 5, None, True]}
    assert replace_environment(tree, SET) == {"ENV{HOST}": ["rabbit", {"a": "5673"}, 5, None, True]}


def test_a_replaced_text_stays_text():
    """A password of digits must not become a number."""
    assert replace_environment("ENV{PORT}", SET) == "5673"


def test_variables_that_are_not_set_are_all_told_with_their_places():
    """One line each: where, which setting, which variable, what to do."""
    tree = {"endpoints": [{"calibration": "ENV{CAL}*{}"}], "name": "ENV{WHO}"}
    with pytest.raises(ConfigurationError) as caught:
        replace_environment(tree, {}, lambda path: Place("service.yaml", len(path), 1))
    assert str(caught.value).splitlines() == [
        "service.yaml:3:1: endpoints.0.calibration: the environment variable 'CAL' is not set; "
        "set it, or write a value instead of ENV{CAL}",
        "service.yaml:1:1: name: the environment variable 'WHO' is not set; "
        "set it, or write a value instead of ENV{WHO}",
    ]


_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text().filter(lambda text: "ENV{" not in text),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_TREES)
def test_a_configuration_without_variables_stays_as_it_is(tree):
    """Nothing else is touched."""
    assert replace_environment(tree, {}) == tree


@given(st.text(), st.text(), st.text())
def test_a_value_is_taken_over_as_it_is(before, value, after):
    """The value of a variable is inserted into the text unchanged."""
    if "ENV{" in before + after:
        return
    assert replace_environment(f"{before}ENV{{X}}{after}", {"X": value}) == before + value + after


def test_what_comes_from_the_environment_is_bounded():
    """A long variable that is named again and again fills no memory; one line says so."""
    environment = {"LONG": "x" * 100_000}
    with pytest.raises(
        ConfigurationError, match="add more than 10000000 characters, up to 'LONG' here"
    ) as refused:
        replace_environment(["ENV{LONG}" * 1000] * 1000, environment)
    assert str(refused.value).count("\n") == 0


def test_a_variable_that_names_variables_is_text():
    """It is not searched again, so no variable can make more of another."""
    assert replace_environment("ENV{A}", {"A": "ENV{A}ENV{A}"}) == "ENV{A}ENV{A}"
