"""Publishes the alerts of a service in a separate thread, with publisher confirms."""

from __future__ import annotations

import atexit
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from dripline.errors import BrokerError, ClosedByBroker, ConnectionLost, DriplineError
from dripline.runtime.alert_backlog import AlertBacklog, QueuedAlert
from dripline.runtime.link import MeshLink
from dripline.runtime.rate_limited_log import Boundary, RateLimitedLogger
from dripline.runtime.store_and_forward import BufferPolicy
from dripline.transport.future import OneShotFuture
from dripline.wire.codec import Envelope
from dripline.wire.message import MsgAlert

logger = logging.getLogger("dripline.alerts")

_WINDOW_COUNT, _WINDOW_BYTES = 2000, 8_000_000  # published and not confirmed
_BATCH_COUNT, _BATCH_BYTES = 200, 256_000  # published in one write
_PAUSE_S = 0.5
_IDLE_S = 60.0
_EXIT_S = 1.0
_LOOK_S = 0.02  # how often confirms are looked at while nothing else is to be done
_FULL_S = 0.01  # longest wait for room in the window
# Strikes against an alert that was alone under way when the connection ended: with an error code, or just so.
_CODED, _PLAIN, _OUT = 5, 1, 10
_LOSSES = 3  # in a row without a confirm; then fewer alerts are published at a time
_FEWER = 16  # by which the window is divided when the broker closed the connection
_LONGEST_PARDON_S = 60.0
_WRITE_S = 1.0  # for the disk, at the end
_SETTLE_S = 0.5


