"""From plain Python to payload values and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scarab

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(values)
def test_plain_python_comes_back(value):
    """What JSON can hold survives the way there and back."""
    assert scarab.to_python(scarab.to_param(value)) == value
    assert scarab.to_param(value).to_python() == value


@given(values)
def test_a_payload_value_is_copied(value):
    """`to_param` of a payload value is an equal one of its own."""
    first = scarab.to_param(value)
    second = scarab.to_param(first)
    assert second == first
    assert second is not first


def test_each_kind_has_its_class():
    """None, one value, list or tuple, mapping."""
    assert scarab.to_param(None).is_null()
    assert scarab.to_param(1).is_value()
    assert scarab.to_param((1, 2)).is_array()
    assert scarab.to_param({"a": 1}).as_node().count("a") == 1


def test_keys_are_hyphenated_on_demand():
    """At every level, and back."""
    node = scarab.to_param({"a_b": {"c_d": [{"e_f": 1}]}}, hyphenate_keys=True)
    assert node.to_python() == {"a-b": {"c-d": [{"e-f": 1}]}}
    assert scarab.to_python(node, underscore_keys=True) == {"a_b": {"c_d": [{"e_f": 1}]}}


@pytest.mark.parametrize("wrong", [{1, 2}, object(), {"a": b"x"}, [1j], {1: 2}])
def test_what_no_payload_can_hold_is_refused(wrong):
    """TypeError, also deep inside."""
    with pytest.raises(TypeError):
        scarab.to_param(wrong)
