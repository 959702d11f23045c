"""How many may wait at once."""

from __future__ import annotations

import pytest

from dripline.web.api.connections import ConcurrencyLimit, TooManyRequests


def test_one_client_cannot_have_all():
    """Another one finds a place still."""
    limit = ConcurrencyLimit(3, 2)
    mine = [limit.acquire("a"), limit.acquire("a")]
    with pytest.raises(TooManyRequests, match="2 requests of yours"):
        limit.acquire("a")
    limit.acquire("b")
    with pytest.raises(TooManyRequests, match="3 requests wait for the mesh already"):
        limit.acquire("c")
    mine[0].release()
    limit.acquire("c")


def test_a_permit_is_released_once():
    """Who leaves it twice takes nobody else's."""
    limit = ConcurrencyLimit(2, 2)
    first, _second = limit.acquire("a"), limit.acquire("a")
    first.release("a callback's argument")
    first.release()
    assert limit.waiting == 1