class AlertPublisher:
    """Publishes alerts in their order, and again whenever a connection is lost before they were confirmed.

    An alert that is sent twice has the same message id both times, so that receivers recognize it. An alert that
    makes the broker close the connection again and again is put aside.

    Args:
        publish: Sends the envelopes of one or more alerts in one write, with confirms. It must not wait: if there
            is no room it raises TimeoutError.
        can_publish: Whether there is a connection that accepts something.
        policy: How many alerts wait.
        name: The service, for the log.
        settle_s: How long alerts wait after a reconnection: a broker that was restarted has lost all bindings, and
            consumers bind again before the alerts are sent.
    """

    def __init__(
        self,
        publish: Callable[[Sequence[Envelope]], list[OneShotFuture[bool]]],
        can_publish: Callable[[], bool],
        policy: BufferPolicy,
        name: str,
        settle_s: float = 0.0,
    ) -> None:
        self._publish = publish
        self._takes_messages = can_publish
        self._name = name
        self._settle_s = settle_s
        self._backlog = AlertBacklog(policy, name)
        self._passing: deque[Sequence[Envelope]] = deque(maxlen=10)  # sent now or never
        self._limited_log = RateLimitedLogger(logger)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = self._ended = False
        self._was_connected = False
        self._not_before_s = 0.0
        # The thread's:
        self._flying: deque[QueuedAlert] = deque()
        self._flying_bytes = 0
        self._window = _WINDOW_COUNT
        self._was_away = False
        self._late = 0
        self._losses = self._condemned = 0  # in a row, without a confirm between them
        self._no_condemning_before_s = 0.0

    # -- any thread ------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many alerts wait for the broker, those that are published but not confirmed not included."""
        return len(self._backlog)

    @property
    def dropped(self) -> int:
        """How many alerts were dropped because there was no room."""
        return self._backlog.dropped

    @property
    def damaged(self) -> int:
        """How many alerts were damaged or lost on disk, or put aside because the broker does not accept them."""
        return self._backlog.damaged

    def set_policy(self, policy: BufferPolicy) -> None:
        """Change how many alerts wait; before the service starts."""
        self._backlog.policy = policy
        self.wake()

    def offer(self, envelopes: Sequence[Envelope], *, keep: bool = True) -> str:
        """Queue an alert. Neither network nor disk is used, and the caller waits for 5 ms at most.

        Args:
            envelopes: The encoded alert.
            keep: Whether it waits for a broker that is away.

        Returns:
            Why it is not sent; empty if it was queued.
        """
        if self._closing:
            return f"{self._name} was stopped"
        if keep:
            refused = self._backlog.offer(QueuedAlert(envelopes))
        elif self._takes_messages():
            refused = ""
            self._passing.append(envelopes)
            self.wake()
        else:
            refused = "there is no connection to the broker"
        if self._thread is None:
            self.wake()
        return refused

    def wake(self) -> None:
        """Publish what waits; called when there is a connection."""
        if self._thread is None and not self._ended:
            with self._starting:
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name="dripline-alerts", daemon=True)
                    thread.start()
                    self._thread = thread
                    atexit.register(self.close, _EXIT_S)  # for programs that end without stopping their service
        self._backlog.wake()

    def connected(self) -> None:
        """Take note of a new connection; called with each."""
        if self._was_connected:
            self._not_before_s = time.monotonic() + self._settle_s
        self._was_connected = True
        self.wake()

    def abandon(self) -> None:
        """Do nothing any more, in a process that was forked: the alerts are the parent's."""
        self._closing = self._ended = True
        atexit.unregister(self.close)

    def close(self, grace_s: float) -> None:
        """Send what can be sent, and keep the rest on disk for the next start.

        Args:
            grace_s: How long to wait for the broker; the disk may take one second more.
        """
        if self._ended:
            return
        atexit.unregister(self.close)
        deadline = time.monotonic() + grace_s
        self._closing = True
        self._not_before_s = 0.0
        self.wake()
        while self._has_more_to_send and time.monotonic() < deadline:
            time.sleep(0.001)
        with self._starting:
            self._ended = True
        self.wake()
        if self._thread is None:
            self._backlog.look_at_disk()
            self._backlog.keep_for_next_start(())
            return
        self._thread.join(max(0.0, deadline - time.monotonic()) + _WRITE_S)
        if self._thread.is_alive():
            logger.warning("%s: the disk does not respond; up to %d alerts may be lost", self._name, len(self))

    # -- the thread ------------------------------------------------------------------------------------------

    def _is_connecting(self) -> bool:
        """Whether a first connection is being made, which `close` waits for."""
        return False

    @property
    def _has_more_to_send(self) -> bool:
        may_send = self._takes_messages() or self._is_connecting()
        return may_send and (bool(self._passing) or not self._backlog.is_idle)

    def _run(self) -> None:
        while not self._ended:
            with Boundary(self._limited_log, "%s: alerts wait", self._name) as attempt:
                self._backlog.look_at_disk()
                self._settle()
                self._publish_passing()
                if self._backlog.store_in_s == 0.0:
                    self._backlog.store_behind(self._flying)
                if not self._publish_some():
                    self._report_late()
                    self._rest()
            if attempt.error is not None:
                self._backlog.rest(_PAUSE_S, can_publish=False)
        self._settle()
        self._backlog.keep_for_next_start(self._flying)
        self._limited_log.settle()

    def _rest(self) -> None:
        """Wait until there may be something to do."""
        can_publish = self._can_publish
        if can_publish and not self._backlog.is_empty:  # there was no room, or a refusal is to be settled first
            self._wait_for_confirm(len(self._flying) // 4)
            return
        if self._closing and self._flying:
            self._wait_for_confirm(-1)
            return
        waits = [_IDLE_S if can_publish else _PAUSE_S]
        if not can_publish and self._not_before_s > 0:
            waits.append(max(0.0, self._not_before_s - time.monotonic()) or _PAUSE_S)
        if self._flying:
            waits.append(_LOOK_S)
        store_in_s = self._backlog.store_in_s
        if store_in_s is not None:
            waits.append(store_in_s)
        self._backlog.rest(min(waits), can_publish=can_publish)

    def _wait_for_confirm(self, index: int) -> None:
        """Wait until an alert that is under way is confirmed, or for 10 ms."""
        slots = self._flying[index].slots if self._flying else ()
        with contextlib.suppress(BrokerError, TimeoutError):  # it is looked at by others
            (slots[-1] if slots else OneShotFuture()).wait(_FULL_S)

    @property
    def _can_publish(self) -> bool:
        return time.monotonic() >= self._not_before_s and self._takes_messages()

    def _publish_passing(self) -> None:
        while self._passing:
            try:
                if self._takes_messages():
                    self._publish(self._passing[0])
            except TimeoutError:
                return  # there is no room for it now
            except DriplineError as error:
                logger.debug("%s: an alert that does not wait was not sent: %s", self._name, error)
            self._passing.popleft()

    def _publish_some(self) -> bool:
        """Publish some of what waits; returns whether there may be more that can be published now."""
        if not self._can_publish:
            self._was_away = self._was_away or not self._backlog.is_empty
            return False
        room = self._window - len(self._flying)
        if room <= 0 or self._flying_bytes >= _WINDOW_BYTES:
            return False
        alerts = self._backlog.take(min(room, _BATCH_COUNT), _BATCH_BYTES)
        if not alerts:
            return False
        if self._flying and self._flying[0].outcome not in (True, None):
            self._backlog.put_back(alerts)  # what was published before them comes first
            return self._flying[0].outcome is not False
        try:
            self._fly(alerts)
        except (BrokerError, TimeoutError) as error:
            logger.debug("%s: alerts wait: %s", self._name, error)
            self._backlog.put_back(alerts)
            return False
        except DriplineError as error:
            self._fly_one_by_one(alerts, error)
        except BaseException:
            self._backlog.put_back(alerts)
            raise
        return True

    def _fly(self, alerts: Sequence[QueuedAlert]) -> None:
        envelopes = [envelope for alert in alerts for envelope in alert.envelopes]
        slots = iter(self._publish(envelopes) if envelopes else ())
        for alert in alerts:
            alert.slots = list(islice(slots, len(alert.envelopes)))
            self._flying_bytes += alert.size
        self._flying.extend(alerts)

    def _fly_one_by_one(self, alerts: Sequence[QueuedAlert], error: DriplineError) -> None:
        """Find out which of some alerts cannot be sent, and put it aside."""
        if len(alerts) == 1:
            self._backlog.put_aside(alerts[0], str(error))
            self._fly(alerts)
            return
        self._backlog.put_back(alerts)
        self._window = len(self._flying) + 1

    def _settle(self) -> None:
        """Forget alerts that the broker has confirmed; take back those that a loss or a refusal concerns."""
        done = []
        outcome: bool | BrokerError | None = None
        while self._flying:
            outcome = self._flying[0].outcome
            if outcome is not True:
                break
            done.append(self._flying.popleft())
            self._flying_bytes -= done[-1].size
        if done:
            self._backlog.settle(done)
            self._late += len(done) if self._was_away else 0
            self._losses = self._condemned = 0
            self._window = min(_WINDOW_COUNT, self._window + len(done))
        if isinstance(outcome, BrokerError):
            self._take_back(outcome)
        elif outcome is False and all(alert.outcome is not None for alert in self._flying):
            self._take_back(None)
            self._not_before_s = time.monotonic() + _PAUSE_S

    def _take_back(self, error: BrokerError | None) -> None:
        """Publish again what was not confirmed."""
        alerts = list(self._flying)
        self._flying.clear()
        self._flying_bytes = 0
        for alert in alerts:
            if alert.outcome is True:
                alert.finish()
            alert.slots = ()
        if error is not None:
            self._suspect([alert for alert in alerts if alert.envelopes], error)
        self._backlog.put_back(alerts)

    def _suspect(self, alerts: Sequence[QueuedAlert], error: BrokerError) -> None:
        """Find out, over several connections that ended, which of the alerts under way makes them end."""
        coded = isinstance(error, ClosedByBroker) or not isinstance(error, ConnectionLost)
        self._losses += 1
        if coded or self._losses >= _LOSSES:
            self._window = max(1, len(alerts) // _FEWER)
        if len(alerts) != 1:
            return
        (alert,) = alerts
        alert.strikes += _CODED if coded else _PLAIN
        now = time.monotonic()
        if alert.strikes < _OUT or now < self._no_condemning_before_s:
            return
        # If this happens with every alert, permissions or the network may be to blame: then most of them wait.
        self._condemned += 1
        self._no_condemning_before_s = now + min(_LONGEST_PARDON_S, 0.1 * 2.0**self._condemned)
        self._backlog.put_aside(alert, f"the connection ended each time it was sent: {error}")

    def _report_late(self) -> None:
        if not self._late or not self._backlog.is_empty or self._flying:
            return
        logger.info("%s: sent %d alerts that had waited for the broker", self._name, self._late)
        self._late, self._was_away = 0, False
        if self.dropped:
            logger.warning("%s: %d alerts had no room and are lost", self._name, self.dropped)


class ServiceAlerts(AlertPublisher):
    """Publishes alerts over the link of a service, and connects it if a constructor sends something.

    Args:
        link: The link.
        policy: How many alerts wait.
        is_starting: Whether the service has yet to open the link.
    """

    def __init__(self, link: MeshLink, policy: BufferPolicy, is_starting: Callable[[], bool]) -> None:
        AlertPublisher.__init__(
            self,
            lambda envelopes: link.send_packed(envelopes, 0.0),
            lambda: link.takes_messages,
            policy,
            link.service_name,
            # Longer than the longest pause between the attempts of others to come back, which varies by a quarter.
            1.25 * link.mesh.max_reconnect_delay_s + _SETTLE_S,
        )
        self._link = link
        self._is_starting = is_starting
        self._early: threading.Thread | None = None

    def send(self, alert: MsgAlert, *, keep: bool) -> str:
        """Queue an alert, as `offer` does, and connect in the background if the service has not done so yet."""
        refused = self.offer(self._link.pack_alert(alert), keep=keep)
        if self._is_starting() and not self._link.is_open and not self._is_connecting():
            self._connect_early()
        return refused

    def _is_connecting(self) -> bool:
        return self._early is not None and self._early.is_alive()

    def _connect_early(self) -> None:
        if self._early is None:
            self._link.add_setup(self._link.prepare_alerts)
        self._early = threading.Thread(target=self._open_early, name="dripline-connect", daemon=True)
        self._early.start()

    def _open_early(self) -> None:
        try:
            self._link.open()
            self.wake()
        except (DriplineError, TimeoutError) as error:
            if self._is_starting():
                logger.warning("%s: alerts wait: %s", self._name, error)
