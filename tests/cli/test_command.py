"""What all commands have in common."""

from __future__ import annotations

import contextlib
import errno
import subprocess
import sys
import threading

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.cli.command import Command, exit_code_of, run
from dripline.cli.options import WORD, ManyWords, Seconds
from dripline.errors import BrokerUnreachable, ConfigurationError, ErrorReply

#: Bytes of memory, more than any system gives to the stack of a thread.
_NO_MACHINE_HAS = 1 << 60


@click.command("sample", cls=Command)
@click.argument("words", type=WORD, nargs=-1)
@click.option("-s", "--specifier", default="")
@click.option("-t", "--timeout", type=Seconds(min=0))
@click.option("-P", "--payload", cls=ManyWords)
@click.option("-j", "--json", is_flag=True)
@click.option("-v", "--verbose", count=True)
@click.pass_context
def sample(ctx, **values):
    """Keeps what it was called with."""
    ctx.obj.update(values)


def _parsed(*words: str) -> dict:
    seen: dict = {}
    sample.main(list(words), standalone_mode=False, obj=seen)
    return seen


@given(st.lists(st.from_regex(r"-(\d|\.\d)\S*", fullmatch=True) | st.sampled_from(["a", "-", "x=1", "", "5"])))
def test_what_begins_like_a_negative_number_is_a_word(words):
    """Wherever it stands, and whatever follows the number."""
    assert _parsed(*words)["words"] == tuple(words)


def test_options_may_stand_anywhere():
    """Between words, in one word with others, with and without `=`."""
    parsed = _parsed("-5", "-s", "name", "a", "-jvv", "--timeout=3", "-1.5")
    assert parsed["words"] == ("-5", "a", "-1.5")
    assert (parsed["specifier"], parsed["timeout"], parsed["json"], parsed["verbose"]) == ("name", 3.0, True, 2)


def test_a_value_of_an_option_may_look_like_anything():
    """Also like an option."""
    assert _parsed("-s", "-5")["specifier"] == "-5"
    assert _parsed("-s", "-j", "x")["specifier"] == "-j"
    assert _parsed("-vs", "-5", "x") == {**_parsed("x"), "specifier": "-5", "verbose": 1}
    assert _parsed("-sname", "x")["words"] == ("x",)


def test_an_option_may_take_many_words():
    """Up to the next option."""
    parsed = _parsed("a", "-P", "x=1", "-5", "y", "-j", "b", "--payload", "z")
    assert parsed["payload"] == ("x=1", "-5", "y", "z")
    assert parsed["words"] == ("a", "b")


def test_an_option_for_many_words_may_stand_behind_flags():
    """They count once."""
    assert _parsed("-vP", "a", "b") == {**_parsed(), "verbose": 1, "payload": ("a", "b")}


@pytest.mark.parametrize("words", [["-P"], ["-P", "-j"]])
def test_an_option_for_many_words_wants_one(words):
    """Else nobody would notice that something is missing."""
    with pytest.raises(click.UsageError):
        _parsed(*words)


def test_after_two_dashes_everything_is_a_word():
    """The way to set a text that looks like an option."""
    assert _parsed("-j", "--", "-s", "-5", "--json")["words"] == ("-s", "-5", "--json")


def test_bytes_that_are_no_text_are_refused():
    """They would arrive as question marks."""
    with pytest.raises(click.UsageError, match=r"'a\\udcff' has bytes that are no text"):
        _parsed("a\udcff")


@given(st.lists(st.text(alphabet="-sPjv5.=x ", max_size=4), max_size=6))
def test_any_command_line_is_parsed_or_refused(words):
    """With a usage error, nothing else."""
    with contextlib.suppress(click.UsageError, click.exceptions.Exit):
        _parsed(*words)


def _ended(action, capsys, *words: str) -> tuple[int, str]:
    @click.command("failing", cls=Command)
    @click.option("-v", "--verbose", count=True)
    def failing(verbose: int) -> None:
        action()

    with pytest.raises(SystemExit) as caught:
        run(failing, "dl-failing", words)
    captured = capsys.readouterr()
    assert captured.out == ""
    return caught.value.code, captured.err


