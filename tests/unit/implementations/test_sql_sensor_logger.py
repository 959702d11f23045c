"""What the sensor logger makes of payloads, without a broker."""

from __future__ import annotations

import math
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from dripline.core import MsgAlert
from dripline.errors import ConfigurationError
from dripline.implementations import SensorLogger
from dripline.implementations.sensor_logger import columns_of
from dripline.implementations.storage.columns import read_time
from dripline.implementations.storage.tables import sensor_table

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("value_raw", "value_cal", "memo"), json_values))
    | json_values
)
def test_any_payload_gives_numbers_and_a_text(payload):
    """Finite numbers or nothing, whatever is sent."""
    raw, cal, memo = columns_of(payload)
    for number in (raw, cal):
        assert number is None or (isinstance(number, float) and math.isfinite(number))
    assert memo is None or isinstance(memo, str)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"value_raw": 1, "value_cal": 2}, (1.0, 2.0, None)),
        ({"value_raw": "+1.5E+00", "value_cal": False}, (1.5, 0.0, None)),
        ({"value_raw": "OPEN", "value_cal": 1}, (None, 1.0, "OPEN")),
        ({"value_raw": "a", "value_cal": "b", "memo": "c"}, (None, None, "c")),
        ({"value_raw": "1_000"}, (None, None, "1_000")),
        ({"value_raw": "nan", "value_cal": "inf"}, (None, None, "inf")),
        ({"value_raw": 10**400}, (None, None, None)),
        ({"value": 33.0}, (33.0, None, None)),
        ({"values": ["OPEN"]}, (None, None, "OPEN")),
        ("text", (None, None, "text")),
        (3, (3.0, None, None)),
        ([1], (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_texts_that_are_numbers_count_and_others_are_the_memo(payload, expected):
    """All of the text must be one."""
    assert columns_of(payload) == expected


@given(st.datetimes(min_value=datetime(1900, 1, 1)), st.sampled_from(["Z", "z", "+00:00", ""]), st.integers(0, 9))
def test_times_are_read_as_messages_have_them(time, zone, digits):
    """With any number of digits behind the second, on every Python."""
    fraction = f"{time.microsecond:06d}000"[:digits]
    text = time.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if fraction else "") + zone
    found = read_time(text)
    assert found is not None
    assert abs(found - time.replace(tzinfo=timezone.utc)) < timedelta(seconds=1)
    if digits >= 6:
        assert found == time.replace(tzinfo=timezone.utc)


@given(st.text())
def test_what_is_no_time_is_none(text):
    """Never an error."""
    found = read_time(text)
    assert found is None or found.tzinfo is not None


def logged(tmp_path: Path, *alerts: MsgAlert, **arguments: Any) -> list[Any]:
    """What is in the table after a logger without broker has taken alerts; read with SQLAlchemy."""
    logger = SensorLogger(
        name="logger",
        make_connection=False,
        database_url=f"sqlite:///{tmp_path / 'v.sqlite'}",
        spool_directory=str(tmp_path / "s"),
        **arguments,
    )
    for alert in alerts:
        logger.on_alert_message(alert)
    logger.stop()
    table = sensor_table("sensor_values")
    with logger.engine.connect() as connection:
        rows = list(connection.execute(sa.select(table).order_by(table.c.id)).mappings())
    logger.engine.dispose()
    return rows


def test_what_is_read_back_is_what_was_sent(tmp_path):
    """Payloads of all kinds, and a time that knows its zone."""
    payloads = [{"value_raw": 1}, "text", 7, [1, {"a": None}], None, {"value_raw": "é\0"}]
    rows = logged(tmp_path, *(MsgAlert.create(payload, "sensor_value.x.y") for payload in payloads))
    assert [row["payload"] for row in rows] == payloads
    assert {row["sensor_name"] for row in rows} == {"x.y"}
    assert all(row["timestamp"].utcoffset() == timedelta(0) for row in rows)


def test_a_key_that_does_not_match_is_the_name_itself(tmp_path, caplog):
    """The value is not lost for it."""
    rows = logged(tmp_path, MsgAlert.create(1, "lonely"))
    assert [row["sensor_name"] for row in rows] == ["lonely"]
    assert "does not match" in caplog.text


def test_a_laboratory_changes_the_payload(tmp_path):
    """process_payload is called for each alert, and may call the base."""

    class Kelvin(SensorLogger):
        def process_payload(self, a_payload, a_routing_key_data, a_message_timestamp):
            a_payload["value_cal"] = a_payload["value_raw"].as_double() - 273.15
            SensorLogger.process_payload(self, a_payload, a_routing_key_data, a_message_timestamp)

    kelvin = Kelvin(
        name="k",
        make_connection=False,
        database_url=f"sqlite:///{tmp_path / 'k'}",
        spool_directory=str(tmp_path / "s"),
    )
    kelvin.on_alert_message(MsgAlert.create({"value_raw": 373.15}, "sensor_value.x"))
    kelvin.stop()
    with kelvin.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT value_cal FROM sensor_values")).scalars().all() == [100.0]
    kelvin.engine.dispose()


def test_the_login_of_postgresql_need_not_be_in_the_address(monkeypatch):
    """It is the environment's then."""
    monkeypatch.setenv("POSTGRES_USER", "somebody")
    monkeypatch.setenv("POSTGRES_PASSWORD", "secret")
    logger = SensorLogger(name="l", make_connection=False, database_url="postgresql://h/d")
    assert logger.engine.url.username == "somebody"
    given = SensorLogger(name="l", make_connection=False, database_url="postgresql://me@h/d")
    assert given.engine.url.username == "me"


def test_without_sqlalchemy_the_remedy_is_told(monkeypatch):
    """One line, when a logger is made and not before."""
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(ConfigurationError, match="pip install 'SQLAlchemy"):
        SensorLogger(name="l", make_connection=False)
