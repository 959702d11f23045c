"""The tree of errors."""

import pytest

from dripline import errors


def test_each_error_is_the_built_in_one_it_resembles():
    """Who does not know dripline catches TimeoutError, ConnectionError or ValueError."""
    assert issubclass(errors.ReplyTimeout, TimeoutError)
    assert issubclass(errors.ConnectionLost, ConnectionError)
    assert issubclass(errors.NameTaken, ConnectionError)
    assert issubclass(errors.DecodingError, ValueError)
    assert issubclass(errors.ConfigurationError, ValueError)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.DriplineError("x"), 3),
        (errors.ConfigurationError("x"), 2),
        (errors.BrokerUnreachable("x"), 1),
        (errors.LoginRefused("x"), 1),
        (errors.NoRoute("x"), 1),
        (errors.ReplyTimeout("x"), 4),
        (errors.ErrorReply("x", return_code=304, name="service_error_invalid_value"), 3),
        (errors.ErrorReply("x", return_code=1234), 12),
    ],
)
def test_an_error_knows_how_a_command_line_ends_with_it(error, code):
    """The exit code is the hundreds of the return code."""
    assert error.exit_code == code


def test_a_request_error_carries_the_whole_answer():
    """Code, name, message and payload of a reply are attributes of the error and code and name are in its text."""
    error = errors.ErrorReply("no such thing", return_code=310, name="service_error", payload={"a": 1})
    assert (error.return_code, error.name, error.message) == (310, "service_error", "no such thing")
    assert error.payload == {"a": 1}
    assert str(error) == "no such thing [310 service_error]"


def test_a_request_error_has_the_code_of_its_class():
    """NoRoute and ReplyTimeout need no code given."""
    assert errors.NoRoute("nobody").return_code == 102
    assert str(errors.ReplyTimeout("nothing in 10 s")) == "nothing in 10 s [404 client_error_timeout]"


def test_broker_errors_have_a_return_code():
    """What an error of the broker is called on the wire is 101."""
    assert errors.ConnectionLost("gone").return_code == 101
