"""Runs services and simulated instruments in threads of the test process."""

from __future__ import annotations

import inspect
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dripline.checking import check_loaded
from dripline.checking.arguments import accepted_arguments
from dripline.config.authentication import make_authentication
from dripline.config.diagnostics import Place
from dripline.config.load import load_all
from dripline.config.overrides import set_path, spell
from dripline.config.source_map import SourceMap
from dripline.config.suggest import did_you_mean
from dripline.core.endpoint import Endpoint
from dripline.core.interface import Interface
from dripline.core.object_creator import ObjectCreator
from dripline.core.service import Service
from dripline.discovery.class_finder import secrets_of_extensions
from dripline.discovery.validation import describe_failure
from dripline.errors import ConfigurationError, DriplineError, ErrorReply, NoRoute, ReplyTimeout
from dripline.simulation import Instrument
from dripline.testing.brokers import Broker
from dripline.wire.return_codes import ThrowReply
from dripline.wire.safe_text import duration

logger = logging.getLogger("dripline.testing")

_PATIENCE_S = 20.0
_PING_S = 2.0
_PAUSE_S = 0.005


def found(path: Path, folders: Sequence[Path]) -> Path:
    """Find a file in the first of some folders that has it.

    Raises:
        ConfigurationError: None of them has; the text names the folders, and a file of a similar name.
    """
    for folder in folders:
        if (folder / path).is_file():
            return _short(folder / path)
    looked_in = list(dict.fromkeys((folder / path).parent for folder in folders))
    neighbours = [file.name for folder in looked_in for file in folder.glob("*.y*ml")]
    places = ", ".join(map(str, looked_in))
    raise ConfigurationError(f"{path}: there is no such file in {places}{did_you_mean(path.name, neighbours)}")


def _short(path: Path) -> Path:
    """The path as messages tell it: from the working folder on, if it is in there."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def instrument(
    description: Mapping[str, Any] | str | os.PathLike[str], folders: Sequence[Path]
) -> AbstractContextManager[Instrument]:
    """An instrument that runs while a block does, at a free port.

    Args:
        description: A description, or a file of one.
        folders: Where files are looked for.

    Raises:
        ConfigurationError: A line for each mistake in the description.
    """
    if isinstance(description, Mapping):
        return Instrument({"port": 0, **description})
    return Instrument.from_file(found(Path(description), folders), port=0)  # a file's own port may be taken


class Services:
    """Starts services on a test's mesh, and stops them at its end.

    Args:
        broker: Where they log in.
        mesh: Their mesh.
        client: Asks whether they are there.
        folders: Where files are looked for, one after the other.
    """

    def __init__(
        self, broker: Broker, mesh: Mapping[str, Any], client: Interface, folders: Sequence[Path] = ()
    ) -> None:
        self._broker = broker
        self._mesh = mesh
        self._client = client
        self._folders = folders or (Path(),)
        self._running: list[_Running] = []

    def __call__(self, what: Any, /, **arguments: Any) -> Service:
        """Start a service; it can be reached when this returns.

        Args:
            what: One of:

                - a configuration file; keywords are settings that count instead of those in the file;
                - a configuration as a dict; likewise;
                - a subclass of `Service`; keywords are its arguments;
                - a subclass of `Endpoint`; keywords are its arguments, and a service is made around it;
                - a service or an endpoint that is made already.
            **arguments: As said above.

        Returns:
            The service. What stands in its way fails the test, with the reason.
        """
        __tracebackhide__ = True
        try:
            service = self._make(what, arguments)
            self._refuse_twice(service)
            running = _Running(service)
            running.start(self._client)
        except (DriplineError, ThrowReply) as error:
            raise pytest.fail.Exception(_reason(what, error), pytrace=False) from None
        except Exception as error:  # the author's own code; told with its traceback
            raise pytest.fail.Exception(_reason(what, error)) from error
        self._running.append(running)
        return service

    def stop(self) -> None:
        """Stop all, the last first; fail if one of them ended before, or does not end."""
        __tracebackhide__ = True
        reasons = [reason for running in reversed(self._running) if (reason := running.stop())]
        self._running.clear()
        if reasons:
            pytest.fail("\n".join(reasons), pytrace=False)

    def _make(self, what: Any, arguments: dict[str, Any]) -> Service:
        if isinstance(what, (str, os.PathLike)):
            return _configured_service(found(Path(what), self._folders), arguments, self._broker, self._mesh)
        if isinstance(what, Mapping):
            return _configured_service(what, arguments, self._broker, self._mesh)
        if inspect.isclass(what):
            _refuse_unknown(what, arguments)
        if inspect.isclass(what) and issubclass(what, Service):
            return what(**{"enable_scheduling": True, **self._login(), **arguments})
        if inspect.isclass(what) and issubclass(what, Endpoint):
            what, arguments = what(**arguments), {}
        if isinstance(what, Endpoint) and not arguments:
            return what if isinstance(what, Service) else self._around(what)
        raise ConfigurationError(
            "a service is started from a file, a dict, a class of services or endpoints with its arguments, or a "
            f"service or endpoint without any, not from {what!r}"
        )

    def _around(self, endpoint: Endpoint) -> Service:
        service = Service(f"{endpoint.name}_service", enable_scheduling=True, **self._login())
        service.add_child(endpoint)
        return service

    def _login(self) -> dict[str, Any]:
        return {**self._broker.login, "dripline_mesh": self._mesh}

    def _refuse_twice(self, service: Service) -> None:
        if service.name in [running.service.name for running in self._running]:
            service.stop()  # it may have opened an instrument already
            raise ConfigurationError(
                f"a service {service.name!r} runs already in this test; give this one another name"
            )


class _Running:
    """One service and the thread that serves with it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name=f"dripline-test-{service.name}", daemon=True)
        self._runs_itself = type(service).run is not Service.run

    def start(self, client: Interface) -> None:
        """Start, and wait until it answers through the broker, others and itself."""
        try:
            if not self._runs_itself:
                self.service.start()
            self._thread.start()
            self._wait_for_answer(client)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> str:
        """End it; tells what was wrong, nothing if all was well."""
        name = self.service.name
        self.service.cancel()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)
        if self._thread.is_alive():
            return f"service {name!r} was cancelled and did not end within {duration(_PATIENCE_S)}"
        self.service.stop()
        if self._error is None:
            return ""
        return f"service {name!r} ended by itself: {describe_failure(self._error, _source(self.service))}"

    def _serve(self) -> None:
        try:
            if self._runs_itself:
                self.service.run()
            else:
                self.service.listen()
        except BaseException as error:  # noqa: BLE001  # told where the service is started or stopped
            self._error = error

    def _wait_for_answer(self, client: Interface) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not self._answers(client):
            if not self._thread.is_alive():
                raise self._error or ConfigurationError("it ended at once")
            if time.monotonic() > deadline:
                raise ConfigurationError(f"it did not answer a ping within {duration(_PATIENCE_S)}")
            time.sleep(_PAUSE_S)
        # Else a fault that a test makes may hit the question to itself instead of what the test asks.
        while not self.service._dripline_is_ready() and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)

    def _answers(self, client: Interface) -> bool:
        try:
            client.cmd(self.service.name, "ping", timeout_s=_PING_S)
        except ErrorReply:
            return True  # locked, or with ideas of its own about pings
        except (NoRoute, ReplyTimeout):
            return False
        return True


