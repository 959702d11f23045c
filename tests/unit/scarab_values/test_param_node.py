"""Mappings of names to values."""

import pytest

import scarab


@pytest.fixture
def node():
    """The mapping {"b": 1, "a": {"x": 2.5}}."""
    return scarab.to_param({"b": 1, "a": {"x": 2.5}}).as_node()


def test_a_mapping_is_used_like_one(node):
    """Brackets, `in`, length, names and values in alphabetical order."""
    assert node.is_node()
    assert len(node) == 2
    assert "a" in node
    assert "x" not in node
    assert node["a"]["x"]().as_double() == 2.5
    assert node.keys() == ["a", "b"]
    assert [(key, value.to_python()) for key, value in node.items()] == [("a", {"x": 2.5}), ("b", 1)]
    assert (node.count("a"), node.count("z"), node.has("b"), node.empty()) == (1, 0, True, False)


def test_iterating_gives_the_values(node):
    """As in the reference."""
    assert [value.to_python() for value in node] == [{"x": 2.5}, 1]


def test_a_missing_name_is_told_with_those_that_are_there(node):
    """KeyError."""
    with pytest.raises(KeyError, match="no item 'z'; there are: a, b"):
        node["z"]
    with pytest.raises(KeyError, match="none"):
        scarab.ParamNode()["z"]


def test_adding_keeps_and_replacing_replaces(node):
    """`add` says whether it did something."""
    assert node.add("c", scarab.ParamValue(3)) is True
    assert node.add("c", 4) is False
    assert node["c"].to_python() == 3
    node.replace("c", 5)
    node["d"] = [1]
    assert node.to_python() == {"a": {"x": 2.5}, "b": 1, "c": 5, "d": [1]}


def test_a_payload_is_built_as_the_reference_builds_it():
    """What is put in is copied; what is taken out is the item itself."""
    node, values = scarab.ParamNode(), scarab.ParamArray()
    node["values"] = values
    node["values"].push_back(scarab.ParamValue(1))
    assert node.to_python() == {"values": [1]}
    assert values.to_python() == []


def test_items_go(node):
    """`remove` gives the item, `erase` does not mind when there is none."""
    assert node.remove("b").to_python() == 1
    with pytest.raises(KeyError):
        node.remove("b")
    node.erase("b")
    node.erase("a")
    assert node.empty()
    node["a"] = 1
    node.clear()
    assert len(node) == 0


def test_mappings_are_merged(node):
    """What is nested in both is joined, otherwise the other one wins."""
    node.merge(scarab.to_param({"a": {"y": 3}, "b": [1], "c": None}))
    assert node.to_python() == {"a": {"x": 2.5, "y": 3}, "b": [1], "c": None}


def test_merging_copies(node):
    """The merged mapping stays on its own."""
    other = scarab.to_param({"n": {"v": 1}}).as_node()
    node.merge(other)
    node["n"]["v"] = 2
    assert other.to_python() == {"n": {"v": 1}}


def test_a_value_is_read_as_the_type_of_its_default(node):
    """Strings, numbers, bools; the default where there is no such item."""
    assert node.get_value("b", "") == "1"
    assert node.get_value("b", False) is True
    assert node.get_value("b", 0.5) == 1.0
    assert node.get_value("z", 7) == 7
    assert node.get_value("z") is None
    assert node.get_value("a", None) == {"x": 2.5}
