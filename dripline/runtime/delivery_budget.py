"""How many bytes of messages a consumer holds, and how many messages the broker may send ahead."""

from __future__ import annotations

import threading

_FIRST_WINDOW = 100
_MAX_WINDOW = 65535  # AMQP's largest prefetch count
#: What a delivery costs in memory beside its body and properties, in bytes.
OVERHEAD = 1000


class DeliveryBudget:
    """Counts what was delivered and is not released yet; any thread may use it.

    The consumer is paused when the bytes exceed the limit, and resumed below half of it. The window is the
    prefetch count. It starts small, since the sizes of messages are unknown; it doubles while it is what limits the
    consumer and little memory is used, and it shrinks to what fits when the limit was exceeded.

    Args:
        limit: Most bytes; a single message may be larger.

    Attributes:
        limit: Most bytes.
        window: The prefetch count for the next start.
        paused: Whether the consumer is to be paused.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.window = _FIRST_WINDOW
        self.paused = False
        self._condition = threading.Condition()  # guards what follows
        self._bytes = 0  # of all deliveries that are not released, those on disk too
        self._on_disk = 0  # of those, bodies on disk that wait to be handled
        self._handled = 0  # of those, bytes of messages that were handled and are held still
        self._count = 0  # deliveries of which these bytes are
        self._generation = 0
        self._ahead = 0  # deliveries of this generation that are not released
        self._renewing = False

    def deliver(self, size: int) -> tuple[int, bool, bool]:
        """Count a delivery.

        Returns:
            The generation it belongs to, whether its body has no room in memory, and whether the consumer must be
            paused now.
        """
        with self._condition:
            in_memory = self._bytes - self._on_disk
            self._bytes += size
            self._count += 1
            self._ahead += 1
            over = self._bytes > self.limit
            pause = over and not self.paused
            if pause:
                self.paused = True
                self.window = max(1, min(self.window, int(self.limit / 2 / (self._bytes / self._count))))
            return self._generation, in_memory > 0 and in_memory + size > self.limit, pause

    def move_to_disk(self, size: int) -> None:
        """Note that a body is on disk now."""
        with self._condition:
            self._on_disk += size

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

    def move_to_memory(self, size: int) -> None:
        """Note that a body is in memory again."""
        with self._condition:
            self._on_disk -= size

    def grow(self, size: int) -> None:
        """Count more bytes for a delivery: the whole message that it completes."""
        with self._condition:
            self._bytes += size

    def shrink(self, size: int) -> bool:
        """Count fewer bytes for a delivery that is kept elsewhere.

        Returns:
            Whether the consumer can be resumed now.
        """
        with self._condition:
            self._bytes -= size
            self._count -= 1
            return self._resume()

    def hold(self, size: int) -> None:
        """Note that a message was handled and is held still."""
        with self._condition:
            self._handled += size

    def release(self, size: int, generation: int, held: bool) -> bool:
        """Count a delivery no longer.

        Returns:
            Whether the consumer can be resumed now.
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
            return self._resume()

    def started(self) -> None:
        """Note that the consumer starts: only what comes from now on counts against the window."""
        with self._condition:
            self._generation += 1
            self._ahead = 0
            self._renewing = False

    def widen(self) -> bool:
        """Widen the window if it is what limits the consumer; for a consumer that has nothing to do.

        Returns:
            Whether the consumer must be renewed now.
        """
        with self._condition:
            if self._ahead < self.window or self.paused or self._renewing or self._bytes > self.limit // 4:
                return False
            self.window = min(2 * self.window, _MAX_WINDOW)
            self._renewing = True
            return True

    @property
    def is_open(self) -> bool:
        """Whether the broker can send something."""
        return not self.paused and not self._renewing and self._ahead < self.window

    @property
    def bytes(self) -> int:
        """Bytes of all deliveries that are not released."""
        return self._bytes

    def _resume(self) -> bool:
        if not self.paused or self._bytes > self.limit // 2:
            return False
        self.paused = False
        return True
