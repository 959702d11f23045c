"""Command lines of programs."""

import pytest

import scarab
from scarab.program_options import put, read_word


@pytest.fixture
def app():
    """A program with an option of each kind."""
    app = scarab.MainApp()
    app.default_config.merge(scarab.to_param({"interval": 5, "daq": {"files": ["a", "b"], "on": False}}))
    app.add_config_flag("--on", "daq.on", "whether it is on, 100%")
    app.add_config_counted_flag("-d,--deeper", "depth")
    app.add_config_string_option("-o,--output", "daq.output")
    app.add_config_int_option("-i,--interval", "interval")
    app.add_config_float_option("--gain", "gain")
    app.add_config_multi_string_option("--names", "names")
    app.add_config_multi_int_option("--numbers", "numbers")
    app.add_config_multi_float_option("--gains", "gains")
    return app


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["--on"], {"daq": {"files": ["a", "b"], "on": True}}),
        (["-dd"], {"depth": 2}),
        (["-o", "x"], {"daq": {"files": ["a", "b"], "on": False, "output": "x"}}),
        (["-i", "7"], {"interval": 7}),
        (["interval=7"], {"interval": 7}),
        (["interval=7", "-i", "8"], {"interval": 8}),
        (["--gain", "1e3"], {"gain": 1000.0}),
        (["--names", "a", "b"], {"names": ["a", "b"]}),
        (["--numbers", "1", "2"], {"numbers": [1, 2]}),
        (["--gains", "1", "2.5"], {"gains": [1.0, 2.5]}),
        (["x.y=12:30:00"], {"x": {"y": "12:30:00"}}),
    ],
)
def test_a_configuration_is_brought_together(app, words, expected):
    """Options over words over defaults."""
    defaults = {"interval": 5, "daq": {"files": ["a", "b"], "on": False}}
    assert app.execute(["prog", *words]) == 0
    assert app.primary_config.to_python() == {**defaults, **expected}
    assert app.default_config.to_python() == defaults


def test_a_file_stands_between_defaults_and_words(app, tmp_path):
    """Its name is known afterwards."""
    path = tmp_path / "config.yaml"
    path.write_text("interval: 6\ndaq: {output: there}\nlabel: old\n")
    assert app.execute(["prog", "-c", str(path), "label=new"]) == 0
    config = app.primary_config
    assert app.config_filename == str(path)
    assert (config["interval"].to_python(), config["label"].to_python()) == (6, "new")
    assert config["daq"].to_python() == {"files": ["a", "b"], "on": False, "output": "there"}


@pytest.mark.parametrize("content", [None, "a: [", "- 1"])
def test_a_file_that_cannot_be_used_is_told(app, tmp_path, content, capsys):
    """Missing, no YAML, no mapping: exit code 2, and the callback is not called."""
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_text(content)
    app.set_callback(lambda: pytest.fail("called"))
    assert app.execute(["prog", "-c", str(path)]) == 2
    assert "config.yaml" in capsys.readouterr().err


def test_words_that_are_no_settings_are_kept(app):
    """In their order, numbers as numbers."""
    app.execute(["prog", "first", "a=1", "-i", "3", "2", "b.c=x"])
    assert app.nonoption_ord_args.to_python() == ["first", 2]
    assert app.nonoption_kw_args.to_python() == {"a": 1, "b": {"c": "x"}}
    assert app.app_options.to_python() == {"interval": 3}


