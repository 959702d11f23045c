"""Entities: settings that can be changed by messages, and what is logged when."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pytest

import scarab
from dripline.core import Entity, ThrowReply, calibrate, op_t

from .conftest import ask, cmd, get, set_


class Thermometer(Entity):
    """A lab's entity: counts how often the instrument is read."""

    def __init__(self, value=20.0, **kwargs):
        self.value = value
        self.reads = 0
        Entity.__init__(self, name="oven", **kwargs)

    @calibrate()
    def on_get(self):
        """Read the instrument."""
        self.reads += 1
        if isinstance(self.value, Exception):
            raise self.value
        return self.value

    def on_set(self, value):
        """Set the instrument."""
        self.value = value
        return "not seen when get_on_set is on"


def logged(recorder):
    """What was logged: routing keys and payloads."""
    return [(alert.routing_key, alert.plain_payload) for alert in recorder.sent]


@pytest.fixture
def oven(recorder):
    """An entity of a service, with limits that let nothing pass."""
    entity = Thermometer(max_interval=1e6, max_absolute_change=1, max_fractional_change=float("inf"))
    recorder.add_child(entity)
    return entity


class TestGetOnSet:
    """`get_on_set` and `log_on_set`."""

    def test_a_set_answers_with_what_on_set_returns(self):
        """That is how it is without them."""
        assert set_(Thermometer(), 5).plain_payload == "not seen when get_on_set is on"

    def test_get_on_set_answers_with_the_value(self):
        """Read once."""
        oven = Thermometer(get_on_set=True)
        assert set_(oven, 5).plain_payload == {"value_raw": 5}
        assert oven.reads == 1

    def test_log_on_set_logs_the_value_it_answers_with(self, recorder):
        """The instrument is read once for both."""
        oven = Thermometer(get_on_set=True, log_on_set=True, calibration="2*{}")
        recorder.add_child(oven)
        assert set_(oven, 5).plain_payload == {"value_raw": 5, "value_cal": 10}
        assert logged(recorder) == [("sensor_value.oven", {"value_raw": 5, "value_cal": 10})]
        assert oven.reads == 1

    def test_log_on_set_needs_get_on_set(self):
        """304, in a constructor and by message, and the order of turning them off counts."""
        with pytest.raises(ThrowReply, match="log_on_set needs get_on_set") as caught:
            Thermometer(log_on_set=True)
        assert caught.value.return_code.value == 304
        oven = Thermometer()
        assert set_(oven, True, "log_on_set").return_code == 304
        assert set_(oven, True, "get_on_set").return_code == 0
        assert set_(oven, True, "log_on_set").return_code == 0
        assert set_(oven, False, "get_on_set").return_code == 304
        assert set_(oven, False, "log_on_set").return_code == 0
        assert set_(oven, False, "get_on_set").return_code == 0
        assert set_(oven, 5).plain_payload == "not seen when get_on_set is on"

    def test_a_labs_own_call_of_on_set_is_logged_too(self, recorder):
        """A method that sets the value goes the same way as a message."""

        class Ramp(Thermometer):
            def ramp(self, to):
                return self.on_set(to)

        oven = Ramp(get_on_set=True, log_on_set=True)
        recorder.add_child(oven)
        assert cmd(oven, "ramp", 7).plain_payload == {"value_raw": 7}
        assert len(recorder.sent) == 1

    def test_on_set_called_by_message_takes_keywords(self):
        """`cmd oven on_set value=3` and wrong arguments are as without get_on_set."""
        oven = Thermometer(get_on_set=True)
        assert cmd(oven, "on_set", value=3).plain_payload == {"value_raw": 3}
        reply = cmd(oven, "on_set", 1, 2, 3)
        assert reply.return_code == 304
        assert reply.return_message.endswith(
            "Original error: Thermometer.on_set() takes 2 positional arguments but 4 were given"
        )

    def test_an_on_set_of_the_instance_is_used(self):
        """Some packages put a function there before the base is initialized."""

        class Custom(Thermometer):
            def __init__(self, **kwargs):
                self.on_set = lambda value: setattr(self, "value", value + 1)
                Thermometer.__init__(self, **kwargs)

        assert set_(Custom(get_on_set=True), 5).plain_payload == {"value_raw": 6}

    def test_no_value_is_not_logged(self, recorder):
        """An `on_get` that gives None has nothing to log."""
        oven = Thermometer(get_on_set=True, log_on_set=True)
        recorder.add_child(oven)
        assert set_(oven, None).plain_payload is None
        assert recorder.sent == []


