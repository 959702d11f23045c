"""Life cycle of a connection: open, login, check that it is open, calls to the broker, close, loss."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from pika.channel import Channel
from pika.exceptions import ChannelClosedByBroker, ChannelWrongStateError, ConnectionWrongStateError

from dripline.amqp.content import publish_frames
from dripline.amqp.properties import short_string
from dripline.errors import BrokerError, BrokerUnreachable, ConnectionLost
from dripline.transport import error_messages as failures
from dripline.transport import other_peer
from dripline.transport.address import BrokerAddress
from dripline.transport.future import Calls, Confirms, OneShotFuture, again
from dripline.transport.pika_adapter import PikaConnection, StreamEvents, parameters_for
from dripline.transport.progress import DECLARING, LOGGING_IN, MUTE, RESOLVING, Progress
from dripline.transport.sockets import connect
from dripline.wire.codec import Envelope

logger = logging.getLogger("dripline.connection")

_CALL_TIMEOUT_S = 30.0
_SILENCE_S = 2.0  # before a peer that says nothing is asked whether it is something else than a broker
_GOODBYE_S = 1.0  # for the broker to answer that we close
_CLOSE_TIMEOUT_S = 1.8


class ConnectionLife(StreamEvents):
    """Opens a connection, closes it, and tells everybody who waits when it ends; see `Connection`."""

    def __init__(
        self,
        address: BrokerAddress,
        client: str,
        on_lost: Callable[[BrokerError], None] | None,
        confirm_window: int,
    ) -> None:
        self.address = address
        self.blocked = ""
        self._client = client
        self._on_lost = on_lost
        self._state = threading.Lock()  # guards the changes of error, closing, opened; never held while waiting
        self._error: BrokerError | None = None
        self._closing = False
        self._opened = False
        self._pika: PikaConnection | None = None
        self._login: OneShotFuture[None] = OneShotFuture()
        self._calls = Calls(self._post)
        self._confirms = Confirms(confirm_window)
        self._progress: Progress | None = None
        self._channel: Channel | None = None
        self._number = self._frame_max = 0

    def open(self) -> None:
        """Connect, log in and open the channel.

        Raises:
            BrokerUnreachable: Nobody answers there.
            LoginRefused: User, password or virtual host is wrong, or one side refuses the other's certificate.
            ConnectionLost: It was closed, or lost, meanwhile.
            ConfigurationError: A file of certificates cannot be used.
        """
        progress = self._progress = Progress(self.address)
        if self._closing:
            progress.cancel()
        sock, tls = connect(self.address, progress)
        with self._state:
            if self._closing:
                sock.close()
                raise failures.closed(self.address)
            self._pika = pika = PikaConnection(parameters_for(self.address, self._client), self, sock, tls)
            pika.start()
        try:
            progress.step = MUTE
            self._wait_for_login(pika, progress)
            progress.step = DECLARING
            self._frame_max = int(pika.params.frame_max)
            self._channel = self._open_channel(progress.left_s())
            with self._state:
                self._opened = True
            self.check()
        except TimeoutError:
            self.close()
            raise failures.silent(self.address) from None
        except BaseException:
            self.close()
            raise

    def close(self, timeout_s: float = _CLOSE_TIMEOUT_S) -> None:
        """Send what is waiting, close politely and end the I/O thread, within 2 s whatever the broker does.

        May be called twice, and by any thread.

        Args:
            timeout_s: Longest wait for that, in seconds; it goes on afterwards.
        """
        with self._state:
            self._closing = True
            pika = self._pika
        if pika is None:
            if self._progress is not None:
                self._progress.cancel()
            return
        pika.loop.call_soon(self._close_politely)
        thread = pika.loop.thread
        if thread.ident is not None and thread is not threading.current_thread():  # None: it could not be started
            thread.join(timeout_s)

    def report_lost(self, reason: str) -> None:
        """End the connection as if it had been lost, from any thread.

        Args:
            reason: Why it is of no use.
        """
        self._post(lambda: self._give_up(reason))

    @property
    def is_open(self) -> bool:
        """Whether it can be used now."""
        return self._opened and self._error is None and not self._closing

    def check(self) -> None:
        """Raise why it cannot be used; nothing happens when it can.

        Raises:
            BrokerError: Why the connection ended.
            ConnectionLost: It was closed, or was never opened.
        """
        if self._error is not None:
            raise again(self._error)
        if not self._opened or self._closing:
            raise failures.closed(self.address)

    @property
    def missing_step(self) -> str:
        """What is not done yet of opening it and putting everything in place on it, for people."""
        step = self._progress.step if self._progress is not None else RESOLVING
        return LOGGING_IN if step is MUTE and self._pika is not None and self._pika.has_spoken else step

    def abandon(self) -> None:
        """Close the descriptors and nothing else, in a process that was forked from the one it belongs to."""
        self._closing = True
        self._error = failures.closed(self.address)
        if self._progress is not None:
            self._progress.abandon()
        if self._pika is not None:
            self._pika.loop.abandon()

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> None:
        """Run something quick on the I/O thread after ``delay_s`` seconds, if there still is a connection then."""
        if self._pika is not None:
            loop = self._pika.loop
            loop.call_soon(lambda: loop.call_later(delay_s, callback))

    # -- events, on the I/O thread -----------------------------------------------------------------------------

    def on_open(self) -> None:
        """Login succeeded."""
        self._login.set(None)

    def on_blocked(self, reason: str) -> None:
        """Remember, and say, that the broker takes no messages for now, or does again."""
        self.blocked = reason
        if reason:
            logger.warning("the broker at %s takes no messages for now: %s", self.address, reason)
        else:
            logger.warning("the broker at %s takes messages again", self.address)

    def on_closed(self, error: Exception) -> None:
        """The connection is gone: nobody waits any longer."""
        if self._closing:
            self._end(failures.closed(self.address))
        elif self._login.filled:
            self._end(failures.lost(self.address, error))
        else:
            other = other_peer.described(self.address, self._adapter.loop.first_bytes)
            self._end(other or failures.not_opened(self.address, error, has_spoken=self._adapter.has_spoken))

    # -- inside ----------------------------------------------------------------------------------------------

    def _wait_for_login(self, pika: PikaConnection, progress: Progress) -> None:
        """Wait for the login; a peer that has said nothing for a while, or hung up, may not be a broker."""
        try:
            try:
                self._login.wait(min(_SILENCE_S, progress.left_s()))
            except TimeoutError:
                if not pika.loop.first_bytes and (other := other_peer.probed(self.address)):
                    raise other from None
                self._login.wait(progress.left_s())
        except BrokerUnreachable as error:
            if pika.loop.first_bytes or error.is_final:
                raise
            raise other_peer.probed(self.address) or error from None

    @property
    def _adapter(self) -> PikaConnection:
        assert self._pika is not None, "an opened connection has one"
        return self._pika

    def _ready(self) -> Channel:
        self.check()
        assert self._channel is not None, "an opened connection has a channel"
        return self._channel

    def open_channel(self, on_open: Callable[[Channel], object]) -> None:
        """Open another channel; for the I/O thread."""
        channel = self._adapter.channel(on_open_callback=on_open)
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_cancel_callback(self._on_consumer_cancelled)

    def _open_channel(self, timeout_s: float) -> Channel:
        channel: Channel = self._ask(self.open_channel, timeout_s)
        self._number = self._number or channel.channel_number
        return channel

    def _frames(self, channel: int, exchange: str, envelopes: Sequence[Envelope], mandatory: bool) -> bytes:
        name, frame_max = short_string(exchange), self._frame_max
        built = [
            publish_frames(channel, name, key, properties, body, mandatory=mandatory, frame_max=frame_max)
            for key, properties, body in envelopes
        ]
        return built[0] if len(built) == 1 else b"".join(built)

    def _send(self, data: bytes, timeout_s: float | None = None) -> None:
        try:
            self._adapter.loop.send(data, timeout_s)
        except ConnectionError as error:
            ended = failures.closed(self.address) if self._closing else failures.lost(self.address, error)
            raise again(self._error or ended) from None

    def _post(self, action: Callable[[], object]) -> None:
        self._adapter.loop.call_soon(action)

    def _ask(self, start: Callable[[Callable[[Any], None]], object], timeout_s: float = _CALL_TIMEOUT_S) -> Any:
        """Make a call of pika's on the I/O thread and wait for its answer."""
        try:
            return self._calls.ask(start, timeout_s)
        except TimeoutError:
            raise failures.mute(self.address, timeout_s) from None
        except (ConnectionWrongStateError, ChannelWrongStateError):  # it was closed in this moment
            raise again(self._error or failures.closed(self.address)) from None

    def _close_politely(self) -> None:
        pika = self._adapter
        pika.loop.begin_closing()
        pika.loop.call_later(_GOODBYE_S, pika.loop.abort)
        if pika.is_open:
            pika.close()
        elif not pika.is_closing:
            pika.loop.end()

    def _on_channel_closed(self, _channel: Channel, reason: Exception) -> None:
        if isinstance(reason, ChannelClosedByBroker):
            self._refuse(reason)

    def _refuse(self, refusal: ChannelClosedByBroker) -> None:
        """End the connection because of a refusal; the calls that wait raise it."""
        self._end(failures.refused(self.address, refusal))
        self._close_politely()

    def _on_consumer_cancelled(self, frame: Any) -> None:
        """React to the broker's end of a consumer."""
        raise NotImplementedError

    def on_queue_deleted(self, queue: str) -> None:
        """End the connection: with the next one the queue is declared again."""
        self._give_up(f"the broker at {self.address} cancelled a consumer: its queue was deleted: {queue!r}")

    def _give_up(self, reason: str) -> None:
        self._end(ConnectionLost(reason))
        self._close_politely()

    def _end(self, error: BrokerError) -> None:
        """Let everybody know, once, that the connection is of no use any longer."""
        with self._state:
            first = self._error is None
            self._error = self._error or error
            was_open = first and self._opened and not self._closing
        self._login.fail(again(self._error))
        self._calls.fail(self._error)
        self._confirms.fail(self._error)
        if was_open and self._on_lost is not None:
            self._on_lost(self._error)
