"""What extensions see of a program's start."""

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
