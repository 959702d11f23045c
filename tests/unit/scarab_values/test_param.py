"""The null value and what all values have in common."""

import pytest

import scarab


def test_the_base_class_is_the_null_value():
    """It is neither value nor list nor mapping."""
    null = scarab.Param()
    assert null.is_null()
    assert (null.is_value(), null.is_array(), null.is_node()) == (False, False, False)
    assert null.to_python() is None
    assert str(null) == "null"
    assert repr(null) == "Param()"


@pytest.mark.parametrize("made", [scarab.ParamValue(3), scarab.ParamArray(), scarab.ParamNode()])
def test_every_value_is_a_param(made):
    """For isinstance, and none but Param itself is null."""
    assert isinstance(made, scarab.Param)
    assert not made.is_null()


def test_a_value_is_taken_for_what_it_is():
    """`as_…` gives the value itself, and TypeError for anything else."""
    node, array, value = scarab.ParamNode(), scarab.ParamArray(), scarab.ParamValue(1)
    assert node.as_node() is node
    assert array.as_array() is array
    assert value.as_value() is value
    assert value() is value
    for wrong in (node.as_array, array.as_value, value.as_node, scarab.Param().as_node, node):
        with pytest.raises(TypeError, match="is no "):
            wrong()


def test_values_are_compared_by_content():
    """With other values and with plain Python; they cannot be keys, since they change."""
    assert scarab.to_param({"a": [1]}) == scarab.to_param({"a": [1]})
    assert scarab.to_param({"a": [1]}) == {"a": [1]}
    assert scarab.to_param({"a": [1]}) != {"a": [2]}
    assert scarab.Param() == scarab.Param()
    assert scarab.Param() == None  # noqa: E711 - equality is what is tested
    with pytest.raises(TypeError):
        hash(scarab.Param())
