"""Commands as dripline's are: negative numbers are words, an option may take many, an error is one line."""

from __future__ import annotations

import io
import math
import os
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import click

from dripline import errors
from dripline.cli.exit_codes import exit_code_of, is_lost_output, report
from dripline.cli.help_text import HelpLayout
from dripline.programs.output import complain
from dripline.wire.safe_text import hide_login

# No option of ours is a digit, so what begins like a negative number is a word.
_NEGATIVE = re.compile(r"-\.?\d")
# Hides a word that begins with "-" from click's parser until it is a value.
_HIDDEN = "\0"
# About 30 years; the clocks of sockets overflow at 300 years.
_LONGEST_S = 1e9


class ManyWords(click.Option):
    """An option that takes all words up to the next option: `-a 'sensor_value.#' heartbeat.my_store`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"multiple": True, "type": WORD, "metavar": "WORD…", **kwargs})


class _Word(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    """A word of the command line, as it was written."""

    name = "word"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        word = value.removeprefix(_HIDDEN)
        if not _is_text(word):
            self.fail(f"{word!r} has bytes that are no text; write it in UTF-8, in a locale of UTF-8", param, ctx)
        return word


def _is_text(word: str) -> bool:
    """Whether a word can be sent: bytes that the locale cannot read are lone surrogates in it."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


WORD = _Word()


class Seconds(click.FloatRange):
    """A duration in seconds. Infinity and everything that clocks cannot count is the longest one that they can."""

    name = "number of seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the duration; fail for NaN, which no comparison refuses."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a valid {self.name}", param, ctx)
        return min(number, _LONGEST_S)


class WholeNumber(click.IntRange):
    """A whole number within limits."""

    name = "whole number"


class Command(HelpLayout):
    """A dripline command. Its positional arguments have the type `WORD`.

    Args:
        takes_files: Whether `-c` can be given several times.
        values_after: Number of positional arguments before the values. After them `-abc` is a value too, unless
            it spells options. None: the command takes no values.
    """

    def __init__(
        self, *args: Any, values_after: int | None = None, takes_files: bool = False, **kwargs: Any
    ) -> None:
        settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
        super().__init__(*args, **{"context_settings": settings, **kwargs})
        self.values_after = values_after
        self.takes_files = takes_files

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, after separating values such as `-5` from options and repeating options with many words."""
        options = spellings(self, ctx)
        prepared = list(_prepared(args, options, self.values_after))
        if self.values_after is not None and not any(param.nargs == -1 for param in self.params):
            _rescue_value(prepared, options, self.values_after)
        return super().parse_args(ctx, prepared)

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and end with one line on standard error when that fails."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the outermost place: nobody else tells it
            report(error, ctx.command_path, verbose=ctx.params.get("verbose", 0))
            if isinstance(error, OSError) and is_lost_output(error):
                forget_output()
            ctx.exit(exit_code_of(error))


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> None:
    """Run a command as a program; ends the process.

    Args:
        command: what to run.
        name: the program's name.
        arguments: its words, default those of this process.
    """
    _prepare_streams()
    try:
        with errors.for_commands():
            result = command.main(arguments, prog_name=name, standalone_mode=False)
        code = result if isinstance(result, int) else 0
        sys.stdout.flush()
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else name
        complain(f"{path}: {_usage_message(error)} (see {path} -h)")
        code = error.exit_code
    except click.Abort:
        code = 130
    except OSError as error:  # of printing help, or the last of the output
        report(error, name)
        code = exit_code_of(error)
        forget_output()
    sys.exit(code)


def _prepare_streams() -> None:
    """Have somewhere to write where a stream was closed, as in `dl-serve 2>&-`: Python has None for it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # In this order each gets its usual number, which else a socket would get.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # for good
    if isinstance(sys.stdout, io.TextIOWrapper):  # half a character, which JSON can contain, is shown escaped
        sys.stdout.reconfigure(errors="backslashreplace")


def spellings(command: click.Command, ctx: click.Context) -> dict[str, click.Parameter]:
    """The options of a command by spelling, `-c` and `--config`."""
    options = [param for param in command.get_params(ctx) if isinstance(param, click.Option)]
    return {name: option for option in options for name in (*option.opts, *option.secondary_opts)}


