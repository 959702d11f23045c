"""What extensions see of a program's start, and how its configuration comes together."""

import pytest

import scarab


def test_an_extension_registers_its_secrets(monkeypatch):
    """As extensions do it, with the default and the variable they name."""
    app = scarab.MainApp()
    spec = {"username": {"default": "postgres", "env": "TEST_POSTGRES_USER"}, "password": {"default": "pw"}}
    app.add_default_auth_spec_group("postgres", scarab.to_param(spec).as_node())
    monkeypatch.setenv("TEST_POSTGRES_USER", "ada")
    app.auth.process_spec()
    assert app.auth.get("postgres", "username") == "ada"
    assert app.auth.get("postgres", "password") == "pw"


def test_a_program_starts_empty():
    """Nothing is configured, no version is known."""
    app = scarab.MainApp(use_config=False)
    assert app.use_config is False
    assert app.primary_config.empty()
    assert app.nonoption_ord_args.empty()
    assert app.version is None
    app.set_version(scarab.VersionSemantic(1, 2, 3))
    assert app.version.version == "1.2.3"


class Program(scarab.MainApp):
    """A program that notes the stages, and adds something of its own."""

    def __init__(self):
        scarab.MainApp.__init__(self)
        self.seen = []
        self.default_config.merge(scarab.to_param({"a": "default", "b": "ENV{LAB_ROOM}"}))
        self.add_config_string_option("--a", "a")

    def note(self):
        """Note what `a` is now."""
        self.seen.append(self.primary_config.get_value("a", ""))

    def do_config_stage_1(self):
        """The defaults."""
        super().do_config_stage_1()
        self.note()

    def do_config_stage_2(self):
        """The file."""
        super().do_config_stage_2()
        self.note()

    def do_config_stage_3(self):
        """The arguments, and what only this program knows."""
        super().do_config_stage_3()
        self.primary_config.add("c", 7)
        self.note()

    def do_config_stage_4(self):
        """The options."""
        super().do_config_stage_4()
        self.note()


def test_a_subclass_overrides_the_stages(tmp_path, monkeypatch):
    """Defaults, file, arguments, options, environment: each one over those before."""
    monkeypatch.setenv("LAB_ROOM", "B12")
    path = tmp_path / "config.yaml"
    path.write_text("a: file\n")
    app = Program()
    config = app.primary_config
    assert app.execute(["prog", "-c", str(path), "a=argument", "--a", "option"]) == 0
    assert app.seen == ["default", "file", "argument", "option"]
    assert config.to_python() == {"a": "option", "b": "B12", "c": 7}


def test_stages_can_be_called_one_by_one(tmp_path):
    """By a script that has no command line."""
    app = scarab.MainApp()
    app.default_config.add("a", 1)
    app.do_config_stage_1()
    assert app.primary_config.to_python() == {"a": 1}
    app.config_filename = str(tmp_path / "config.yaml")
    (tmp_path / "config.yaml").write_text("{a: 2, b: {c: 3}}")
    app.do_config_stage_2()
    assert app.primary_config.to_python() == {"a": 2, "b": {"c": 3}}


def test_a_variable_that_is_not_set_is_an_error(capsys):
    """It is named, and the callback is not called."""
    app = scarab.MainApp()
    app.set_callback(lambda: pytest.fail("called"))
    assert app.execute(["prog", "room=ENV{NO_SUCH_VARIABLE}"]) == 2
    assert "prog: the environment variable 'NO_SUCH_VARIABLE' is not set" in capsys.readouterr().err


def test_the_configuration_specifies_secrets(tmp_path):
    """Under the keys that the program tells; they are not in the configuration afterwards."""
    app = scarab.MainApp()
    app.set_default_auth_spec_groups({"lab": {"user": {"default": "ada"}, "pin": {"default": "0"}}})
    app.add_default_auth_spec_group("camera", {"pin": {"default": "1"}})
    assert app.default_config[app.auth_groups_key].as_node().keys() == ["camera", "lab"]
    secrets = tmp_path / "auth.json"
    secrets.write_text('{"lab": {"pin": "2"}}')
    app.set_default_auth_file(str(secrets))
    assert app.default_config[app.auth_file_key]().as_string() == str(secrets)
    assert app.execute(["prog", "auth-groups.lab.user.value=grace"]) == 0
    found = {(group, item): app.auth.get(group, item) for group, item in [("lab", "user"), ("lab", "pin")]}
    assert found == {("lab", "user"): "grace", ("lab", "pin"): "2"}
    assert app.auth.get("camera", "pin") == "1"
    assert app.auth_groups_key not in app.primary_config
