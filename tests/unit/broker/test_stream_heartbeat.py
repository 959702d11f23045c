"""Heartbeats: sent when there is silence, given up when the peer is silent."""

from __future__ import annotations

import asyncio
import time

from dripline.broker.stream import Heartbeat

INTERVAL_S = 0.04


def run(interval_s: float, duration_s: float, talkative: bool = False) -> tuple[int, float | None]:
    """How many heartbeats were sent, and after how many seconds it gave up."""
    sent: list[float] = []
    given_up: list[float] = []

    async def live() -> None:
        loop = asyncio.get_running_loop()
        begin = time.monotonic()
        heartbeat = Heartbeat(
            loop, lambda: sent.append(time.monotonic()), lambda: given_up.append(time.monotonic() - begin)
        )
        heartbeat.start(interval_s)
        end = begin + duration_s
        while time.monotonic() < end and not given_up:
            if talkative:
                heartbeat.heard = heartbeat.spoke = True
            await asyncio.sleep(INTERVAL_S / 8)
        heartbeat.stop()

    asyncio.run(live())
    return len(sent), given_up[0] if given_up else None


def test_silence_for_two_intervals_is_the_end() -> None:
    """A peer that says nothing is given up after two intervals, not before; until then it gets heartbeats."""
    sent, after_s = run(INTERVAL_S, 30.0)
    assert after_s is not None
    assert after_s >= 2 * INTERVAL_S
    assert sent >= 2


def test_nothing_is_sent_to_a_busy_peer() -> None:
    """Where other frames go to and fro, heartbeats are needless."""
    assert run(1.0, 2.0, talkative=True) == (0, None)


def test_zero_is_off() -> None:
    """An interval of 0 seconds means no heartbeats and no end."""
    assert run(0, 3 * INTERVAL_S) == (0, None)
