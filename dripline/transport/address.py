"""`BrokerAddress` and `TlsSettings`."""

from __future__ import annotations

from dataclasses import dataclass, field

from dripline.config.mesh import EXTERNAL, PORT, MeshSettings
from dripline.errors import in_command


@dataclass(frozen=True)
class TlsSettings:
    """How a connection is encrypted, and who proves what to whom.

    Attributes:
        ca_file: PEM file of the authorities whose certificates are trusted; None for those of the system.
        certificate_file: PEM file of the certificate that is shown to the broker; None shows none.
        key_file: PEM file of its key; None when that is in the same file.
        verify: Whether the broker has to prove that it is the host that the address names.
    """

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    verify: bool = True


@dataclass(frozen=True)
class BrokerAddress:
    """The address of a broker with the login used there.

    Attributes:
        host: Name or IP address.
        port: TCP port.
        virtual_host: AMQP virtual host.
        username: Login name.
        password: Secret; never part of ``repr`` or ``str``.
        heartbeat_s: AMQP heartbeat interval that is proposed, in seconds.
        connect_timeout_s: Longest wait for name, socket, TLS and login together, in seconds.
        tls: How it is encrypted; None for not at all.
        by_certificate: Whether the certificate of ``tls`` logs in (SASL EXTERNAL), not name and password.
        in_script: Whether errors give advice for the author of a script, not for the user of a command.
    """

    host: str = "localhost"
    port: int = PORT
    virtual_host: str = "/"
    username: str = "guest"
    password: str = field(default="guest", repr=False)
    heartbeat_s: int = MeshSettings.heartbeat_s
    connect_timeout_s: float = 10.0
    tls: TlsSettings | None = None
    by_certificate: bool = False
    in_script: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, mesh: MeshSettings, username: str, password: str) -> BrokerAddress:
        """The address that the settings of a mesh name.

        Args:
            mesh: The settings.
            username: Login name.
            password: Secret.
        """
        tls = TlsSettings(mesh.ca_file, mesh.certificate_file, mesh.key_file, mesh.verify) if mesh.tls else None
        return cls(
            mesh.broker,
            mesh.broker_port,
            mesh.virtual_host,
            username,
            password,
            heartbeat_s=mesh.heartbeat_s,
            tls=tls,
            by_certificate=mesh.auth_mechanism == EXTERNAL,
            in_script=not in_command(),
        )

    def advice(self, command: str, script: str) -> str:
        """Choose the advice for a command with its options, or for a script with its settings."""
        return script if self.in_script else command

    @property
    def user(self) -> str:
        """Who logs in, as messages to people name that."""
        if self.by_certificate and self.tls is not None:
            return f"the certificate in {self.tls.certificate_file}"
        return f"user {self.username!r}"

    def __str__(self) -> str:
        """Return ``host:port``, as messages to people name a broker."""
        return f"{self.host}:{self.port}"