def test_the_callback_is_called_when_all_is_there(app, monkeypatch):
    """Configuration and secrets; what it raises is the program's."""
    seen = []
    app.add_default_auth_spec_group("lab", {"token": {"default": "none", "env": "LAB_TOKEN"}})
    monkeypatch.setenv("LAB_TOKEN", "t")
    app.set_callback(
        lambda: seen.append((app.primary_config["interval"]().as_int(), app.auth.get("lab", "token")))
    )
    assert app.execute(["prog", "-i", "9", "-vq"]) == 0
    assert seen == [(9, "t")]
    app.set_callback(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        app.execute(["prog"])


def test_a_file_of_secrets_is_read(app, tmp_path):
    """Under the name `auth_file` of the configuration."""
    path = tmp_path / "auth.json"
    path.write_text('{"lab": {"token": "t"}}')
    app.add_config_string_option("--auth-file", "auth_file")
    assert app.execute(["prog", "--auth-file", str(path)]) == 0
    assert app.auth.get("lab", "token") == "t"


@pytest.mark.parametrize(("words", "code"), [(["-i", "many"], 2), (["--what"], 2), (["-h"], 0), (["-V"], 0)])
def test_a_wrong_command_line_is_told(app, words, code, capsys):
    """And help and version are printed; each time the exit code is returned."""
    app.set_version(scarab.VersionSemantic(1, 2, 3))
    assert app.execute(["prog", *words]) == code
    printed = capsys.readouterr()
    assert (printed.err if code else printed.out).strip()


def test_a_program_may_have_no_configuration_file():
    """Then there is no option for it."""
    assert scarab.MainApp(use_config=False).execute(["prog", "-c", "x"]) == 2


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *[("1", 1), ("-2.5", -2.5), ("1e3", 1000.0), ("true", True), ("null", None)],
        *[
            (text, text)
            for text in ("12:30:00", "10abc", "3 volts", "007", "NaN", "Infinity", "", "[1]", '"x"', "x")
        ],
    ],
)
def test_a_word_is_a_number_only_if_all_of_it_is_one(word, value):
    """All the rest is text."""
    assert read_word(word) == value
    assert type(read_word(word)) is type(value)


def test_a_value_is_put_below_lists_and_what_is_missing():
    """What stands in the way is replaced."""
    tree = {"a": [{"b": 1}, 2], "c": 3}
    put(tree, "a.0.b", 4)
    put(tree, "a.1", 5)
    put(tree, "c.d", 6)
    assert tree == {"a": [{"b": 4}, 5], "c": {"d": 6}}


def test_a_place_that_a_list_does_not_have(capsys):
    """The address is in the message, and the callback is not called."""
    app = scarab.MainApp()
    app.default_config.add("endpoints", [{"name": "peaches"}])
    app.set_callback(lambda: pytest.fail("called"))
    assert app.execute(["prog", "endpoints.1.name=pears"]) == 2
    assert "endpoints.1.name: there is no '1' in a list of 1" in capsys.readouterr().err
    assert app.execute(["prog", "endpoints.name=pears"]) == 2


def test_words_and_options_reach_into_lists_of_the_file(tmp_path):
    """As with `dl-serve`."""
    path = tmp_path / "config.yaml"
    path.write_text("endpoints: [{name: peaches, initial_value: 1}, {name: pears}]\n")
    app = scarab.MainApp()
    app.add_config_string_option("--second", "endpoints.1.name")
    assert app.execute(["prog", "-c", str(path), "endpoints.0.initial_value=7", "--second", "plums"]) == 0
    assert app.primary_config.to_python()["endpoints"] == [
        {"name": "peaches", "initial_value": 7},
        {"name": "plums"},
    ]


def test_values_of_a_file_are_read_as_in_other_configurations(tmp_path):
    """Numbers are numbers altogether; times and dates are text; keys `x-...` are for anchors."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "x-base: &base {a: 5, b: -1.5e3}\n"
        "values: [1, +2, 0x10, 0.5, 1e3, .inf, 010, 12:30:00, 2024-01-02, 1_000, 1.2.3, on, null, ~, '7']\n"
        "more: {<<: *base, a: 6}\n"
    )
    numbers = [1, 2, 16, 0.5, 1000.0, float("inf")]
    texts = ["010", "12:30:00", "2024-01-02", "1_000", "1.2.3"]
    app = scarab.MainApp()
    assert app.execute(["prog", "-c", str(path)]) == 0
    assert app.primary_config.to_python() == {
        "values": [*numbers, *texts, True, None, None, "7"],
        "more": {"a": 6, "b": -1500.0},
    }


def test_the_help_names_the_value_of_an_option(capsys):
    """By its long name."""
    app = scarab.MainApp()
    app.add_config_int_option("-i,--look-interval", "interval", "seconds")
    assert app.execute(["prog", "-h"]) == 0
    assert "--look-interval LOOK_INTERVAL" in capsys.readouterr().out
