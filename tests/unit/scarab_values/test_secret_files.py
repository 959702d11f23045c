"""scarab.secret_files: files with secrets, and who else can read them."""

import logging
import os

import pytest

from scarab import secret_files
from scarab.secret_files import AuthenticationError, read_auth_file, read_secret


@pytest.fixture
def warnings(caplog):
    """What was warned of so far."""
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


def written(path, text, mode):
    """A file with an access mode."""
    path.write_text(text)
    os.chmod(path, mode)
    return str(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_file_that_others_can_read_gives_one_warning(tmp_path, warnings, mode):
    """It names the file and what mends it, and is not repeated; the file is read all the same."""
    file = written(tmp_path / "my password", "geheim\n", mode)
    assert [read_secret(file), read_secret(file)] == ["geheim", "geheim"]
    assert warnings() == [f"other users can read the secret in {file}; chmod 600 '{file}'"]


def test_a_file_of_ones_own_gives_none(tmp_path, warnings):
    """Nor does one that is not there."""
    assert read_auth_file(written(tmp_path / "auth", "{lab: {a: b}}", 0o600)) == {"lab": {"a": "b"}}
    with pytest.raises(AuthenticationError):
        read_secret(str(tmp_path / "gone"))
    with pytest.raises(AuthenticationError):
        read_secret("a\0b")
    assert warnings() == []


def test_the_folders_of_container_engines_give_none(tmp_path, warnings, monkeypatch):
    """Secrets there have a mode that nobody can change."""
    monkeypatch.setattr(secret_files, "_CONTAINER_SECRETS", (f"{tmp_path}/",))
    assert read_secret(written(tmp_path / "broker", "geheim", 0o444)) == "geheim"
    assert warnings() == []


def test_a_process_can_be_told_that_another_one_has_warned(tmp_path, warnings, monkeypatch):
    """Services that are processes of their own do not repeat what the process that started them said."""
    monkeypatch.setattr(secret_files, "_quiet", False)
    secret_files.warnings_were_given()
    read_secret(written(tmp_path / "password", "geheim", 0o644))
    assert warnings() == []