def _usage_message(error: click.ClickException) -> str:
    message = hide_login(" ".join(error.format_message().replace(_HIDDEN, "").split()))
    return message[:1].lower() + message[1:].rstrip(".")


def forget_output() -> None:
    """Go on without standard output: its reader has gone, as in `dl mon | head -3`, or its disk is full."""
    # Python would complain once more when it flushes at the end.
    with suppress(io.UnsupportedOperation):  # a program in Python has put something else there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _prepared(args: Sequence[str], options: dict[str, click.Parameter], values_after: int | None) -> Iterable[str]:
    waiting = list(reversed(args))
    positional = 0
    while waiting:
        word = waiting.pop()
        if word == "--":
            yield word
            yield from reversed(waiting)
            return
        takes_values = values_after is not None and positional >= values_after
        if not is_option(word) or (takes_values and _is_value(word, options)):
            positional += 1
            yield _hidden(word)
            continue
        option = expecting(word, options)
        if isinstance(option, ManyWords):
            yield from _spread(word, waiting, options, takes_values)
        else:
            yield word
            if option is not None and waiting:
                yield waiting.pop()


def _spread(
    word: str, waiting: list[str], options: dict[str, click.Parameter], takes_values: bool
) -> Iterable[str]:
    """Repeat an option before each of its words."""

    def is_next() -> bool:
        return bool(waiting) and (not is_option(waiting[-1]) or (takes_values and _is_value(waiting[-1], options)))

    if not word.startswith("--") and len(word) > 2:  # flags before it in the same word count once
        yield word[:-1]
        word = f"-{word[-1]}"
    if not is_next():
        raise click.BadOptionUsage(word, f"option {word!r} requires at least one argument")
    while is_next():
        yield word
        yield _hidden(waiting.pop())


def _is_value(word: str, options: dict[str, click.Parameter]) -> bool:
    """Whether a word such as `-inf`, where a value can be, is one: it has one dash and spells no options.

    Raises:
        click.NoSuchOption: The word is a long option with one dash, `-json`.
    """
    if word.startswith("--"):
        return False
    if f"-{word}" in options:
        raise click.NoSuchOption(word, possibilities=[f"-{word}"])
    for position, letter in enumerate(word[1:], start=2):
        option = options.get(f"-{letter}")
        if option is None:
            return True
        if _valued(option) is not None:
            return position < len(word) and not _accepts(option, word[position:])
    return False


def _accepts(option: click.Parameter, text: str) -> bool:
    try:
        option.type.convert(text, None, None)
    except click.UsageError:
        return False
    return True


def _rescue_value(prepared: list[str], options: dict[str, click.Parameter], values_after: int) -> None:
    """Read `-stop` (`-s top`) as the value if the value would be missing otherwise."""
    positional, candidate, skip = 0, None, False
    for index, word in enumerate(prepared):
        if skip:
            skip = False
        elif word == "--":
            return
        elif not is_option(word):
            positional += 1
        else:
            skip = expecting(word, options) is not None
            if candidate is None and positional == values_after and not word.startswith("--") and len(word) > 2:
                candidate = None if skip else index
    if positional == values_after and candidate is not None and not _are_flags(prepared[candidate], options):
        prepared[candidate] = _hidden(prepared[candidate])


def _are_flags(word: str, options: dict[str, click.Parameter]) -> bool:
    return all(_valued(options.get(f"-{letter}")) is None for letter in word[1:])


def is_option(word: str) -> bool:
    """Whether a word is an option; negative numbers are not."""
    return len(word) > 1 and word.startswith("-") and not _NEGATIVE.match(word)


def _hidden(word: str) -> str:
    return _HIDDEN + word if word.startswith("-") else word


def expecting(word: str, options: dict[str, click.Parameter]) -> click.Parameter | None:
    """The option in a word whose value is the next word; None when there is none.

    Args:
        word: one word of a command line that begins with `-`.
        options: by spelling, `-c` and `--config`.
    """
    if word.startswith("--"):
        return _valued(options.get(word))
    for position, letter in enumerate(word[1:], start=2):
        option = _valued(options.get(f"-{letter}"))
        if option is not None:
            return option if position == len(word) else None
    return None


def _valued(option: click.Parameter | None) -> click.Parameter | None:
    if isinstance(option, click.Option) and (option.is_flag or option.count):
        return None
    return option
