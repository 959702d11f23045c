"""Services without a broker: how they are made, and what they hold. With a broker: tests/contract."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta

import pytest

import scarab
from dripline.core import (
    DriplineError,
    Endpoint,
    Entity,
    MsgAlert,
    MsgReply,
    MsgRequest,
    ObjectCreator,
    RequestSender,
    Scheduler,
    Service,
    op_t,
)
from dripline.errors import ConfigurationError

from .conftest import cmd, get, set_

STORE = {"name": "peaches", "module": "KeyValueStore", "initial_value": 0.75, "calibration": "2*{}"}


def offline(**kwargs):
    """A service without connection."""
    return Service("my_store", make_connection=False, **kwargs)


class TestMaking:
    """Constructors."""

    def test_a_service_is_all_these(self):
        """An endpoint itself, a sender, a scheduler, a maker of objects, cancelable."""
        assert issubclass(Service, (Endpoint, RequestSender, Scheduler, ObjectCreator, scarab.Cancelable))
        for base in (Endpoint, RequestSender, Scheduler, ObjectCreator, scarab.Cancelable):
            assert isinstance(offline(), base)

    def test_the_arguments_are_the_references(self):
        """In their order, all but the name with a default."""
        service = Service(
            "my_store",
            False,
            [STORE],
            True,
            False,
            "everybody",
            500,
            200,
            5,
            "anna",
            "secret",
            None,
            {"broker": "b"},
        )
        assert service.name == "my_store"
        assert list(service.sync_children) == ["peaches"]
        assert service.broadcast_key == "everybody"
        assert (service.loop_timeout_ms, service.message_wait_ms, service.heartbeat_interval_s) == (500, 200, 5)
        assert service.auth.get("dripline", "username") == "anna"

    def test_keys_of_old_configurations_are_ignored(self):
        """`dl check` tells them apart from typing errors."""
        assert offline(auth_file="x", auths_file="y", keys=["#"]).name == "my_store"

    def test_attributes_may_be_set_before_the_base_is_initialized(self):
        """Packages do so; nothing of it is lost."""

        class Early(Service):
            def __init__(self, **kwargs):
                self.socket_info = ("host", 1234)
                self.alock = threading.Lock()
                Service.__init__(self, **kwargs)

        assert Early(name="x", make_connection=False).socket_info == ("host", 1234)

    def test_several_bases_are_initialized_one_by_one(self):
        """Each is given all keywords, and calls no other's constructor."""
        calls = []

        class Database:
            def __init__(self, database_name, **kwargs):
                calls.append(database_name)

        class Logger(Service, Database):
            def __init__(self, **kwargs):
                Service.__init__(self, **kwargs)
                Database.__init__(self, **kwargs)

        logger = Logger(name="x", database_name="slow", make_connection=False)
        assert calls == ["slow"]
        assert logger.name == "x"

    def test_children_are_there_before_the_subclass_goes_on(self):
        """With `self.service` set: constructors of services open instruments for them."""

        class Bus(Service):
            def __init__(self, **kwargs):
                Service.__init__(self, **kwargs)
                self.seen = {name: child.service is self for name, child in self.sync_children.items()}

        assert Bus(name="x", endpoints=[STORE], make_connection=False).seen == {"peaches": True}

    def test_endpoints_can_be_made_later(self):
        """`add_endpoints_now=False`, then `add_endpoints_from_config()`; the configurations stay as given."""
        configs = [dict(STORE)]
        service = offline(endpoints=configs, add_endpoints_now=False)
        assert service.sync_children == {}
        assert service.endpoint_configs is configs
        service.add_endpoints_from_config()
        assert list(service.sync_children) == ["peaches"]
        assert configs == [STORE]

    def test_a_wrong_endpoint_is_told(self):
        """Class and arguments, in one line."""
        with pytest.raises(ConfigurationError, match="no class 'KeyValueStor'"):
            offline(endpoints=[{"name": "x", "module": "KeyValueStor"}])

    def test_name_and_secret_of_the_login_are_not_shown(self):
        """Printing a service's authentication shows no secret."""
        service = offline(username="anna", password="hunter2")
        assert "hunter2" not in str(service.auth.data) + repr(service.auth) + str(vars(service))


