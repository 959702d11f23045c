"""Return codes and their registry."""

import itertools

import pytest

from dripline.wire import return_codes
from dripline.wire.return_codes import DL_ServiceErrorInvalidValue, DL_Success, add_return_code, find_by_name

_fresh = itertools.count(50_000)


@pytest.fixture
def number():
    """A value that no other test uses; the registry is one for the process."""
    return next(_fresh)


def test_every_code_of_the_protocol_is_there():
    """The table of the protocol, by value and name."""
    codes = return_codes.get_return_codes_map()
    table = {
        0: "success",
        1: "warning_no_action_taken",
        5: "warning_sub_service",
        101: "amqp_error_broker_connection",
        102: "amqp_error_routingkey_notfound",
        202: "resource_error_no_response",
        302: "service_error_decoding_fail",
        310: "service_error_invalid_specifier",
        404: "client_error_timeout",
        999: "unhandled_exception",
    }
    assert {value: codes[value].name for value in table} == table
    assert len([value for value in codes if value < 1000]) == 29


def test_each_code_is_a_class():
    """A code can be named in Python; all instances of it are equal."""
    code = DL_ServiceErrorInvalidValue()
    assert (code.value, code.name, code.description) == (304, "service_error_invalid_value", "Invalid Value")
    assert code == DL_ServiceErrorInvalidValue()
    assert code != DL_Success()
    assert int(code) == 304
    assert len({code, DL_ServiceErrorInvalidValue()}) == 1


def test_every_class_is_called_after_its_code():
    """DL_ and the name in CamelCase."""
    for code in return_codes.get_return_codes_dict().values():
        if code.value < 1000:
            words = type(code).__name__.removeprefix("DL_")
            assert words.lower() == code.name.replace("_", "")


def test_a_mesh_may_add_its_own(number):
    """An added code is found by value and name, and is listed."""
    code = add_return_code(number, f"too_hot_{number}", "Too Hot")
    assert return_codes.get_return_codes_map()[number] is code
    assert return_codes.get_return_codes_dict()[f"too_hot_{number}"] is code
    assert number in return_codes.get_return_code_values()
    assert code.description == "Too Hot"
    assert type(code).__name__ == f"DL_TooHot{number}"


def test_a_name_may_hold_spaces(number):
    """Scripts add codes with names such as `new error1`."""
    assert find_by_name(add_return_code(number, f"new error{number}", "d").name).value == number


def test_values_and_names_are_unique(number):
    """Adding a value or a name twice is a RuntimeError, and changes nothing."""
    add_return_code(number, f"once_{number}", "d")
    with pytest.raises(RuntimeError, match=f"{number} is taken"):
        add_return_code(number, f"twice_{number}", "d")
    with pytest.raises(RuntimeError, match="success"):
        add_return_code(next(_fresh), "success", "d")
    assert find_by_name(f"twice_{number}") is None


def test_what_is_handed_out_is_a_copy():
    """Nobody can take a code out of the registry by accident."""
    return_codes.get_return_codes_map().clear()
    return_codes.get_return_codes_dict().clear()
    assert return_codes.find_by_value(0) == DL_Success()


def test_a_number_nobody_declared_is_named_after_its_hundreds():
    """A peer may use codes that we do not know."""
    assert return_codes.name_of(304) == "service_error_invalid_value"
    assert return_codes.name_of(377) == "service_error"
    assert return_codes.name_of(49_999) == "unknown_return_code"
    assert return_codes.find_by_value(49_999) is None
