"""A RabbitMQ node of the tests' own, that can be stopped, killed and started, on the programs installed."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from dripline.transport.address import BrokerAddress
from support.ports import free_ports

_FOLDERS = (
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/opt/rabbitmq/sbin",
)
_HELLO = b"AMQP\x00\x00\x09\x01"
_START_S = 120.0
_STOP_S = 60.0


class RabbitMQNode:
    """A node with a name, ports, folders and an epmd of its own; user guest, password guest.

    It runs as the user of the tests, be it root, and touches nothing of a node that runs already.

    Args:
        programs: Folder of ``rabbitmq-server``.
        tls: Files of a certificate, for a second listener that speaks TLS: ``ca``, ``certificate``, ``key``.
            ``verify`` (False when left out) says whether clients must have a certificate of that CA.
        settings: Further lines of ``rabbitmq.conf``, by key.
        plugins: Names of plugins that it has.

    Attributes:
        host, port: Where it listens.
        tls_port: Where it listens for TLS; 0 without ``tls``.
        folder: Where everything is that it writes.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        programs: Path,
        *,
        tls: Mapping[str, object] | None = None,
        settings: Mapping[str, object] | None = None,
        plugins: Sequence[str] = (),
    ) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="dripline-rabbitmq-"))
        self.port, self._dist_port, self._epmd_port, self.tls_port = free_ports(4)
        if tls is None:
            self.tls_port = 0
        self._write_configuration(tls, settings or {})
        (self.folder / "enabled_plugins").write_text(f"[{','.join(plugins)}].\n")
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> BrokerAddress:
        """Where it is, for our own transport."""
        return BrokerAddress(self.host, self.port)

    @property
    def log(self) -> str:
        """What it wrote, for people."""
        files = [self.folder / "output", *sorted((self.folder / "log").glob("*"))]
        return "\n".join(file.read_text(errors="replace") for file in files if file.is_file())

    def start(self) -> float:
        """Start it; clients can log in when this returns.

        Returns:
            How long that took, in seconds.
        """
        assert self._process is None, "it runs already"
        begin = time.monotonic()
        self._start_epmd()
        self._process = self._spawn(str(self._programs / "rabbitmq-server"))
        while not self.is_ready():
            assert self._process.poll() is None, f"RabbitMQ ended at its start:\n{self.log}"
            assert time.monotonic() - begin < _START_S, f"RabbitMQ did not start in {_START_S} s:\n{self.log}"
            time.sleep(0.05)
        return time.monotonic() - begin

    def stop(self) -> float:
        """Stop it in good order, as an update does; returns how long that took, in seconds."""
        assert self._process is not None, "it does not run"
        begin = time.monotonic()
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None
        return time.monotonic() - begin

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            _kill_group(self._process)
            self._process = None

    def restart(self) -> tuple[float, float]:
        """Stop and start it; returns how long each took, in seconds."""
        return self.stop(), self.start()

    def pause(self) -> None:
        """Stop the whole process in its tracks: connections stay open, and nothing answers."""
        assert self._process is not None, "it does not run"
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again after `pause`."""
        assert self._process is not None, "it does not run"
        os.killpg(self._process.pid, signal.SIGCONT)

    def is_ready(self) -> bool:
        """Whether it answers clients."""
        try:
            with socket.create_connection((self.host, self.port), 1) as client:
                client.settimeout(10)
                client.sendall(_HELLO)
                return client.recv(1) == b"\x01"  # connection.start, a method frame
        except OSError:
            return False

    def ctl(self, *words: str) -> str:
        """Run ``rabbitmqctl`` on it; it takes a second. Returns what that prints."""
        command = [str(self._programs / "rabbitmqctl"), "-q", "-n", self._name, *words]
        done = subprocess.run(
            command,
            env=self._variables,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout.decode()
        return done.stdout.decode()

    def remove(self) -> None:
        """End it and take its files away."""
        self.kill()
        if self._epmd is not None:
            _kill_group(self._epmd)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> RabbitMQNode:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    # -- inside ----------------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return f"dripline-{self.port}@localhost"

    @property
    def _variables(self) -> dict[str, str]:
        folder = self.folder
        own = {
            "HOME": str(folder),  # of the cookie
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": self.host,
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_NODE_IP_ADDRESS": self.host,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(folder / "no-further-files"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "no-advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "no-environment"),
            # Two schedulers, as nodes on a large machine start one thread per core.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +A 8 -kernel inet_dist_use_interface {127,0,0,1}",
        }
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("RABBITMQ_", "ERL_"))}
        return {**inherited, **own}

    def _write_configuration(self, tls: Mapping[str, object] | None, settings: Mapping[str, object]) -> None:
        lines: dict[str, object] = {
            "loopback_users": "none",
            "vm_memory_high_watermark.absolute": "1GB",
            "disk_free_limit.absolute": "1MB",
        }
        if tls is not None:
            required = bool(tls.get("verify", False))
            lines |= {
                "listeners.ssl.default": f"{self.host}:{self.tls_port}",
                "ssl_options.cacertfile": tls["ca"],
                "ssl_options.certfile": tls["certificate"],
                "ssl_options.keyfile": tls["key"],
                "ssl_options.verify": "verify_peer" if required else "verify_none",
                "ssl_options.fail_if_no_peer_cert": str(required).lower(),
            }
        lines |= settings
        text = "".join(f"{key} = {value}\n" for key, value in lines.items())
        (self.folder / "rabbitmq.conf").write_text(text)

    def _start_epmd(self) -> None:
        """Start the port mapper: of its own, since one that the node starts would outlive it."""
        if self._epmd is None:
            program = shutil.which("epmd") or "epmd"
            self._epmd = self._spawn(program, "-port", str(self._epmd_port), "-address", self.host)

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "output").open("ab") as output:
            return subprocess.Popen(
                command,
                env=self._variables,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


def new_node(**arguments: object) -> RabbitMQNode:
    """Make a node, not started; the test is skipped, or fails in CI, when RabbitMQ is not installed.

    Args:
        **arguments: for `RabbitMQNode`.
    """
    found = sorted(folder for pattern in _FOLDERS for folder in glob.glob(pattern))
    for folder in reversed(found):
        if (Path(folder) / "rabbitmq-server").exists():
            return RabbitMQNode(Path(folder), **arguments)  # type: ignore[arg-type]  # handed on as they came
    missing = "needs the programs of a RabbitMQ server (rabbitmq-server)"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
    raise AssertionError("skip and fail raise")


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
