"""Lockout keys."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.wire.identifiers import NIL_UUID, parse_key


@pytest.mark.parametrize(
    "text",
    [
        "11111111-2222-3333-4444-555555555555",
        "11111111222233334444555555555555",
        "{11111111-2222-3333-4444-555555555555}",
    ],
)
def test_a_key_may_be_written_in_several_ways(text):
    """With hyphens, without, with braces."""
    assert parse_key(text) == UUID("11111111-2222-3333-4444-555555555555")


@pytest.mark.parametrize("text", ["", "00000000-0000-0000-0000-000000000000"])
def test_no_key_is_the_nil_uuid(text):
    """Empty and all zeros both mean that there is no key."""
    assert parse_key(text) == NIL_UUID


@given(st.text())
def test_any_text_is_a_key_or_none(text):
    """Nothing raises."""
    assert parse_key(text) is None or isinstance(parse_key(text), UUID)