class TestSettings:
    """Settings can be read and changed by messages."""

    @pytest.mark.parametrize(
        ("name", "value", "kept"),
        [
            ("log_interval", 5, timedelta(seconds=5)),
            ("log_interval", {"minutes": 1}, timedelta(minutes=1)),
            ("max_interval", "30", 30.0),
            ("max_absolute_change", 2, 2.0),
            ("max_fractional_change", 0.1, 0.1),
            ("check_field", "value_raw", "value_raw"),
            ("log_routing_key_prefix", "status_message", "status_message"),
            ("get_on_set", 1, True),
        ],
    )
    def test_a_setting_can_be_changed(self, name, value, kept):
        """It takes effect at once."""
        oven = Thermometer()
        assert set_(oven, value, name).return_code == 0
        assert getattr(oven, name) == kept
        assert get(oven, name).plain_payload == {"values": [kept]}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("log_interval", "soon"),
            ("max_interval", [1]),
            ("max_absolute_change", -1),
            ("max_fractional_change", "x"),
            ("check_field", 3),
            ("get_on_set", "off"),
        ],
    )
    def test_a_wrong_value_is_answered_with_304(self, name, value):
        """The text names endpoint and setting; the old value stays."""
        oven = Thermometer()
        before = getattr(oven, name)
        reply = set_(oven, value, name)
        assert reply.return_code == 304
        assert reply.return_message.startswith(f"oven: {name} is ")
        assert getattr(oven, name) == before

    def test_settings_may_be_set_before_the_base_is_initialized(self):
        """Packages set attributes on `self` first."""

        class Early(Entity):
            def __init__(self, **kwargs):
                self.log_interval = 5
                self.check_field = "value_raw"
                Entity.__init__(self, **kwargs)

        assert Early(name="x").log_interval == timedelta(0)


class TestScheduledLog:
    """What a look at the value leads to."""

    def test_the_first_value_is_logged_and_the_same_again_is_not(self, oven, recorder):
        """Each look reads the instrument once."""
        oven.scheduled_log()
        oven.scheduled_log()
        assert logged(recorder) == [("sensor_value.oven", {"value_raw": 20.0})]
        assert oven.reads == 2

    def test_small_changes_add_up(self, oven, recorder):
        """They are compared with what was logged last, not with what was seen last."""
        for oven.value in (20.0, 20.6, 21.2, 21.3):
            oven.scheduled_log()
        assert [payload["value_raw"] for _, payload in logged(recorder)] == [20.0, 21.2]

    def test_without_limits_every_look_is_logged(self, recorder):
        """The defaults."""
        oven = Thermometer()
        recorder.add_child(oven)
        for _ in range(3):
            oven.scheduled_log()
        assert len(recorder.sent) == 3

    def test_the_calibrated_value_is_what_is_compared(self, recorder):
        """Unless `check_field` says otherwise."""
        oven = Thermometer(calibration="1000*{}", max_interval=1e6, max_absolute_change=1)
        oven.max_fractional_change = float("inf")
        recorder.add_child(oven)
        for oven.value in (20.0, 20.5):
            oven.scheduled_log()
        assert len(recorder.sent) == 2
        oven.check_field = "value_raw"
        oven.scheduled_log()  # compares 20.5 with the 20500 that was logged
        for oven.value in (20.6, 20.7):
            oven.scheduled_log()
        assert len(recorder.sent) == 3

    def test_texts_are_logged_when_they_change(self, oven, recorder):
        """A switch position is no number."""
        for oven.value in ("OPEN", "OPEN", "CLOSED"):
            oven.scheduled_log()
        assert [payload["value_raw"] for _, payload in logged(recorder)] == ["OPEN", "CLOSED"]

    def test_none_is_not_logged(self, oven, recorder):
        """There was no value."""
        oven.value = None
        oven.scheduled_log()
        assert recorder.sent == []

    def test_a_payload_value_is_logged_as_what_it_holds(self, recorder):
        """An `on_get` may return a scarab value."""

        class Plain(Entity):
            def on_get(self):
                return scarab.to_param({"value_raw": 3})

        entity = Plain(name="x", max_interval=1e6)
        recorder.add_child(entity)
        entity.scheduled_log()
        entity.scheduled_log()
        assert logged(recorder) == [("sensor_value.x", {"value_raw": 3})]

    def test_what_could_not_be_sent_is_still_to_be_logged(self, oven, recorder):
        """While the broker is away nothing counts as logged."""
        recorder.can_send = False
        oven.scheduled_log()
        recorder.can_send = True
        oven.scheduled_log()
        assert len(recorder.sent) == 1

    def test_a_value_can_be_logged_by_message(self, oven, recorder):
        """`scheduled_log` and `log_a_value` are open to a cmd."""
        assert cmd(oven, "scheduled_log").return_code == 0
        assert cmd(oven, "log_a_value", {"value_raw": 1}).return_code == 0
        assert logged(recorder)[1] == ("sensor_value.oven", {"value_raw": 1})

    def test_the_prefix_is_the_first_word_of_the_key(self, recorder):
        """`log_routing_key_prefix`."""
        entity = Thermometer(log_routing_key_prefix="slow_control")
        recorder.add_child(entity)
        entity.scheduled_log()
        assert logged(recorder)[0][0] == "slow_control.oven"

    def test_an_entity_without_service_cannot_log(self):
        """It says so."""
        with pytest.raises(RuntimeError, match="oven belongs to no service"):
            Thermometer().scheduled_log()


