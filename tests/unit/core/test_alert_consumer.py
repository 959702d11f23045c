"""Alert consumers without a broker; with one they are tested in tests/contract."""

from __future__ import annotations

import logging

import pytest

from dripline.core import AlertConsumer, MsgAlert
from dripline.errors import ConfigurationError


class Collector(AlertConsumer):
    """A lab's consumer."""

    def __init__(self, **kwargs):
        self.seen = []
        AlertConsumer.__init__(self, name="collector", make_connection=False, **kwargs)

    def process_payload(self, a_payload, a_routing_key_data, a_message_timestamp):
        """Keep what it is given."""
        self.seen.append((a_payload["value_raw"].as_double(), a_routing_key_data, a_message_timestamp))


def alert():
    """A logged value."""
    made = MsgAlert.create({"value_raw": 1.5}, "sensor_value.peaches")
    made.timestamp = "2026-11-21T00:25:53.844333Z"
    return made


def test_payload_key_and_time_are_handed_on():
    """The payload as scarab's value, the named groups of the key, and the time it was sent."""
    collector = Collector(alert_key_parser_re=r"sensor_value\.(?P<sensor>\w+)")
    collector.on_alert_message(alert())
    assert collector.seen == [(1.5, {"sensor": "peaches"}, "2026-11-21T00:25:53.844333Z")]


def test_without_expression_there_is_no_data_in_the_key():
    """The default matches everything."""
    collector = Collector()
    collector.on_alert_message(alert())
    assert collector.seen[0][1] == {}


def test_a_key_that_does_not_match_gives_no_data_and_a_warning(caplog):
    """The payload may be of use all the same: that is for the subclass to say."""
    collector = Collector(alert_key_parser_re=r"status\.(?P<sensor>\w+)")
    collector.on_alert_message(alert())
    assert collector.seen[0][1] == {}
    assert "'sensor_value.peaches' does not match" in caplog.text


def test_one_key_need_not_be_a_list():
    """`alert_keys: sensor_value.#` in a configuration is one key, not its letters."""
    assert Collector(alert_keys="sensor_value.#")._alert_keys == ["sensor_value.#"]
    assert Collector(alert_keys=("a.#", "b"))._alert_keys == ["a.#", "b"]
    assert Collector()._alert_keys == ["#"]


def test_by_itself_it_only_logs(caplog):
    """A consumer from a configuration, without a class of one's own, shows what it gets."""
    with caplog.at_level(logging.INFO):
        AlertConsumer(name="x", make_connection=False).on_alert_message(alert())
    assert "value_raw" in caplog.text


def test_what_is_no_regular_expression_is_told_at_once():
    """Not with the first alert."""
    with pytest.raises(
        ConfigurationError, match=r"alert_key_parser_re: '\(\(' is no regular expression: missing \)"
    ):
        Collector(alert_key_parser_re="((")


@pytest.mark.parametrize("value", [0, -1, True, "64", float("inf"), None])
def test_the_memory_of_a_durable_consumer_is_a_number_above_0(value):
    """Anything else is refused in one line that names the key."""
    with pytest.raises(ConfigurationError, match="memory_mb"):
        AlertConsumer(name="relay", make_connection=False, durable=True, memory_mb=value)
