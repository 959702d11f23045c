"""How many may wait at once."""

from __future__ import annotations

import pytest

from dripline.web.api.concurrency import NoPlace, Places


def test_one_client_cannot_have_all():
    """Another one finds a place still."""
    places = Places(3, 2)
    mine = [places.take("a"), places.take("a")]
    with pytest.raises(NoPlace, match="2 requests of yours"):
        places.take("a")
    places.take("b")
    with pytest.raises(NoPlace, match="3 requests wait for the mesh already"):
        places.take("c")
    mine[0].leave()
    places.take("c")


def test_a_place_is_left_once():
    """Who leaves it twice takes nobody else's."""
    places = Places(2, 2)
    first, _second = places.take("a"), places.take("a")
    first.leave("a callback's argument")
    first.leave()
    assert places.taken == 1
