"""The base class of all commands: negative numbers as arguments, one-line errors, exit codes.

How a command ends when something goes wrong: with that line, and an exit code that scripts can rely on.
"""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from dripline import errors
from dripline.cli.options import HIDDEN, HelpLayout, ManyWords
from dripline.errors import ConfigurationError, DriplineError
from dripline.programs.output import complain, forget_output
from dripline.wire.safe_text import hide_login, safe_traceback

# No option of ours is a digit, so what begins like a negative number is a word.
_NEGATIVE = re.compile(r"-\.?\d")
#: `EX_SOFTWARE` of sysexits.h: the fault is ours.
BUG = 70
#: `EX_IOERR`: what was printed did not get where it should.
LOST_OUTPUT = 74
#: `EX_OSERR`: the system has no more threads, files or memory for this process.
EXHAUSTED = 71
_INTERRUPTED = 130
_LOST = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
_LIMITS = {
    errno.EMFILE: "too many open files in this process; raise the limit (ulimit -n, LimitNOFILE of systemd)",
    errno.ENFILE: "too many open files on this machine; close some, or raise the limit (sysctl fs.file-max)",
    errno.ENOMEM: "out of memory; end other programs, or raise the limit (ulimit -v, MemoryMax of systemd)",
}
_THREADS = "no further thread can be started; raise the limit (ulimit -u, TasksMax of systemd)"


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
        super().__init__(*args, **kwargs)
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
    message = hide_login(" ".join(error.format_message().replace(HIDDEN, "").split()))
    return message[:1].lower() + message[1:].rstrip(".")


# -- how a command ends ----------------------------------------------------------------------------------------


def exit_code_of(error: BaseException) -> int:
    """The exit code for an error: its own if it is one of dripline's, 130 for Ctrl-C, else 70."""
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return 0
    if isinstance(error, DriplineError):
        return min(error.exit_code, 255)
    if _limit(error):
        return EXHAUSTED
    return LOST_OUTPUT if is_lost_output(error) else BUG


def is_lost_output(error: BaseException) -> bool:
    """Whether a disk is full, or a terminal gone, and not the program wrong."""
    return isinstance(error, OSError) and error.errno in _LOST


def _limit(error: BaseException) -> str:
    """Which limit of the system was reached, and the remedy; empty if none."""
    if isinstance(error, MemoryError):
        return _LIMITS[errno.ENOMEM]
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":  # as all versions of Python say
        return _THREADS
    return _LIMITS.get(error.errno or 0, "") if isinstance(error, OSError) else ""


def report(error: BaseException, command: str, verbose: int = 0) -> None:
    """Tell an error on standard error.

    Args:
        error: what ended the command.
        command: the command as it was called, such as `dl get`.
        verbose: how many `-v` were given; two add the traceback.
    """
    if isinstance(error, (KeyboardInterrupt, BrokenPipeError)):
        return
    if verbose >= 2:
        print(safe_traceback(error), file=sys.stderr)
    for line in _lines(error):
        complain(f"{command}: {line}")


def _lines(error: BaseException) -> list[str]:
    text = str(error)
    if isinstance(error, ConfigurationError):  # several mistakes are several lines
        return text.splitlines() or [type(error).__name__]
    if isinstance(error, DriplineError):
        return [text or type(error).__name__]
    if limit := _limit(error):
        return [limit]
    if isinstance(error, OSError) and is_lost_output(error):
        place = error.filename or "the output"
        return [f"{place} cannot be written: {(error.strerror or text).lower()}; make room, or write to elsewhere"]
    return [
        f"{type(error).__name__}: {' '.join(text.split())} -- this is a bug of dripline or of an extension; "
        "-vv shows where"
    ]


# -- words ------------------------------------------------------------------------------------------------------


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
    return HIDDEN + word if word.startswith("-") else word


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
