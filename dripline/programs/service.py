"""Creates and runs a service from a configuration."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from dripline.checking import check_loaded
from dripline.core.object_creator import ObjectCreator, maker_of
from dripline.core.service import Service
from dripline.discovery.class_finder import secrets_of_extensions
from dripline.discovery.validation import describe_failure
from dripline.errors import ConfigurationError, DriplineError
from dripline.programs.common_options import CommonOptions
from dripline.programs.session import Session, load_session
from dripline.programs.signals import Interrupted, apart, on_signal
from dripline.runtime.state_folder import state_path
from dripline.wire.safe_text import is_for_program

logger = logging.getLogger("dripline.service")

_DEFAULT_NAME = "dlpy_service"


class ServiceFailed(DriplineError):
    """A service's own code failed while it was made."""


class _Stopped(Interrupted):
    """A signal came before the service listened."""


def open_service_session(
    common: CommonOptions, words: Sequence[str] = (), options: Mapping[str, Any] | None = None
) -> Session:
    """Bring a service's configuration together and check it.

    Args:
        common: the common options.
        words: `key=value` words.
        options: further settings of the service, None for those not given.

    Raises:
        ConfigurationError: with a line for everything that is wrong.
    """
    defaults = {} if common.config else {"name": _DEFAULT_NAME}
    result = load_session(common, words, dict(options or {}), defaults, secrets_of_extensions())
    found = check_loaded(result.loaded)
    # What is wrong with the login in a file was found by the check as well; unknown keys with the nearest name.
    texts = [one.text for one in found]
    found += [
        one
        for one in result.diagnostics
        if ": unknown key " not in one.text and not any(text.endswith(one.text) for text in texts)
    ]
    for warning in found.warnings:
        logger.warning("%s", warning)
    found.sorted().raise_errors()
    return result.session()


def run_service(session: Session, end_with_stdin: bool = False) -> None:
    """Make the service of a session and run it until SIGINT, SIGTERM or its own end.

    Args:
        session: with a configuration that was checked.
        end_with_stdin: stop also when standard input ends, as it does when the process that started us is gone.

    Raises:
        ServiceFailed: the service or an endpoint cannot be made.
        BrokerError: there is no broker, it refuses the login, or the name is taken.
    """
    running: list[Any] = []
    stopped = threading.Event()

    def stop() -> None:
        stopped.set()
        if not running:
            raise _Stopped  # where some places lose it; so it is looked at again
        apart(lambda: running[0].cancel(0))

    with on_signal(stop):
        try:
            if end_with_stdin:
                threading.Thread(target=_wait_for_end, name="dripline-stdin", daemon=True).start()
            _run(make_service(session), running, stopped)
        except _Stopped:
            logger.info("stopped before the service was there")
    logger.info("ended")


def _run(service: Any, running: list[Any], stopped: threading.Event) -> None:
    """Run a service; it is in the list from the moment on when cancelling it is enough to end it."""
    if type(service).run is not Service.run:
        running.append(service)
        if not stopped.is_set():
            service.run()
        return
    try:
        _start(service)
        running.append(service)
        if not stopped.is_set():
            service.listen()
    finally:
        service.stop()


def _start(service: Any) -> None:
    try:
        service.start()
    except BaseException as error:
        if isinstance(error, Exception) or is_for_program(error):
            raise
        raise ServiceFailed(f"{service.name} cannot be started: {describe_failure(error)}") from error


def make_service(session: Session) -> Any:
    """Make the service that a session's configuration describes, with its endpoints.

    Raises:
        ConfigurationError: arguments that its constructors refuse.
        ServiceFailed: a constructor raised something else.
    """
    try:
        service = ObjectCreator().create_object(session.configuration, "Service", session.auth)
    except BaseException as error:
        if is_for_program(error):
            raise
        place = _place_of(maker_of(error), session)
        if isinstance(error, ConfigurationError):
            raise ConfigurationError(f"{place}: {error}") from error
        if isinstance(error, DriplineError):
            raise
        reason = describe_failure(error, _source(error))
        failure = ServiceFailed(f"{place}: {maker_of(error)} cannot be made: {reason}")
        failure.exit_code = _exit_code(error)
        raise failure from error
    if "enable_scheduling" not in session.configuration:
        service.enable_scheduling = True
    if isinstance(service, Service):
        _keep_alerts(service, session)
    return service


def _keep_alerts(service: Service, session: Session) -> None:
    """Let alerts wait on disk while the broker is away, unless the configuration says where."""
    if "folder" in (session.configuration.get("alert_spool") or {}):
        return
    try:
        service._dripline_keep_alerts(str(state_path("alerts", session.mesh, service.name)))
    except OSError as error:
        logger.warning(
            "%s: alerts wait in memory only: %s; set alert_spool: {folder: …}, or XDG_STATE_HOME",
            service.name, error,
        )  # fmt: skip


def _exit_code(error: BaseException) -> int:
    code = getattr(error, "return_code", None)  # a ThrowReply tells which kind of thing failed
    value = getattr(code, "value", code)
    return value // 100 if isinstance(value, int) and value >= 100 else ServiceFailed.exit_code


def _source(error: BaseException) -> str:
    """The file in which an exception arose."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename if trace else ""


def _place_of(maker: str, session: Session) -> str:
    """Where an object that `maker_of` names stands in the file."""
    for number, endpoint in enumerate(session.configuration.get("endpoints") or []):
        if maker.startswith(f"endpoint {endpoint.get('name')!r} "):
            return session.origin.where(("endpoints", number))
    return session.origin.where(())


def _wait_for_end() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
