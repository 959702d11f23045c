"""Which arguments a class takes."""

from __future__ import annotations

import functools

from dripline.checking.signature import accepted_arguments, is_ours
from dripline.core import Entity, Service
from dripline.implementations import KeyValueStore


def test_the_arguments_of_all_bases_count():
    """`**kwargs` hands on what a constructor does not name."""
    accepted = accepted_arguments(KeyValueStore)
    assert {"initial_value", "calibration", "log_interval", "name"} <= accepted.names
    assert accepted.takes("max_interval")
    assert not accepted.takes("calibrtion")


def test_a_service_takes_what_the_documents_say():
    """And `self` is none of it."""
    accepted = accepted_arguments(Service)
    assert {"name", "endpoints", "heartbeat_interval_s", "dripline_mesh", "username"} <= accepted.names
    assert "self" not in accepted.names


def test_a_constructor_without_kwargs_ends_the_search():
    """It cannot hand anything on."""

    class Closed(Entity):
        def __init__(self, name, port):
            Entity.__init__(self, name=name)

    accepted = accepted_arguments(Closed)
    assert accepted.names == {"name", "port"}
    assert not accepted.takes("calibration")

    class Derived(Closed):
        def __init__(self, **kwargs):
            Closed.__init__(self, **kwargs)

    assert accepted_arguments(Derived).names == {"name", "port"}


def test_the_arguments_that_must_be_given_are_those_of_the_most_derived_constructor():
    """A base's may be given by the class itself."""

    class Base(Entity):
        def __init__(self, base_str, **kwargs):
            Entity.__init__(self, **kwargs)

    class Derived(Base):
        def __init__(self, channel, *, unit, gain=1, **kwargs):
            Base.__init__(self, base_str=f"MEAS{channel}", **kwargs)

    class Heir(Base):
        pass

    assert accepted_arguments(Derived).required == ("channel", "unit")
    assert accepted_arguments(Heir).required == ("base_str",)


def test_several_bases_with_explicit_calls_are_all_asked():
    """As services with a database are written."""

    class Database:
        def __init__(self, database_name, **kwargs):
            self.database_name = database_name

    class Logger(Service, Database):
        def __init__(self, table, **kwargs):
            Service.__init__(self, **kwargs)
            Database.__init__(self, **kwargs)

    assert {"table", "database_name", "heartbeat_interval_s"} <= accepted_arguments(Logger).names


def test_a_keyword_that_a_laboratorys_constructor_reads_itself_is_no_mistake():
    """`kwargs.pop('foo')` is how many do it; also in helpers inside the constructor."""

    class Lab(Entity):
        def __init__(self, **kwargs):
            self.port = kwargs.pop("port", 5)
            if "get_str" not in kwargs:
                kwargs.update({"set_str": "x"})
            pick = lambda: kwargs["deep"]  # noqa: E731  # a lambda is what is tried
            self.pick = pick
            Entity.__init__(self, **kwargs)

    accepted = accepted_arguments(Lab)
    assert all(accepted.takes(name) for name in ("port", "get_str", "set_str", "deep"))
    assert not accepted.takes("prot")


def test_a_constructor_that_takes_all_keywords_as_they_come_takes_anything():
    """Nothing can be called wrong then."""

    class Open(Entity):
        def __init__(self, name, **kwargs):
            Entity.__init__(self, name)
            for key, value in kwargs.items():
                setattr(self, key, value)

    assert accepted_arguments(Open).takes("whatever")


def test_a_decorated_constructor_is_looked_through():
    """`functools.wraps` tells what is below it."""

    def logged(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    class Lab(Entity):
        @logged
        def __init__(self, port, **kwargs):
            Entity.__init__(self, **kwargs)

    assert "port" in accepted_arguments(Lab).names


def test_a_constructor_that_tells_nothing_takes_anything():
    """Those written in C may have no signature."""

    class Odd(dict, Entity):
        pass

    assert accepted_arguments(Odd).takes("whatever")


def test_ours_and_a_laboratorys_are_told_apart():
    """Extensions live below `dripline` too."""
    assert is_ours(Entity)
    assert not is_ours(type("Lab", (), {"__module__": "dripline.extensions.lab"}))
    assert not is_ours(type("Lab", (), {"__module__": "lab"}))


def test_a_class_is_looked_at_once():
    """A file may have ten thousand endpoints."""
    assert accepted_arguments(KeyValueStore) is accepted_arguments(KeyValueStore)
