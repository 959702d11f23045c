"""`dl demo`: run a demonstration mesh."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dripline.cli.command import Command
from dripline.cli.options import WORD, common_options
from dripline.programs.common_options import CommonOptions
from dripline.programs.output import complain, forget_output, show, terminal_size

if TYPE_CHECKING:
    from dripline.programs.demo_mesh import DemoMesh
    from dripline.programs.session import Session
    from dripline.programs.signals import StopEvent
    from dripline.wire.message import Message

_USUAL_HTTP_PORT = 8080
_ATTEMPTS = 5
_LAST_LINES = 10
_LOOK_S = 0.1
_HTTP_GRACE_S = 6.0
_SHOWN = ["sensor_value.#", "status_message.#"]

_NOTES = """
With `--folder`, the files are kept: configurations, a Python class, a log, the logged values, and a README that
shows how to run each of them. Without it, they are in a temporary folder that is deleted at the end.
"""
_EXAMPLES = """
dl demo
dl demo --folder my-mesh
"""


@click.command("demo", cls=Command, epilog=_NOTES, examples=_EXAMPLES)
@click.option("--folder", type=WORD, metavar="FOLDER", help="Folder in which the files are kept.")
@common_options
@click.pass_context
def demo(ctx: click.Context, common: CommonOptions, folder: str | None) -> None:
    """Run a broker, simulated instruments and services on this machine, until stopped.

    Shows the logged values: as a table in a terminal, as lines in a pipe.
    """
    from dripline.programs import logs
    from dripline.programs.demo_mesh import DemoMesh
    from dripline.programs.signals import StopEvent
    from dripline.runtime.state_folder import user_path

    logs.set_up(logging.WARNING, common.verbose, common.quiet)
    stop = StopEvent()
    with stop.armed(), ExitStack() as stack:  # until the services run and after that: nothing is left behind
        mesh = DemoMesh(
            stack.enter_context(_temporary_folder()) if folder is None else user_path(folder, "--folder")
        )
        mesh.write()
        code = _run(mesh, common, stop, kept=folder is not None)
        if code:
            _show_end_of_log(mesh)
    try:
        show(conclusion(mesh, kept=folder is not None))
    except OSError:  # the terminal has been closed
        forget_output()
    ctx.exit(code)


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    from dripline.errors import ConfigurationError

    try:
        folder = Path(tempfile.mkdtemp(prefix="dripline-demo-"))
    except OSError as error:
        raise ConfigurationError(
            f"{(error.strerror or str(error)).lower()}; name a folder with --folder"
        ) from error
    try:
        yield folder
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # it is nearly over, and must be finished
            signal.signal(number, signal.SIG_IGN)
        shutil.rmtree(folder, ignore_errors=True)


def _show_end_of_log(mesh: DemoMesh) -> None:
    """Show the last that the services said: one of them did not end well."""
    from dripline.programs.demo_mesh import LOG

    for line in (mesh.folder / LOG).read_text(errors="replace").splitlines()[-_LAST_LINES:]:
        complain(line)


def _run(mesh: DemoMesh, common: CommonOptions, stop: StopEvent, kept: bool) -> int:
    from dripline.programs import processes as supervisor
    from dripline.programs.service import open_service_session

    # Alerts that wait for the broker belong to this mesh, and not to the next one at this port.
    os.environ["XDG_STATE_HOME"] = str((mesh.folder / "state").resolve())
    quick = ["heartbeat_interval_s=1"]
    with mesh.log() as log, mesh.running_instruments(), _broker(common) as (common, dl):
        files = mesh.services()

        def open_one(file: str) -> Session:
            stop.look()
            return open_service_session(replace(common, config=file), quick)

        sessions = supervisor.open_all(files, open_one)
        with _http(sessions[0], mesh, stop) as url, _view(sessions[0]) as draw:
            show(introduction(mesh, sessions[0], dl, url, kept))

            def on_look() -> None:
                stop.look()  # a signal may have come before `run_all` took them over
                draw()

            return supervisor.run_all(files, sessions, common, words=quick, log=log, on_look=on_look)


@contextmanager
def _broker(common: CommonOptions) -> Iterator[tuple[CommonOptions, str]]:
    """Run a broker, at the usual port or, where that is taken, at a free one; one that was asked for must be free.

    Yields:
        The options that lead to it, and how `dl` is called to reach it.
    """
    from dripline.errors import BrokerUnreachable
    from dripline.programs.demo_mesh import free_port
    from dripline.programs.embedded_broker import make_broker
    from dripline.programs.session import open_client_session

    # In another terminal, only the settings from the configuration apply, and no options.
    usual = open_client_session(replace(common, broker=None, port=None, tls=None)).mesh
    asked = common.port
    for attempt in range(_ATTEMPTS):
        port = asked or (free_port() if attempt else usual.broker_port)
        common = replace(common, broker="localhost", port=port, tls=False)
        session = open_client_session(common)
        try:
            broker = make_broker(session.mesh, session.username, session.password)
            break
        except BrokerUnreachable:
            if asked or attempt == _ATTEMPTS - 1:
                raise
    words = ["dl"]
    words += [] if usual.broker == "localhost" else ["-b localhost"]
    words += [] if usual.broker_port == port else [f"-p {port}"]
    words += ["--no-tls"] if usual.tls else []
    try:
        yield common, " ".join(words)
    finally:
        broker.stop()


@contextmanager
def _http(session: Session, mesh: DemoMesh, stop: StopEvent) -> Iterator[str | None]:
    """Offer the mesh over HTTP, when aiohttp is there."""
    from dripline.errors import DriplineError
    from dripline.web.http_server import HTTPServer

    server = HTTPServer(
        http_port=_USUAL_HTTP_PORT,
        username=session.username,
        password=session.password,
        dripline_mesh=session.configuration["dripline_mesh"],
    )
    listens, settled = threading.Event(), threading.Event()

    def serve() -> None:
        try:
            try:
                server.run(listens)
            except DriplineError:
                server.http_port = 0
                server.run(listens)
        except DriplineError as error:
            mesh.left_out.append(str(error))
        finally:
            settled.set()

    thread = threading.Thread(target=serve, name="dripline-demo-http", daemon=True)
    thread.start()
    try:
        while not (listens.wait(_LOOK_S) or settled.is_set()):
            stop.look()
        yield f"http://127.0.0.1:{server.http_port}" if listens.is_set() else None
    finally:
        server.stop()
        thread.join(_HTTP_GRACE_S)


@contextmanager
def _view(session: Session) -> Iterator[Callable[[], None]]:
    """Show the values as they come: a table on a terminal, lines in a pipe.

    Yields:
        What is called again and again; it raises when there is nobody to show them to any longer.
    """
    from dripline.programs.monitor import LiveTable, can_be_drawn, line_of

    lost: list[OSError] = []

    def show(message: Message) -> None:
        try:
            print(line_of(message), flush=True)
        except OSError as error:
            lost.append(error)

    def look() -> None:
        try:
            if lost:
                raise lost[0]
            if table is not None:
                table.draw()
        except OSError:  # the pipe or the terminal has gone
            forget_output()
            raise BrokenPipeError from None

    table = LiveTable(sys.stdout) if can_be_drawn(sys.stdout) else None
    with session.client() as client:
        client.monitor([], _SHOWN, show if table is None else table.take)
        yield look


def introduction(mesh: DemoMesh, session: Session, dl: str, url: str | None, kept: bool) -> str:
    """What runs where, and what to try.

    Args:
        mesh: what runs.
        session: of one of the services.
        dl: how `dl` is called to reach the mesh.
        url: where the mesh is offered over HTTP; None when it is not.
        kept: whether the files stay.
    """
    counts = f"{len(mesh.services())} services and {len(mesh.instruments)} simulated instruments"
    lines = [f"A mesh of {counts}, on this machine only."]
    lines += _table(
        ("broker", f"localhost:{session.mesh.broker_port}, embedded"),
        ("instruments", ", ".join("{}:{}".format(*found.reachable_at) for found in mesh.instruments.values())),
        ("web page", f"{url}/dl lists the endpoints, as JSON" if url else ""),
        ("database", str(mesh.database or "")),
        ("files", f"{mesh.folder.resolve()}{'' if kept else ' (--folder NAME keeps them)'}"),
        ("left out", "; ".join(mesh.left_out)),
    )
    lines += ["", "Try in another terminal:"]
    lines += _table(
        (f"{dl} get room_temperature", "read an instrument"),
        (f"{dl} set supply_voltage 5", "set one, and see load_power follow"),
        (f"{dl} set peaches 2.5", "a value that is logged when it is set"),
        (f"{dl} cmd trembling update_seed 7", "call a method of your own class"),
        (f"{dl} get watchdog", "who is on the mesh"),
    )
    lines += [f"  curl {url}/dl/room_temperature"] if url else []
    return "\n".join([*lines, "", "Ctrl-C ends it all.", ""])


def conclusion(mesh: DemoMesh, kept: bool) -> str:
    """What is left of the demonstration.

    Args:
        mesh: What ran.
        kept: Whether the files stay.
    """
    if not kept:
        return "The demo has ended; its files are deleted."
    return f"The demo has ended. Its files are in {mesh.folder.resolve()}; README.md there shows how to run them."


def _table(*rows: tuple[str, str]) -> Sequence[str]:
    """Two columns; where they would not fit, what is in the second stands under the first."""
    shown = [row for row in rows if all(row)]
    width = max(len(first) for first, _ in shown)
    if 4 + width + max(len(second) for _, second in shown) > terminal_size().columns and width > 24:
        return [line for first, second in shown for line in (f"  {first}", f"      {second}")]
    return [f"  {first.ljust(width)}  {second}" for first, second in shown]
