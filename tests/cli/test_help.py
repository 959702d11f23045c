"""`--help` of every command: the same layout, with examples that are complete command lines."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import click
import pytest

from dripline.cli.dl import dl
from dripline.cli.dl_agent import dl_agent
from dripline.cli.dl_mon import dl_mon
from dripline.cli.dl_serve import dl_serve
from dripline.cli.web import http_server


def _commands() -> dict[str, click.Command]:
    """All commands, with their groups."""
    found: dict[str, click.Command] = {"dl": dl, "dl-serve": dl_serve, "dl-agent": dl_agent, "dl-mon": dl_mon}
    found["dl-http-server"] = http_server
    for name in dl.list_commands(click.Context(dl)):
        command = dl.get_command(click.Context(dl), name)
        assert command is not None
        found[f"dl {name}"] = command
        if command is http_server:
            del found[f"dl {name}"]  # it has two names
        if isinstance(command, click.Group):
            for part in command.list_commands(click.Context(command)):
                found[f"dl {name} {part}"] = command.get_command(click.Context(command), part)  # type: ignore[assignment]
    return found


COMMANDS = _commands()
each_command = pytest.mark.parametrize("name", COMMANDS)


def _help(name: str) -> str:
    context = click.Context(COMMANDS[name], info_name=name, terminal_width=100, max_content_width=100)
    context.help_option_names = ["-h", "--help"]
    return COMMANDS[name].get_help(context)


@each_command
def test_options_are_grouped_and_those_of_the_connection_come_last(name):
    """What the command is about comes first."""
    text = _help(name)
    titles = re.findall(r"^(Examples|Commands|Options|General options|Connection options):$", text, re.MULTILINE)
    order = ["Examples", "Commands", "Options", "General options", "Connection options"]
    assert titles == [title for title in order if title in titles]
    assert "General options" in titles
    if "--password-file" in text:
        assert titles[-1] == "Connection options"
        assert "--broker" in text.partition("Connection options:")[2]
    assert not re.search(r"x[<>]", text), "ranges are not plain English"


@each_command
def test_examples_are_command_lines_of_the_command(name):
    """They can be copied; those for other programs show how to use it."""
    if name == "dl new":
        return  # it lists what it can create
    examples = _help(name).partition("\nExamples:\n")[2].partition("\n\n")[0].splitlines()
    assert examples
    for line in examples:
        assert shlex.split(line)[0] in ("curl", name.split()[0])
    assert any(line.strip().startswith(name) for line in examples)


@each_command
def test_every_option_has_a_sentence(name):
    """It begins with a capital letter and ends with a full stop, or a default."""
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option) and not option.hidden:
            text = option.help or ""
            assert re.match(r"[A-Z]", text), option.name
            assert re.search(r"(\.|\])$", text), option.name


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_is_documented_and_available(shell_name):
    """`dl -h` shows the line for the startup file."""
    variable = f"_DL_COMPLETE={shell_name}_source"
    assert f"{variable} dl" in _help("dl")
    done = subprocess.run(
        [sys.executable, "-m", "dripline.cli.dl"],
        env={**os.environ, "_DL_COMPLETE": f"{shell_name}_source"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "_DL_COMPLETE" in done.stdout
