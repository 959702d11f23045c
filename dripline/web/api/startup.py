"""The first connection to the broker; once it was there, the link comes back by itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from dripline.errors import BrokerError, ConfigurationError, LoginRefused
from dripline.runtime.client import MeshClient
from dripline.runtime.outage import delays

logger = logging.getLogger("dripline.web")

_FIRST_DELAY_S = 0.5


class FirstConnection:
    """Connects on a thread of its own, and goes on trying while nobody answers, which is told once.

    Args:
        client: what is connected.
        on_refused: called with the error when no further attempt can help: the login or a setting is wrong,
            or what listens there is not a broker.
    """

    def __init__(self, client: MeshClient, on_refused: Callable[[Exception], object]) -> None:
        self._client = client
        self._on_refused = on_refused
        self._stopped = threading.Event()
        self._failure: BrokerError | None = None
        self._thread = threading.Thread(target=self._connect, name="dripline-http-connect", daemon=True)

    @property
    def failure(self) -> BrokerError | None:
        """Why there has been no connection yet; None when there was one, or the first attempt goes on still."""
        return self._failure

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Try no longer; what is on its way is closed when it arrives."""
        self._stopped.set()

    def _connect(self) -> None:
        for delay in delays(_FIRST_DELAY_S, self._client.link.mesh.max_reconnect_delay_s):
            try:
                self._client.open(attempts=1)
            except (LoginRefused, ConfigurationError) as error:
                self._on_refused(error)
                return
            except BrokerError as error:
                if getattr(error, "is_final", False):
                    self._on_refused(error)
                    return
                self._tell(error)
            else:
                break
            if self._stopped.wait(delay):
                return
        if self._stopped.is_set():
            self._client.close()
        elif self._failure is not None:
            self._failure = None
            logger.warning("connected to the broker at %s", self._client.link.address)

    def _tell(self, error: BrokerError) -> None:
        if str(error) != str(self._failure or ""):
            logger.warning("%s; going on trying", error)
        self._failure = error