def _raise(error: BaseException):
    raise error


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ConfigurationError("a:1: no\nb:2: nor"), 2, "dl-failing: a:1: no\ndl-failing: b:2: nor\n"),
        (BrokerUnreachable("no broker answers"), 1, "dl-failing: no broker answers\n"),
        (ErrorReply("no", return_code=310, name="n"), 3, "dl-failing: no [310 n]\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
        (
            OSError(errno.ENOSPC, "No space left on device"), 74,
            "dl-failing: the output cannot be written: no space left on device; make room, or write to elsewhere"
            "\n",
        ),
        (
            OSError(errno.EMFILE, "Too many open files"), 71,
            "dl-failing: too many open files in this process; raise the limit (ulimit -n, LimitNOFILE of systemd)"
            "\n",
        ),
        (
            MemoryError(), 71,
            "dl-failing: out of memory; end other programs, or raise the limit (ulimit -v, MemoryMax of systemd)"
            "\n",
        ),
        (
            KeyError("port"), 70,
            "dl-failing: KeyError: 'port' -- this is a bug of dripline or of an extension; -vv shows where\n",
        ),
    ],
)  # fmt: skip
def test_an_error_ends_a_command_with_its_line_and_code(capsys, error, code, text):
    """No traceback."""
    assert _ended(lambda: _raise(error), capsys) == (code, text)


def test_two_v_add_the_traceback(capsys):
    """In front of the line."""
    code, text = _ended(lambda: _raise(KeyError("port")), capsys, "-vv")
    assert code == 70
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.splitlines()[-1].startswith("dl-failing: KeyError: 'port'")


def test_a_wrong_command_line_is_one_line(capsys):
    """With the nearest option, and where to read more."""
    code, text = _ended(lambda: None, capsys, "--vrbose")
    assert code == 2
    assert text.startswith("dl-failing: no such option")
    assert "--verbose" in text
    assert text.endswith(" (see dl-failing -h)\n")
    assert text.count("\n") == 1


def test_exit_codes_fit_into_a_byte():
    """Return codes of a laboratory may be large."""
    assert exit_code_of(ErrorReply("x", return_code=99_900)) == 255


@pytest.mark.parametrize("command", ["dl -h", "dl extensions", "dl check missing.yaml", "dl --version"])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_nothing_else(shell, command, closed):
    """As a daemon's are, or a job's of cron: no traceback, and the same exit code."""
    done = _in_bash(shell, f"{command} {closed}")
    assert done.returncode == (2 if "missing" in command else 0)
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("command", ["dl -h", "dl extensions", "dl --version"])
def test_a_full_disk_is_one_line(shell, command):
    """Nothing that was printed is there, so that the command has failed."""
    done = _in_bash(shell, f"{command} > /dev/full")
    assert done.returncode == 74
    assert "the output cannot be written: no space left on device" in done.stderr
    assert done.stderr.count("\n") == 1


def _in_bash(shell, line: str) -> subprocess.CompletedProcess[str]:
    words = line.replace("dl ", f"{sys.executable} -m dripline.cli.dl ", 1)
    return subprocess.run(
        ["bash", "-c", words], cwd=shell.folder, env=shell._surroundings({}), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("word", ["inf", "1e300", "1e10"])
def test_a_duration_that_no_clock_can_count_is_a_very_long_one(word):
    """`-t inf` means to wait without a limit, and sockets and locks refuse to."""
    limit = _parsed("-t", word)["timeout"]
    assert threading.Lock().acquire(timeout=limit)


def test_a_duration_is_a_number():
    """No comparison would refuse NaN."""
    with pytest.raises(click.BadParameter):
        _parsed("-t", "nan")


def test_a_limit_of_threads_is_not_called_a_bug(capsys):
    """The system refuses another thread, such as in a container with a limit of processes."""

    def start_one() -> None:
        usual = threading.stack_size(_NO_MACHINE_HAS)
        try:
            threading.Thread(target=print).start()
        finally:
            threading.stack_size(usual)

    code, text = _ended(start_one, capsys)
    assert code == 71
    assert text.startswith("dl-failing: no further thread can be started; raise the limit (ulimit -u")
    assert text.count("\n") == 1
