"""From a configuration to a running service."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from dripline.cli.options import CommonOptions
from dripline.cli.session import Session, open_session
from dripline.cli.stopping import on_signal
from dripline.core.argument_check import check_configuration
from dripline.core.class_finder import class_finder
from dripline.core.failure_text import describe_failure
from dripline.core.object_creator import ObjectCreator, maker_of
from dripline.core.service import Service
from dripline.wire.errors import ConfigurationError, DriplineError
from scarab import MainApp

logger = logging.getLogger(__name__)

_DEFAULT_NAME = "dripline_service"


class ServiceFailed(DriplineError):
    """A service's own code failed while it was made."""


class _Stopped(BaseException):
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
    app = MainApp()
    _add_auth_groups(app)
    defaults = {} if common.config else {"name": _DEFAULT_NAME}
    session = open_session(common, words, dict(options or {}), defaults, app.auth)
    if common.config:
        _look_beside(common.config, session.configuration)
    findings = check_configuration(session.configuration, session.origin.where)
    for warning in findings.warnings:
        logger.warning(warning)
    findings.raise_errors()
    return session


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

    def stop() -> None:
        if not running:
            raise _Stopped
        running[0].cancel(0)

    with on_signal(stop):
        try:
            if end_with_stdin:
                threading.Thread(target=_wait_for_end, name="dripline-stdin", daemon=True).start()
            _run(make_service(session), running)
        except _Stopped:
            logger.info("stopped before the service was there")
    logger.info("ended")


def _run(service: Any, running: list[Any]) -> None:
    """Run a service; it is in the list from the moment on when cancelling it is enough to end it."""
    if type(service).run is not Service.run:
        running.append(service)
        service.run()
        return
    try:
        service.start()
        running.append(service)
        service.listen()
    finally:
        service.stop()


def make_service(session: Session) -> Any:
    """Make the service that a session's configuration describes, with its endpoints.

    Raises:
        ConfigurationError: arguments that its constructors refuse.
        ServiceFailed: a constructor raised something else.
    """
    try:
        service = ObjectCreator().create_object(session.configuration, "Service", session.auth)
    except Exception as error:
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
    return service


def _exit_code(error: Exception) -> int:
    code = getattr(error, "return_code", None)  # a ThrowReply tells which kind of thing failed
    value = getattr(code, "value", code)
    return value // 100 if isinstance(value, int) and value >= 100 else ServiceFailed.exit_code


def _source(error: Exception) -> str:
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


def _look_beside(file: str, configuration: dict[str, Any]) -> None:
    """Let a `module_path` that leads nowhere from the working folder be one from the configuration's folder."""
    endpoints = configuration.get("endpoints")
    for part in (configuration, *(endpoints if isinstance(endpoints, list) else ())):
        path = part.get("module_path") if isinstance(part, dict) else None
        if isinstance(path, str) and not os.path.exists(os.path.expanduser(path)):
            beside = os.path.join(os.path.dirname(file), path)
            part["module_path"] = beside if os.path.exists(beside) else path


def _add_auth_groups(app: MainApp) -> None:
    """Let the extension `add_auth_spec` register the secrets that other extensions need."""
    finder = class_finder()
    for extension in finder.index.named("add_auth_spec"):
        add = getattr(finder.load(extension), "AddAuthSpec", None)
        if add is None:
            continue
        try:
            add(app)
        except Exception as error:  # noqa: BLE001  # an extension's fault must not be ours
            logger.warning(
                "extension %s: AddAuthSpec fails: %s", extension, describe_failure(error, extension.file)
            )


def _wait_for_end() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
