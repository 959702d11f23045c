"""Messages are printed as the reference prints them."""

from dripline.wire.body import Joiner
from dripline.wire.codec import read_message
from dripline.wire.printing import to_document, to_json

REQUEST_END = [
    "Specifier: ",
    "Payload: ",
    "{",
    "    values : ",
    "    [",
    "        1.250000",
    "    ]",
    "",
    "}",
    "",
    "Lockout Key: 00000000-0000-0000-0000-000000000000",
    "Lockout Key Valid: 1",
    "Message Operation: 0",
    "",
]
ALERT_END = [
    "Specifier: ",
    "Payload: ",
    "{",
    "    value_cal : 1.500000",
    "    value_raw : 0.750000",
    "}",
    "",
    "",
]


def whole_replies(captures, case):
    """Give the replies of a case, chunks joined."""
    joiner = Joiner()
    for part in (capture.part() for capture in captures if capture.case == case):
        body = joiner.add(part, now=0.0)
        if body is not None and read_message(part, body).is_reply():
            yield read_message(part, body)


def test_replies_are_printed_as_the_reference_prints_them(captures, printed):
    """Every block that the reference printed for a reply is what `str(message)` gives for the same bytes."""
    assert len(printed.blocks) > 40
    for case, block in printed.blocks.items():
        assert block in [str(reply) for reply in whole_replies(captures, case)], case


def test_a_request_is_printed_with_key_and_operation(captures):
    """A request ends with its lockout key, whether it can be parsed, and the operation's number."""
    (request,) = [c.message() for c in captures if c.case == "set" and c.message().is_request()]
    lines = str(request).split("\n")
    assert lines[3] == "Message Type: 3 (request)"
    assert lines[-len(REQUEST_END) :] == REQUEST_END


def test_an_alert_ends_with_its_payload(captures):
    """An alert has nothing after its payload."""
    alert = next(c.message() for c in captures if c.routing_key == "sensor_value.peaches")
    alert.plain_payload = {"value_cal": 1.5, "value_raw": 0.75}
    assert str(alert).split("\n")[-len(ALERT_END) :] == ALERT_END


def test_json_is_printed_as_the_reference_prints_it(captures, printed):
    """`to_json` gives the line of --json-print and the indented text of --pretty-print."""
    for case, indent in (("get_json", None), ("get_pretty", 4)):
        wanted = printed.documents[case]
        replies = [to_json(reply, indent) for reply in whole_replies(captures, case)]
        assert wanted in replies


def test_the_document_of_a_request_names_key_and_operation(captures):
    """A request's document has the common keys, and lockout_key and message_operation."""
    request = next(c.message() for c in captures if c.case == "get" and c.message().is_request())
    document = to_document(request)
    assert document["message_operation"] == 1
    assert document["lockout_key"] == "00000000-0000-0000-0000-000000000000"
    assert document["encoding"] == "application/json"
    assert "/" not in document["message_id"]
