"""Each method of the reference's payload values, tried on each kind of value."""

import pytest

import scarab

NULL = scarab.Param()
VALUE = scarab.ParamValue("2.5")
ARRAY = scarab.ParamArray([1, "two", None, [3], {"four": 4}])
NODE = scarab.ParamNode({"one": 1, "two": [2]})
KINDS = {"null": NULL, "value": VALUE, "array": ARRAY, "node": NODE}


@pytest.mark.parametrize("name", KINDS)
def test_exactly_one_kind_is_told(name):
    """By `is_...`, and `as_...` of it gives the value itself."""
    value = KINDS[name]
    assert isinstance(value, scarab.Param)
    assert [kind for kind in KINDS if getattr(value, f"is_{kind}")()] == [name]
    for kind in ("value", "array", "node"):
        if kind == name:
            assert getattr(value, f"as_{kind}")() is value
        else:
            with pytest.raises(TypeError, match=f"is no {kind}"):
                getattr(value, f"as_{kind}")()


@pytest.mark.parametrize("name", ["null", "array", "node"])
def test_only_a_value_is_called(name):
    """`param()` gives the value object of a value, and a TypeError of anything else."""
    assert VALUE() is VALUE
    with pytest.raises(TypeError, match="is no value"):
        KINDS[name]()


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("null", "is_null is_value is_array is_node as_value as_array as_node to_python"),
        (
            "value",
            "as_bool as_int as_uint as_double as_string type set is_bool is_int is_uint is_double is_string",
        ),
        ("array", "push_back push_front append assign resize erase remove merge get_value clear empty"),
        ("node", "add replace merge erase remove get_value count keys items clear empty"),
    ],
)
def test_each_kind_has_its_methods(name, methods):
    """And all of them those of the null value."""
    for method in methods.split():
        assert callable(getattr(KINDS[name], method)), method


@pytest.mark.parametrize(
    ("value", "kind", "as_bool", "as_int", "as_double", "as_string"),
    [
        (True, "bool", True, 1, 1.0, "true"),
        (0, "int", False, 0, 0.0, "0"),
        (-3, "int", True, -3, -3.0, "-3"),
        (2.75, "double", True, 2, 2.75, "2.750000"),
        ("12", "string", True, 12, 12.0, "12"),
        ("false", "string", False, None, None, "false"),
        ("three", "string", None, None, None, "three"),
    ],
)
def test_values_are_read_as_each_type(value, kind, as_bool, as_int, as_double, as_string):
    """Where text is none of it, that is a ValueError."""
    param = scarab.ParamValue(value)
    assert param.type() == kind
    for reader, expected in (("as_bool", as_bool), ("as_int", as_int), ("as_double", as_double)):
        if expected is None:
            with pytest.raises(ValueError, match=r"could not convert|invalid literal"):
                getattr(param, reader)()
        else:
            assert getattr(param, reader)() == expected
    assert param.as_string() == as_string


@pytest.mark.parametrize("wrong", [None, [1], {"a": 1}, object()])
def test_a_value_holds_nothing_else(wrong):
    """Neither made nor set; what it held stays."""
    with pytest.raises(TypeError, match="neither bool, number nor text"):
        scarab.ParamValue(wrong)
    value = scarab.ParamValue(1)
    with pytest.raises(TypeError):
        value.set(wrong)
    assert value == 1


@pytest.mark.parametrize(
    ("param", "plain", "other"),
    [
        (NULL, None, 0),
        (scarab.ParamValue(1), 1, 2),
        (scarab.ParamValue("x"), "x", "y"),
        (ARRAY, [1, "two", None, [3], {"four": 4}], []),
        (NODE, {"two": [2], "one": 1}, {}),
    ],
)
def test_values_are_compared_with_each_other_and_with_plain_ones(param, plain, other):
    """Both ways round."""
    assert param == plain
    assert plain == param
    assert param == scarab.to_param(plain)
    assert param != other
    assert param != scarab.to_param(other)
    with pytest.raises(TypeError, match="unhashable"):
        hash(param)


