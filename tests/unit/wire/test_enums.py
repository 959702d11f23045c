"""Operations, kinds of message, encodings."""

import pytest

from dripline.errors import DriplineError
from dripline.wire.enums import encoding, msg_t, op_t


@pytest.mark.parametrize(
    ("kind", "name", "number"),
    [
        (op_t, "set", 0),
        (op_t, "get", 1),
        (op_t, "cmd", 9),
        (op_t, "unknown", 4294967295),
        (msg_t, "reply", 2),
        (msg_t, "request", 3),
        (msg_t, "alert", 4),
        (msg_t, "unknown", 4294967295),
    ],
)
def test_names_and_numbers_belong_together(kind, name, number):
    """Every member goes to its number and its name and back."""
    find = kind.to_op_t if kind is op_t else kind.to_msg_t
    member = kind[name]
    assert kind.to_uint(member) == number
    assert kind.to_string(member) == name
    assert find(number) is member
    assert find(name) is member


def test_a_member_of_the_other_enum_is_refused():
    """Mixing kinds up is a TypeError, also with plain numbers."""
    with pytest.raises(TypeError, match="no op_t"):
        op_t.to_string(msg_t.request)
    with pytest.raises(TypeError, match="no msg_t"):
        msg_t.to_string(op_t.set)
    with pytest.raises(TypeError):
        op_t.to_uint(1)


def test_an_unknown_number_is_unknown_and_an_unknown_name_an_error():
    """Numbers come from peers that may be newer, names from people."""
    assert op_t.to_op_t(8) is op_t.unknown
    assert msg_t.to_msg_t(77) is msg_t.unknown
    with pytest.raises(DriplineError, match="'hello'; known: set, get, cmd"):
        op_t.to_op_t("hello")
    with pytest.raises(DriplineError):
        msg_t.to_msg_t("hello")


def test_the_text_of_a_member_is_its_name_in_every_python():
    """Printing gives `op_t.get`, not a number."""
    assert str(op_t.get) == "op_t.get"
    assert f"{msg_t.alert:>12}" == " msg_t.alert"


def test_json_is_the_encoding():
    """There is one encoding; its value is what the AMQP property says."""
    assert encoding.json.name == "json"
    assert encoding.json.value == "application/json"
