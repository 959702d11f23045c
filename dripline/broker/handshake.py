"""Connection handshake: protocol header, login, tuning, virtual host."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, Final

import pika.data
import pika.spec

from dripline.amqp.content import encode_method
from dripline.broker.compatibility import Compatibility
from dripline.broker.errors import ConnectionFault
from dripline.broker.frames import decode_method, name_text
from dripline.broker.state import CHANNEL_MAX, Peer

_SERVER_PROPERTIES: Final[dict[str, Any]] = {
    "product": "dripline embedded broker",
    "platform": "Python",
    "information": "AMQP 0-9-1 for a laptop and for tests; in production use RabbitMQ",
    "capabilities": {
        "publisher_confirms": True,
        "exchange_exchange_bindings": True,
        "basic.nack": True,
        "consumer_cancel_notify": True,
        "connection.blocked": True,
        "authentication_failure_close": True,
        "per_consumer_qos": True,
    },
}


class LoginRefused(ConnectionFault):
    """Wrong name or password; the reply never says which."""

    def __init__(self, mechanism: str) -> None:
        super().__init__(
            403,
            f"Login was refused using authentication mechanism {mechanism}. For details see the broker logfile.",
        )


class Handshake:
    """The methods of channel 0 until the connection is open, each in its turn.

    Attributes:
        tuned: the limits are agreed upon; before that, a client that errs is hung up on without a word.
        opened: the connection is open, with the limits that it has now.

    It tells the connection what the client understands, and in the end what was agreed on.
    """

    def __init__(self, connection: Peer) -> None:
        self._connection = connection
        self.tuned = False
        self.opened = False
        self._rules = connection.state.settings.compatibility
        self._limits = (self._rules.frame_max, CHANNEL_MAX)
        self._step: Callable[[Any], None] = self._on_start_ok
        self._expected: type[Any] = pika.spec.Connection.StartOk

    def begin(self) -> None:
        """Send connection.start."""
        mechanisms = "PLAIN AMQPLAIN EXTERNAL" if self._connection.certified_name else "PLAIN AMQPLAIN"
        self._send(pika.spec.Connection.Start(0, 9, _announced(self._rules), mechanisms, "en_US"))

    def on_method(self, payload: bytes) -> None:
        """Handle the next method frame of channel 0.

        Raises:
            ConnectionFault: when it is not the one expected, or asks for what cannot be had.
        """
        method = decode_method(payload)
        if not isinstance(method, self._expected):
            raise ConnectionFault(503, f"expected {self._expected.NAME}, got {method.NAME} instead", method.INDEX)
        self._step(method)

    def _on_start_ok(self, method: pika.spec.Connection.StartOk) -> None:
        connection = self._connection
        properties = method.client_properties or {}
        capabilities: Any = properties.get("capabilities")
        if isinstance(capabilities, dict):
            connection.wants_cancel_notifications = capabilities.get("consumer_cancel_notify") is True
            connection.closes_on_refused_login = capabilities.get("authentication_failure_close") is True
            connection.wants_blocked_notifications = capabilities.get("connection.blocked") is True
        connection.client_name = str(properties.get("connection_name", ""))
        settings = connection.state.settings
        mechanism = name_text(method.mechanism)
        if not self._is_user(mechanism, method.response) or connection.state.hooks.refuses_login(connection):
            raise LoginRefused(mechanism)
        self._expected, self._step = pika.spec.Connection.TuneOk, self._on_tune_ok
        self._send(pika.spec.Connection.Tune(CHANNEL_MAX, self._rules.frame_max, settings.heartbeat_s))

    def _is_user(self, mechanism: str, response: Any) -> bool:
        """Whether name and password are those of the broker's user, or the certificate is in that name."""
        connection = self._connection
        settings = connection.state.settings
        if mechanism == "EXTERNAL" and connection.certified_name:
            return connection.certified_name == settings.username
        username, password = _credentials(mechanism, response)
        known = hmac.compare_digest(username, settings.username.encode())
        return hmac.compare_digest(password, settings.password.encode()) and known

    def _on_tune_ok(self, method: pika.spec.Connection.TuneOk) -> None:
        _check_limit("frame_max", method.frame_max, self._rules.frame_min, self._rules.frame_max)
        _check_limit("channel_max", method.channel_max, 1, CHANNEL_MAX)
        self._limits = (method.frame_max, method.channel_max)
        self._connection.heartbeat.start(method.heartbeat)
        self.tuned = True
        self._expected, self._step = pika.spec.Connection.Open, self._on_open

    def _on_open(self, method: pika.spec.Connection.Open) -> None:
        name = name_text(method.virtual_host)
        if name != self._connection.vhost.name:
            raise ConnectionFault(530, f"vhost {name} not found", method.INDEX)
        self._send(pika.spec.Connection.OpenOk())
        self._connection.frame_max, self._connection.channel_max = self._limits
        self.opened = True

    def _send(self, method: Any) -> None:
        self._connection.send(encode_method(0, method))


def _announced(rules: Compatibility) -> dict[str, Any]:
    """The server properties, with the product and version that the rules name."""
    named = {"product": rules.product, "version": rules.version}
    return {**_SERVER_PROPERTIES, **{key: value for key, value in named.items() if value}}


def _credentials(mechanism: str, response: Any) -> tuple[bytes, bytes]:
    """Name and password in a SASL response."""
    raw = bytes(response or b"")
    if mechanism == "PLAIN":
        parts = raw.split(b"\0")
        if len(parts) != 3:
            raise LoginRefused(mechanism)
        return parts[1], parts[2]
    if mechanism == "AMQPLAIN":
        return _amqplain_credentials(raw)
    raise ConnectionFault(530, f"unknown SASL mechanism '{mechanism}'", pika.spec.Connection.StartOk.INDEX)


def _amqplain_credentials(raw: bytes) -> tuple[bytes, bytes]:
    """AMQPLAIN is a field table without its length."""
    try:
        fields, _ = pika.data.decode_table(len(raw).to_bytes(4, "big") + raw, 0)
    except Exception as error:
        raise LoginRefused("AMQPLAIN") from error
    name, password = fields.get("LOGIN"), fields.get("PASSWORD")
    if not isinstance(name, str) or not isinstance(password, str):
        raise LoginRefused("AMQPLAIN")
    return name.encode(), password.encode()


def _check_limit(what: str, value: int, least: int, most: int) -> None:
    method = pika.spec.Connection.TuneOk.INDEX
    if value and value < least:
        raise ConnectionFault(
            530, f"negotiated {what} = {value} is lower than the minimum allowed value ({least})", method
        )
    if not value or value > most:
        raise ConnectionFault(
            530, f"negotiated {what} = {value} is higher than the maximum allowed value ({most})", method
        )
