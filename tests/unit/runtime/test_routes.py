"""Which of many keys are probed next, and how what is missing is put into words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.runtime import routes
from dripline.runtime.routes import _slice


@given(st.integers(1, 50), st.integers(0, 200))
def test_every_item_has_its_turn_in_a_round(count: int, size: int) -> None:
    """And no check has more than so many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routes, "KEYS_AT_ONCE", count)
        items, begin, seen = list(range(size)), 0, set()
        for _ in range(-(-size // count) + 1):
            begin, chosen = _slice(items, begin)
            assert len(chosen) == min(count, size)
            assert len(set(chosen)) == len(chosen)
            seen.update(chosen)
    assert seen == set(items)


def test_items_that_disappear_meanwhile_do_no_harm() -> None:
    """The next slice begins somewhere."""
    assert _slice(list(range(300)), 10_000)[1]
    assert _slice([], 10_000) == (0, [])
