"""Lists of values."""

import pytest

import scarab


@pytest.fixture
def array():
    """The list [1, "two", 3.5]."""
    return scarab.to_param([1, "two", 3.5]).as_array()


def test_a_list_is_used_like_one(array):
    """Length, index, iteration."""
    assert array.is_array()
    assert len(array) == 3
    assert array[1]().as_string() == "two"
    assert [item.to_python() for item in array] == [1, "two", 3.5]
    assert array.to_python() == [1, "two", 3.5]
    assert not array.empty()
    with pytest.raises(IndexError):
        array[3]


def test_items_come_and_go(array):
    """At both ends and in the middle; plain values are taken too."""
    array.push_back(scarab.ParamValue(4))
    array.push_front(0)
    assert array.to_python() == [0, 1, "two", 3.5, 4]
    assert array.remove(2).to_python() == "two"
    array.erase(0)
    array.erase(99)
    assert array.to_python() == [1, 3.5, 4]
    array.clear()
    assert array.empty()


def test_a_list_is_resized_with_nulls(array):
    """Longer or shorter."""
    array.resize(4)
    assert array[3].is_null()
    array.resize(1)
    assert array.to_python() == [1]


def test_items_are_assigned_where_there_are_some(array):
    """By `assign` or with brackets."""
    array.assign(0, scarab.ParamValue(10))
    array[1] = {"a": 1}
    assert array.to_python() == [10, {"a": 1}, 3.5]
    with pytest.raises(IndexError):
        array.assign(3, 1)


def test_what_is_put_in_is_copied():
    """As in the reference: changing the original later changes nothing here."""
    array, value = scarab.ParamArray(), scarab.ParamValue(1)
    array.push_back(value)
    value.set(2)
    array.push_back(value)
    assert array.to_python() == [1, 2]
    array.append(array)
    assert array.to_python() == [1, 2, 1, 2]


def test_what_is_taken_out_is_the_item_itself():
    """Changing it changes the list."""
    array = scarab.to_param([[1]]).as_array()
    array[0].push_back(2)
    assert array.to_python() == [[1, 2]]


def test_lists_are_merged_item_by_item():
    """The other's items win, what is nested is joined, longer ones make it longer."""
    array = scarab.to_param([1, {"a": 1}, [1, 2]]).as_array()
    array.merge(scarab.to_param([5, {"b": 2}, [3], "new"]))
    assert array.to_python() == [5, {"a": 1, "b": 2}, [3, 2], "new"]


def test_a_value_is_read_as_the_type_of_its_default(array):
    """The default itself where there is no such item."""
    assert array.get_value(0, "") == "1"
    assert array.get_value(0, 0.0) == 1.0
    assert array.get_value(2, 0) == 3
    assert array.get_value(7, "none") == "none"
    assert array.get_value(1) == "two"
    assert array.get_value(-1, 5) == 5
