"""What is known about the arguments of a class."""

from __future__ import annotations

from collections.abc import Sequence

from dripline.checking import MISSING, arguments_of
from dripline.checking.docstrings import argument_docs, summary
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