def _refuse_unknown(cls: type, arguments: Mapping[str, Any]) -> None:
    """Refuse what no constructor of a class takes: those of ours ignore it, and a typing error would too."""
    accepted = accepted_arguments(cls)
    for name in arguments:
        if not accepted.takes(name):
            raise ConfigurationError(f"unknown argument {name!r}{did_you_mean(name, accepted.names)}")


def _reason(what: Any, error: Exception) -> str:
    """Why a service cannot run; a file's mistakes tell their place themselves."""
    known = isinstance(error, (DriplineError, ThrowReply))
    text = str(error) if known else describe_failure(error, _source(what))
    if isinstance(what, (str, os.PathLike)) and isinstance(error, ConfigurationError):
        return text
    return f"{_label(what)} cannot run:{' ' if len(text.splitlines()) == 1 else chr(10)}{text}"


def _label(what: Any) -> str:
    if isinstance(what, Mapping):
        return f"service {what.get('name')!r}"
    if isinstance(what, Endpoint):
        return f"{what.name!r} ({type(what).__name__})"
    return str(getattr(what, "__name__", what))


def _source(what: Any) -> str:
    """The file in which a class, or the class of an object, is written; empty when there is none."""
    try:
        return inspect.getsourcefile(what if inspect.isclass(what) else type(what)) or ""
    except TypeError:
        return ""


# -- configured services -------------------------------------------------------------------------------------


def _configured_service(
    source: Path | Mapping[str, Any], overrides: Mapping[str, Any], broker: Broker, mesh: Mapping[str, Any]
) -> Service:
    """Make a service as `dl-serve` would, but for its mesh and its login, which are the test's."""
    configuration = _checked(source, overrides, broker, mesh)
    secrets = make_authentication(configuration, auth=secrets_of_extensions())
    service = ObjectCreator().create_object(configuration, "Service", secrets)
    if not isinstance(service, Service):
        raise ConfigurationError(f"{type(service).__name__} is no service; only a service can run")
    service.enable_scheduling = bool(configuration.get("enable_scheduling", True))  # `dl-serve` turns it on
    return service


def _checked(
    source: Path | Mapping[str, Any], overrides: Mapping[str, Any], broker: Broker, mesh: Mapping[str, Any]
) -> dict[str, Any]:
    here = {"dripline_mesh": mesh, "username": broker.username, "password": broker.password}
    if isinstance(source, Path):
        loaded = load_all(source, options=here)
    else:
        loaded = replace(load_all(defaults=source, options=here), origin=_InPython())
    for key, value in overrides.items():
        path = [int(part) if part.isdecimal() else part for part in key.split(".")]
        set_path(loaded.configuration, path, value)
    found = check_loaded(loaded)
    for warning in found.warnings:
        logger.warning("%s", warning)
    found.sorted().raise_errors()
    return loaded.configuration


class _InPython(SourceMap):
    """A configuration in a test: problems are reported with the path of the key."""

    def place(self, key_path: Sequence[str | int]) -> Place:
        return Place(spell(key_path))
