"""What is known about the arguments of a class."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from dripline.checking import MISSING, arguments_of
from dripline.checking.arguments import accepted_arguments, argument_docs, is_ours, summary
from dripline.core import Entity, Service
from dripline.implementations import KeyValueStore


class Scpi(Entity):
    """Talks to an instrument.

    More about it.

    Args:
        base_str (str): The command
            without its question mark.
        unit: of the value
        **kwargs: For `Entity`.

    Attributes:
        other: no argument
    """

    def __init__(self, base_str: str, unit: Undefined = "V", *, gains: Sequence[float] = (), **kwargs) -> None:  # noqa: F821  # as under TYPE_CHECKING
        self.unit = kwargs.pop("check_field", unit)
        Entity.__init__(self, **kwargs)

    __init__.__doc__ = """Make one.

    Args:
        gains: of the channels
    """


class Heir(Scpi):
    """An heir.

    Args:
        unit: Better words.
    """


def _by_name(cls: type) -> dict:
    return {argument.name: argument for argument in arguments_of(cls)}


def test_each_argument_tells_type_default_words_and_owner():
    """From the signature and the docstrings."""
    base_str = _by_name(Scpi)["base_str"]
    assert (base_str.required, base_str.default, base_str.annotation, base_str.owner) == (True, MISSING, str, Scpi)
    assert base_str.doc == "The command without its question mark."
    assert _by_name(Scpi)["gains"].annotation == Sequence[float]
    assert _by_name(Scpi)["gains"].doc == "of the channels"


def test_an_annotation_that_nobody_can_read_is_none():
    """It names what exists for type checkers only."""
    assert _by_name(Scpi)["unit"].annotation is MISSING


def test_arguments_of_bases_follow_with_their_owners():
    """The most derived first; the nearest docstring tells what an argument is."""
    found = arguments_of(Heir)
    assert [argument.name for argument in found][:3] == ["base_str", "unit", "gains"]
    assert found[-1].name == "name"
    assert found[-1].required
    assert _by_name(Heir)["calibration"].owner is Entity
    assert _by_name(Heir)["unit"].doc == "Better words."


def test_what_another_constructor_reads_is_marked():
    """It may make something else of it."""
    assert _by_name(Scpi)["check_field"].is_read_elsewhere
    assert not _by_name(KeyValueStore)["check_field"].is_read_elsewhere


def test_a_services_machinery_takes_nothing_from_files():
    """Its constructor calls those bases itself."""
    assert {"authentication_obj", "sender", "timeout_s"}.isdisjoint(_by_name(Service))


def test_every_argument_of_ours_is_documented():
    """Editors show it."""
    for cls in (Service, Entity, KeyValueStore):
        assert [argument.name for argument in arguments_of(cls) if not argument.doc] == []


def test_docstrings_without_arguments_tell_none():
    """Nor do those that there are not."""
    assert argument_docs(type("Bare", (), {})) == {}
    assert summary(type("Bare", (), {})) == ""
    assert summary(Scpi) == "Talks to an instrument."


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
    """The signature is that of the function below `functools.wraps`."""

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