def test_containers_are_made_of_plain_values_and_of_each_other():
    """What they are made of is copied."""
    node = scarab.ParamNode({"a": [1]})
    copy = scarab.ParamNode(node)
    copy["a"].push_back(2)
    assert (node.to_python(), copy.to_python()) == ({"a": [1]}, {"a": [1, 2]})
    array = scarab.ParamArray(ARRAY)
    array.push_back(5)
    assert len(array) == len(ARRAY) + 1
    assert scarab.ParamNode().to_python() == {}
    assert scarab.ParamArray().to_python() == []
    for wrong in (1, [1], "x"):
        with pytest.raises(TypeError):
            scarab.ParamNode(wrong)
    assert eval(repr(NODE), {"ParamNode": scarab.ParamNode}) == NODE


def test_a_subclass_is_a_node_wherever_one_is_wanted():
    """As the default configurations are."""

    class Config(scarab.ParamNode):
        def __init__(self):
            scarab.ParamNode.__init__(self)
            self.add("a", 1)

    node = scarab.ParamNode()
    node.add("config", Config())
    node.merge(Config())
    assert node == {"a": 1, "config": {"a": 1}}
    assert scarab.to_param(Config()) == Config()
    assert isinstance(Config(), scarab.ParamNode)


@pytest.mark.parametrize(
    ("access", "error"),
    [
        (lambda: NODE["three"], KeyError),
        (lambda: ARRAY[9], IndexError),
        (lambda: ARRAY["one"], TypeError),
        (lambda: NULL["one"], TypeError),
        (lambda: VALUE["one"], TypeError),
        (lambda: len(VALUE), TypeError),
        (lambda: list(NULL), TypeError),
        (lambda: NODE.remove("three"), KeyError),
        (lambda: ARRAY.remove(9), IndexError),
        (lambda: ARRAY.assign(9, 1), IndexError),
        (lambda: NODE.as_double(), AttributeError),
    ],
)
def test_wrong_access_is_the_error_that_python_would_raise(access, error):
    """Of a dict, a list, or something that is neither."""
    with pytest.raises(error):
        access()


def test_defaults_give_the_type():
    """`get_value(key, default)` reads as the default is, and gives it when there is nothing."""
    node = scarab.ParamNode({"n": 2, "text": "3.5", "list": [1]})
    assert node.get_value("n", "") == "2"
    assert node.get_value("text", 0.0) == 3.5
    assert node.get_value(key="text", default=0) == 3
    assert node.get_value("n", False) is True
    assert node.get_value("nothing", 7) == 7
    assert node.get_value("n") == 2
    with pytest.raises(TypeError, match="is no value"):
        node.get_value("list", 1)
    assert ARRAY.get_value(index=0, default=0.0) == 1.0
    assert ARRAY.get_value(99, "none") == "none"


def test_keys_are_hyphenated_and_back():
    """On all levels, when that is asked for."""
    param = scarab.to_param({"a_b": {"c_d": [{"e_f": 1}]}}, hyphenate_keys=True)
    assert param.to_python() == {"a-b": {"c-d": [{"e-f": 1}]}}
    assert scarab.to_python(param) == param.to_python()
    assert param.to_python(underscore_keys=True) == {"a_b": {"c_d": [{"e_f": 1}]}}


def test_the_references_names_of_arguments():
    """Scripts may give them by name, whatever they are called."""
    node = scarab.ParamNode({"a": 1, "b": 2})
    node.merge(object=scarab.ParamNode({"c": 3}))
    node.erase(erase="a")
    assert node.remove(name="b") == 2
    assert node == {"c": 3}
    assert scarab.to_python(object=scarab.to_param({"a-b": 1}), hyphenate_keys=True) == {"a_b": 1}


def test_a_param_is_made_of_a_value():
    """It is a copy."""
    value = scarab.ParamValue(2.5)
    copy = scarab.Param(value)
    value.set(1)
    assert copy.is_value()
    assert isinstance(copy, scarab.Param)
    assert copy().as_double() == 2.5
    assert scarab.ParamValue(copy()) == 2.5
    assert scarab.Param().is_null()