class TestChildren:
    """Endpoints of a service."""

    def test_they_read_as_a_dict_sorted_by_name(self):
        """Whatever the order in which they were added."""
        service = offline()
        for name in ("waffles", "chips", "peaches"):
            assert service.add_child(Endpoint(name)) is True
        assert list(service.sync_children) == ["chips", "peaches", "waffles"]
        assert service.sync_children["chips"].name == "chips"

    def test_the_dict_is_a_view_for_readers(self):
        """Changing it changes no service."""
        service = offline()
        service.sync_children["x"] = Endpoint("x")
        assert service.sync_children == {}

    def test_asynchronous_ones_are_kept_apart(self):
        """They have a queue and a lock of their own."""
        service = offline()
        slow = Endpoint("slow")
        assert service.add_async_child(slow) is True
        assert service.async_children == {"slow": slow}
        assert service.sync_children == {}
        assert slow.service is service
        assert service._dripline_lock_of(slow) is not service._dripline_lock_of(service)

    @pytest.mark.parametrize("add", ["add_child", "add_async_child"])
    def test_a_name_is_used_once(self, add):
        """In both kinds together."""
        service = offline()
        first = Endpoint("x")
        service.add_child(first)
        with pytest.raises(DriplineError, match="has an endpoint 'x' already"):
            getattr(service, add)(Endpoint("x"))
        assert service._dripline_lock_of(first) is service._dripline_lock_of(service)

    def test_synchronous_ones_share_a_lock(self):
        """An instrument bus must not be used by two at once."""
        service = offline()
        one, other = Endpoint("one"), Endpoint("other")
        service.add_child(one)
        service.add_child(other)
        lock_of = service._dripline_lock_of
        assert lock_of(one) is lock_of(other) is lock_of(service)

    def test_an_endpoint_of_a_lab_with_a_log_interval_of_its_own_is_left_alone(self):
        """Only entities log."""
        odd = Endpoint("odd")
        odd.log_interval = 5
        offline().add_child(odd)

    def test_an_entity_with_an_interval_logs_once_the_schedule_runs(self):
        """`enable_scheduling` is looked at when the service starts."""
        service = offline()
        service.add_child(Entity(name="x", log_interval=timedelta(seconds=5)))
        assert service.sync_children["x"]._log_action_id is not None


class TestWithoutConnection:
    """`make_connection=False`: for tests of extension packages."""

    @pytest.mark.parametrize(
        ("message", "kind"),
        [
            (MsgRequest.create({"x": 1}, op_t.get, "peaches"), "request"),
            (MsgReply.create(0, "fine", {"x": 1}, "someone"), "reply"),
            (MsgAlert.create({"x": 1}, "sensor_value.x"), "alert"),
        ],
    )
    def test_what_would_be_sent_is_raised(self, message, kind):
        """With the message as it is printed."""
        with pytest.raises(RuntimeError) as caught:
            offline().send(message)
        assert str(caught.value) == f"Thrown {kind}:\n{message}"

    def test_requests_are_raised_as_well(self):
        """`get`, `set` and `cmd`, also of an own endpoint."""
        service = offline(endpoints=[STORE])
        for call in (lambda: service.get("peaches"), lambda: service.set("x", 1), lambda: service.cmd("x", "y")):
            with pytest.raises(RuntimeError, match=r"^Thrown request:"):
                call()

    def test_everything_else_works(self):
        """Requests are answered, values calibrated, locks locked."""
        service = offline(endpoints=[{**STORE, "get_on_set": True}])
        peaches = service.sync_children["peaches"]
        assert set_(peaches, 3).plain_payload == {"value_raw": 3, "value_cal": 6}
        assert cmd(service, "ping").return_code == 0
        assert get(service, "is-locked").plain_payload == {"is_locked": False}

    def test_it_cannot_start(self):
        """It says why."""
        with pytest.raises(DriplineError, match="make_connection=False"):
            offline().run()

    def test_it_can_be_stopped_and_cancelled(self):
        """As often as one likes."""
        service = offline()
        service.stop()
        service.stop()
        assert not service.is_canceled()
        service.cancel(3)
        assert service.is_canceled()
        assert service.cancel_code == 3
        service.listen()  # returns at once


def test_a_signal_that_interrupts_nothing_ends_it_too():
    """The system may hand a signal to another thread; a service that waits is not woken by it."""
    service = Service("s", make_connection=False)
    before = signal.signal(signal.SIGTERM, lambda *_: service.cancel(0))
    try:
        other = threading.Timer(0.05, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
        other.start()
        service.listen()
        other.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert service.is_canceled()
