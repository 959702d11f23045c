"""What messages reach, told without making an endpoint."""

from __future__ import annotations

import abc

import pytest

from dripline.checking.message_access import message_access_of
from dripline.core import Entity, MsgRequest, Service, op_t
from dripline.core import _access as access
from dripline.implementations import KeyValueStore


class Furnace(Entity):
    """A furnace."""

    zones = 3

    def __init__(self, limit=1200, **kwargs):
        self.limit = limit
        self._secret = 5
        Entity.__init__(self, **kwargs)

    @property
    def temperature(self):
        """Reading it talks to the instrument."""
        raise RuntimeError

    def heat(self, step: int, times: int = 1):
        """Heat it.

        Not told.
        """
        self.heated = step * times

    @staticmethod
    def calculate(value):
        """Needs no furnace."""
        return value


class Dangerous(Furnace, abc.ABC):
    """Neither made nor deleted."""

    def __del__(self):
        raise RuntimeError("deleted")

    @abc.abstractmethod
    def missing(self):
        """Not there yet."""


def test_attributes_and_methods_of_a_laboratorys_class_are_told():
    """As its source shows them; private names are not."""
    reach = message_access_of(Furnace)
    assert {"limit", "zones", "temperature", "heated", "name", "log_interval"} <= set(reach.get)
    assert {"limit", "zones", "heated", "log_interval"} <= set(reach.set)
    assert "temperature" not in reach.set
    commands = {command.name: command for command in reach.commands}
    assert (commands["heat"].signature, commands["heat"].doc) == ("(step, times=1)", "Heat it.")
    assert commands["calculate"].signature == "(value)"
    assert not any(name.startswith("_") for name in (*reach.get, *reach.set, *commands))


@pytest.mark.parametrize("cls", [KeyValueStore, Furnace])
def test_it_is_what_a_real_endpoint_answers(cls):
    """Each name is tried with a message."""
    endpoint = cls(name="x")
    reach = message_access_of(cls)
    for name in set(reach.get) - {"temperature", "heated"}:
        assert endpoint.on_request_message(MsgRequest.create({}, op_t.get, "x", name)).return_code == 0, name
    for name in set(dir(endpoint)) - set(reach.get):
        if name not in ("__dict__", "__class__"):
            assert endpoint.on_request_message(MsgRequest.create({}, op_t.get, "x", name)).return_code != 0, name
    assert all(access.may_call(endpoint, command.name) for command in reach.commands)


@pytest.mark.filterwarnings("error")
def test_nothing_of_the_class_runs():
    """Neither its constructor nor what ends it, nor is it in the way that it is abstract."""
    assert "limit" in message_access_of(Dangerous).get


def test_a_services_machinery_is_not_reached():
    """Nobody ends a service by a message."""
    reach = message_access_of(Service)
    assert {"stop", "run", "cancel", "add_child"}.isdisjoint(command.name for command in reach.commands)
    assert "auth" not in reach.get
