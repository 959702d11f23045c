"""Documents as terminal sessions: what a reader is told to type is typed, what is promised has to appear.

In a Markdown file a block of kind ``console`` is such a session: lines with ``$`` are commands, the others
their output, in which ``…`` stands for anything, and a time of day, a key or a port for any other. Comments,
which a reader does not see, say the rest:

- ``<!-- file: NAME -->`` before a block: it is the content of that file.
- ``<!-- another terminal -->`` before a session: its commands go on running until the end of the document;
  the output up to a line with only ``…`` is awaited before the next block, the rest before the end.
- ``<!-- exit code: N -->`` before a session: its last command ends so, and not with 0.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import pytest
from support.ports import free_port
from support.turns import turn

PROJECT = Path(__file__).parents[2]
BLOCK = re.compile(r"((?:^<!--.*?-->\n)*)^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)

PORT = r"localhost:\d+"
TIME_OF_DAY = r"\b\d\d:\d\d:\d\d\b"
KEY = r"[0-9a-f]{8}(?:\\?-[0-9a-f]{4}){3}\\?-[0-9a-f]{12}"
# What listens at ports that are the same for everybody.
USES_PORTS = ("dl simulate", "dl demo", "http_port", "simulated_supply")
VARYING = (PORT, TIME_OF_DAY, KEY)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document: its language, its text, and the comments right before it."""

    language: str
    text: str
    comments: str

    def comment(self, name: str) -> str | None:
        """What stands behind ``name:`` in a comment before the block."""
        found = re.search(rf"<!-- {name}: (.*?) -->", self.comments)
        return found and found[1]

    def steps(self) -> list[tuple[str, str]]:
        """The commands of a session, each with the output that is promised."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [tuple(re.split(r"(?<!\\)\n", part, maxsplit=1)) for part in parts]


@dataclass(frozen=True)
class Background:
    """A command in another terminal."""

    process: subprocess.Popen[bytes]
    output: Path
    promised: list[str]

    def wait_for(self, lines: list[str]) -> None:
        """Return when these lines have appeared, one after the other."""
        deadline = time.monotonic() + 240
        pattern = as_pattern("…".join(lines))
        while not pattern.search(self.output.read_text()):
            assert self.process.poll() is None, f"ended: {self.output.read_text()}"
            assert time.monotonic() < deadline, f"not seen: {lines} in {self.output.read_text()}"
            time.sleep(0.05)


def as_pattern(promised: str) -> re.Pattern[str]:
    """Promised output as a regular expression: any time of day, key and port stand for any other."""
    pattern = re.escape(promised.strip()).replace("…", ".*?")
    for varying in VARYING:
        pattern = re.sub(varying, lambda _, varying=varying: varying, pattern)
    return re.compile(pattern, re.DOTALL)


def blocks(document: Path) -> list[Block]:
    """All fenced blocks of a document, indented ones with their indentation taken off."""
    found = BLOCK.findall(document.read_text())
    return [Block(language, text, comments) for comments, language, text in found]


class Reader:
    """Follows a document, in a folder with the project's examples, a home and a broker port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._background: list[Background] = []
        shutil.copytree(PROJECT / "examples", folder / "examples")
        mesh = f"broker_port: {free_port()}\nmax_connection_attempts: 3\n"
        (folder / ".dripline_mesh.yaml").write_text(mesh)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DRIPLINE_")}
        self._variables = {**inherited, "PATH": path, "HOME": str(folder), "COLUMNS": "100"}

    def follow(self, document: Path) -> int:
        """Do all that the document says; return how many commands that were."""
        usual_ports = any(word in document.read_text() for word in USES_PORTS)
        with turn("usual-ports") if usual_ports else nullcontext():
            try:
                return self._follow(document)
            finally:
                self.leave()

    def _follow(self, document: Path) -> int:
        count = 0
        for block in blocks(document):
            if name := block.comment("file"):
                (self.folder / name).write_text(block.text)
            elif block.language == "console":
                count += self._follow_session(block)
        for program in self._background:
            program.wait_for(program.promised)
        return count

    def _follow_session(self, block: Block) -> int:
        steps = block.steps()
        codes = [0] * (len(steps) - 1) + [int(block.comment("exit code") or 0)]
        for (command, promised), code in zip(steps, codes, strict=True):
            if "<!-- another terminal -->" in block.comments:
                self._start(command, promised.splitlines())
            else:
                self._run(command, promised, code)
        return len(steps)

    def _run(self, command: str, promised: str, code: int) -> None:
        done = subprocess.run(["bash", "-c", command], timeout=300, **self._streams())
        output = done.stdout.decode()
        assert done.returncode == code, f"$ {command}\nended with {done.returncode}:\n{output}"
        if promised.strip():
            assert as_pattern(promised).fullmatch(output.strip()), f"$ {command}\nprinted:\n{output}"

    def _start(self, command: str, promised: list[str]) -> None:
        output = self.folder / f"terminal-{len(self._background)}.txt"
        with output.open("wb") as file:
            streams = {**self._streams(), "stdout": file}
            process = subprocess.Popen(["bash", "-c", f"exec {command}"], **streams)
        self._background.append(Background(process, output, promised))
        self._background[-1].wait_for(list(takewhile(lambda line: line != "…", promised)))

    def _streams(self) -> dict:
        return {
            "cwd": self.folder,
            "env": self._variables,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "stdin": subprocess.DEVNULL,
        }

    def leave(self) -> None:
        """End what still runs, the last first."""
        for program in reversed(self._background):
            program.process.terminate()
            program.process.wait(60)
        self._background.clear()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Somebody who does what a document says."""
    reader = Reader(tmp_path)
    yield reader
    reader.leave()
