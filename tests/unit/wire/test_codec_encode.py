"""Messages written (byte for byte against real ones: see tests/golden)."""

import logging
from datetime import timedelta

import pika
import pytest

from dripline.errors import DriplineError, EncodingError
from dripline.wire.codec import Encoder
from dripline.wire.enums import op_t
from dripline.wire.message import MsgAlert, MsgReply, MsgRequest

NOW = "2026-11-21T00:25:53.844333Z"


def properties_of(envelope):
    """Decode the properties of an envelope."""
    properties = pika.BasicProperties()
    properties.decode(envelope.properties)
    return properties


@pytest.fixture
def encoder(sender):
    """An encoder that cuts after 10 bytes."""
    return Encoder(sender, max_payload_size=10)


def test_a_request_has_its_properties_and_headers(encoder, sender):
    """Exactly the five properties, and the headers of a request."""
    request = MsgRequest.create({}, op_t.get, "peaches", "calibration", "back")
    (envelope,) = encoder.encode(request, NOW)
    properties = properties_of(envelope)
    assert envelope.routing_key == "peaches"
    assert envelope.body == b"{}"
    assert properties.headers == {
        "lockout_key": "00000000-0000-0000-0000-000000000000",
        "message_operation": 1,
        "message_type": 3,
        "sender_info": sender,
        "specifier": "calibration",
        "timestamp": NOW,
    }
    assert list(properties.headers) == sorted(properties.headers)
    assert properties.content_encoding == "application/json"
    assert properties.content_type is None
    assert properties.reply_to == "back"
    assert properties.correlation_id == request.correlation_id
    assert properties.message_id == f"{request.message_id}/0/1"


def test_a_reply_has_code_and_text(encoder):
    """The headers of a reply; reply_to is there and empty."""
    (envelope,) = encoder.encode(MsgReply.create(304, "too hot", None, "back"), NOW)
    headers = properties_of(envelope).headers
    assert (headers["message_type"], headers["return_code"], headers["return_message"]) == (2, 304, "too hot")
    assert "lockout_key" not in headers
    assert properties_of(envelope).reply_to == ""
    assert envelope.body == b"null"


def test_an_alert_has_nothing_more(encoder):
    """The headers that all messages have."""
    (envelope,) = encoder.encode(MsgAlert.create(1, "sensor_value.peaches"), NOW)
    assert set(properties_of(envelope).headers) == {"message_type", "sender_info", "specifier", "timestamp"}


def test_sending_is_noted_in_the_message(encoder, sender):
    """Who, when and under which id."""
    alert = MsgAlert.create(1)
    encoder.encode(alert, NOW)
    first = alert.message_id
    assert (alert.timestamp, alert.sender_info) == (NOW, sender)
    encoder.encode(alert, NOW)
    assert alert.message_id != first
    encoder.encode(alert, NOW, "of-my-own")
    assert alert.message_id == "of-my-own"


@pytest.mark.parametrize(("length", "chunks"), [(8, 1), (9, 2), (18, 2), (19, 3), (998, 100)])
def test_long_bodies_are_cut(encoder, length, chunks):
    """Into as few pieces as possible, all with the same properties but the message id."""
    alert = MsgAlert.create("x" * length)
    envelopes = encoder.encode(alert, NOW)
    assert len(envelopes) == chunks
    assert all(0 < len(envelope.body) <= 10 for envelope in envelopes)
    assert b"".join(envelope.body for envelope in envelopes) == b'"' + b"x" * length + b'"'
    identifiers = [properties_of(envelope).message_id for envelope in envelopes]
    assert identifiers == [f"{alert.message_id}/{i}/{chunks}" for i in range(chunks)]
    assert len({str(properties_of(envelope).headers) for envelope in envelopes}) == 1


def test_what_json_cannot_hold_is_sent_as_text_and_told(sender, caplog):
    """A warning names where; the message goes out."""
    alert = MsgAlert.create({"log_interval": timedelta(seconds=10)}, "sensor_value.peaches")
    with caplog.at_level(logging.WARNING):
        (envelope,) = Encoder(sender).encode(alert, NOW)
    assert envelope.body == b'{"log_interval":"0:00:10"}'
    assert "to sensor_value.peaches" in caplog.text
    assert "log_interval (timedelta)" in caplog.text


def test_the_payload_of_the_param_view_is_sent(sender):
    """What was changed in `payload` goes out."""
    alert = MsgAlert.create({"a": 1})
    alert.payload["a"] = 2
    (envelope,) = Encoder(sender).encode(alert, NOW)
    assert envelope.body == b'{"a":2}'


def test_what_amqp_has_no_room_for_is_an_error(sender):
    """An address of more than 255 bytes cannot be sent."""
    with pytest.raises(DriplineError, match="255 bytes"):
        Encoder(sender).encode(MsgRequest.create(reply_to="x" * 256), NOW)


def test_codes_beyond_32_bits_do_not_stop_a_reply(sender):
    """They are cut as the field is."""
    (envelope,) = Encoder(sender).encode(MsgReply.create(-1), NOW)
    assert properties_of(envelope).headers["return_code"] in (-1, 4294967295)


def test_a_later_change_of_the_sender_is_not_seen(sender):
    """The encoded form is made once."""
    encoder = Encoder(sender)
    sender["exe"] = "/other"
    (envelope,) = encoder.encode(MsgAlert.create(), NOW)
    assert properties_of(envelope).headers["sender_info"]["exe"] == "/usr/bin/dl"


def test_a_long_return_message_is_shortened(encoder):
    """Headers have to fit into one frame: a broker ends the connection otherwise."""
    reply = MsgReply.create(304, "not a number: " + "9" * 300_000, None, "back")
    (envelope,) = encoder.encode(reply, NOW)
    text = properties_of(envelope).headers["return_message"]
    assert (len(text), text[:15], text[-4:]) == (6000, "not a number: 9", "9...")
    assert len(reply.return_message) > 300_000


@pytest.mark.parametrize("letter", ["9", "é", "€", "😀"])
@pytest.mark.parametrize("count", [5996, 20_000])
def test_a_reply_fits_in_the_smallest_frame(encoder, letter, count):
    """With the longest return message, the headers of a reply take less than the 8192 bytes of RabbitMQ 4.1."""
    (envelope,) = encoder.encode(MsgReply.create(304, letter * count, None, "back"), NOW)
    assert len(envelope.properties) < 8192 - 100
    text = properties_of(envelope).headers["return_message"]
    assert text.removesuffix("...").strip(letter) == ""


def test_a_specifier_that_nobody_would_take_is_not_sent(encoder):
    """The longest one that is read can be written."""
    encoder.encode(MsgRequest.create({}, op_t.get, "peaches", "x" * 10_000), NOW)
    with pytest.raises(EncodingError, match="a specifier of 10001 characters: 10000 are the most"):
        encoder.encode(MsgRequest.create({}, op_t.get, "peaches", "x" * 10_001), NOW)


def test_a_payload_that_nobody_would_take_is_not_sent(sender):
    """As many bytes as a receiver joins, in as many chunks as it counts."""
    thousand = Encoder(sender, max_payload_size=1000)
    assert len(thousand.encode(MsgAlert.create("x" * 9_999_998), NOW)) == 10_000
    with pytest.raises(EncodingError, match="a payload of 10000001 bytes: 10000000 are the most"):
        thousand.encode(MsgAlert.create("x" * 9_999_999), NOW)
    with pytest.raises(EncodingError, match="a payload of 33554433 bytes: 33554432 are the most"):
        Encoder(sender, max_payload_size=1_000_000).encode(MsgAlert.create("x" * 33_554_431), NOW)