class TestSchedule:
    """When looks happen: what is put on the service's schedule."""

    @pytest.fixture
    def schedule(self, recorder, monkeypatch):
        """What the service is asked to schedule."""
        entries = {}

        def add(executable, interval, first):
            entries[len(entries)] = (executable, interval, first)
            return len(entries) - 1

        monkeypatch.setattr(recorder, "schedule", add)
        monkeypatch.setattr(recorder, "unschedule", lambda number: entries.pop(number))
        return entries

    def test_a_positive_interval_starts_logging_when_added(self, recorder, schedule):
        """The first look comes three execution buffers later."""
        recorder.add_child(Thermometer(log_interval=10))
        ((_, interval, first),) = schedule.values()
        assert interval == timedelta(seconds=10)
        assert timedelta(0) < first - datetime.now() <= recorder.execution_buffer * 3

    @pytest.mark.parametrize("interval", [0, -1])
    def test_others_do_not(self, recorder, schedule, interval):
        """0 is the default."""
        recorder.add_child(Thermometer(log_interval=interval))
        assert not schedule

    def test_logging_without_interval_is_an_error(self, recorder):
        """999 with the reference's text, and the service goes on."""
        oven = Thermometer()
        recorder.add_child(oven)
        reply = cmd(oven, "start_logging")
        assert reply.return_code == 999
        assert reply.return_message == "ValueError: unable to start logging when log_interval evaluates false"

    def test_logging_can_be_stopped_and_started_by_message(self, recorder, schedule):
        """Started twice it runs once."""
        oven = Thermometer(log_interval=10)
        recorder.add_child(oven)
        assert cmd(oven, "stop_logging").return_code == 0
        assert cmd(oven, "stop_logging").return_code == 0
        assert not schedule
        cmd(oven, "start_logging")
        cmd(oven, "start_logging")
        assert len(schedule) == 1

    def test_a_new_interval_takes_effect_at_once(self, recorder, schedule):
        """A running schedule is renewed; 0 ends it."""
        oven = Thermometer(log_interval=10)
        recorder.add_child(oven)
        set_(oven, 60, "log_interval")
        assert [interval for _, interval, _ in schedule.values()] == [timedelta(seconds=60)]
        set_(oven, 0, "log_interval")
        assert not schedule

    def test_a_subclass_may_override_the_look(self, recorder, schedule):
        """What is scheduled is `scheduled_log` of the lab's class."""
        looks = []

        class Own(Thermometer):
            def scheduled_log(self):
                looks.append(self.service._dripline_lock_of(self).held_here)

        recorder.add_child(Own(log_interval=1))
        ((look, _, _),) = schedule.values()
        look()
        assert looks == [True], "an instrument is not read while a request is at it"

    @pytest.mark.parametrize(
        ("error", "traceback"), [(ThrowReply("resource_error", "silent"), False), (KeyError("x"), True)]
    )
    def test_an_instrument_that_is_away_is_told_once(self, recorder, schedule, caplog, error, traceback):
        """And once more when it is back."""
        oven = Thermometer(error, log_interval=1)
        recorder.add_child(oven)
        ((look, _, _),) = schedule.values()
        for _ in range(3):
            look()
        oven.value = 20.0
        look()
        texts = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
        assert texts == [f"oven: cannot be logged: {error}", "oven: can be logged again"]
        assert ("Traceback" in caplog.text) is traceback
        assert len(recorder.sent) == 1

    def test_sys_exit_in_a_look_ends_nothing(self, recorder, schedule, caplog):
        """The schedule's thread stays."""
        recorder.add_child(Thermometer(log_interval=1))
        oven = recorder.sync_children["oven"]
        oven.on_get = lambda: (_ for _ in ()).throw(SystemExit(3))
        ((look, _, _),) = schedule.values()
        look()
        assert "cannot be logged" in caplog.text

    def test_a_calibration_that_fails_leaves_nothing_for_other_replies(self, recorder, schedule):
        """Warnings of a look belong to no reply."""
        recorder.add_child(Thermometer(log_interval=1, calibration="nonsense({})"))
        ((look, _, _),) = schedule.values()
        look()
        assert ask(recorder, op_t.cmd, None, "ping").return_code == 0
