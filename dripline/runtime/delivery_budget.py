"""Byte budget and prefetch count of a consumer."""

from __future__ import annotations

import threading

_FIRST_WINDOW = 100
_MAX_WINDOW = 65535  # AMQP's largest prefetch count
#: What a delivery costs in memory beside its body and properties, in bytes.
OVERHEAD = 1000


class DeliveryBudget:
    """Counts what was delivered and is not released yet; any thread may use it.

    The consumer is stopped when the bytes exceed the limit, and started again when all of it is released, with a
    prefetch count (the window) that fits into half of the limit. The window starts small, since the sizes of
    messages are unknown; it doubles while it is what limits the consumer and little memory is used.

    Args:
        limit: Most bytes; a single message may be larger.

    Attributes:
        limit: Most bytes.
        window: The prefetch count for the next start.
        stopping: Whether the consumer is to be stopped, and started again when all is released.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.window = _FIRST_WINDOW
        self.stopping = False
        self._condition = threading.Condition()  # guards what follows
        self._bytes = 0  # of all deliveries that are not released, those on disk too
        self._on_disk = 0  # of those, bodies on disk that wait to be handled
        self._handled = 0  # of those, bytes of messages that were handled and are held still
        self._count = 0  # deliveries of which these bytes are
        self._mean = 1.0  # of recent sizes
        self._generation = 0
        self._first_window = _FIRST_WINDOW  # with which the consumer was started
        self._open_window = _FIRST_WINDOW  # how many messages the broker may have sent in all
        self._ahead = 0  # deliveries of this generation that are not released

    def deliver(self, size: int, chunks: int) -> tuple[int, bool, bool]:
        """Count a delivery.

        Args:
            size: Its bytes.
            chunks: How many chunks of incomplete messages are held. They would come again after a stop, so as long
                as there are any the consumer goes on, and bodies that have no room in memory are on disk.

        Returns:
            The generation it belongs to, whether its body has no room in memory, and whether the consumer must be
            stopped now.
        """
        with self._condition:
            in_memory = self._bytes - self._on_disk
            self._bytes += size
            self._count += 1
            self._ahead += 1
            self._mean += (size - self._mean) / 16
            # With a window of one there is nothing to stop: a message that is longer than the limit passes alone.
            over = self._bytes > self.limit and self._open_window > 1
            stop = over and not self.stopping and not chunks
            if stop:
                self.stopping = True
                self.window = max(1, min(self.window, int(self.limit / 2 / (self._bytes / self._count))))
            return self._generation, in_memory > 0 and in_memory + size > self.limit, stop

    def count(self, size: int = 0, on_disk: int = 0, handled: int = 0) -> None:
        """Count more bytes of deliveries, or fewer.

        Args:
            size: In all; more when a delivery completes a message, whose other chunks were counted elsewhere.
            on_disk: Of bodies on disk.
            handled: Of messages that were handled and are held still.
        """
        with self._condition:
            self._bytes += size
            self._on_disk += on_disk
            self._handled += handled

    def wait_for_room(self, size: int, timeout_s: float) -> bool:
        """Wait until a message can be brought into memory: until others are released, or none is held.

        Args:
            size: How much more it takes.
            timeout_s: Longest wait.

        Returns:
            Whether there is room.
        """
        with self._condition:
            return self._condition.wait_for(
                lambda: not self._handled or self._bytes - self._on_disk + size <= self.limit, timeout_s
            )

    def release(self, size: int, generation: int | None = None, held: bool = False) -> bool:
        """Count a delivery no longer.

        Args:
            size: Its bytes.
            generation: To which it belongs; None if it is not released, and its bytes are counted elsewhere.
            held: Whether it was handled and held.

        Returns:
            Whether the consumer can be started again.
        """
        with self._condition:
            self._bytes -= size
            if size:
                self._count -= 1
            if held:
                self._handled -= size
                self._condition.notify_all()
            if generation == self._generation:
                self._ahead -= 1
            return self.is_drained

    def started(self) -> None:
        """Note that the consumer starts: earlier deliveries no longer count against the window."""
        with self._condition:
            self._generation += 1
            self._ahead = 0
            self._open_window = self._first_window = self.window
            self.stopping = False

    def restart(self) -> bool:
        """Have the consumer started again when all is released, with the window of now.

        Returns:
            Whether it must be stopped now.
        """
        with self._condition:
            stop, self.stopping = not self.stopping, True
            return stop

    def widen(self, chunks: int) -> int:
        """Widen the window if it is what limits the consumer; for a consumer that has nothing to do.

        Args:
            chunks: How many chunks of incomplete messages are held, which only what comes next can release.

        Returns:
            How many messages more the broker may send now.
        """
        with self._condition:
            if self._ahead < self._open_window or self.stopping or self._bytes > self.limit // 4:
                return 0
            more = max(1, min(self._open_window, _MAX_WINDOW, int(self.limit / 2 / self._mean)))
            self._open_window += more
            if 2 * chunks < self._ahead:
                self.window = min(self._open_window, _MAX_WINDOW)  # else it is for these chunks only
            return more

    @property
    def is_drained(self) -> bool:
        """Whether the consumer can be started again."""
        return self.stopping and not self._bytes

    @property
    def is_open(self) -> bool:
        """Whether the broker can send something."""
        return not self.stopping and self._ahead < self._open_window

    @property
    def is_extended(self) -> bool:
        """Whether the window was widened since the consumer was started."""
        return self._open_window > self._first_window

    @property
    def bytes(self) -> int:
        """Bytes of all deliveries that are not released."""
        return self._bytes
