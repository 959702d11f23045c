"""Attributes whose names stay free."""

from dripline.core.core import OverridableProperty


class Base:
    """Shows something."""

    @OverridableProperty
    def colour(self):
        """What colour it is."""
        return "grey"


def test_it_is_computed_when_it_is_read():
    """And documented."""
    assert Base().colour == "grey"
    assert Base.colour.__doc__ == "What colour it is."


def test_a_lab_may_have_one_of_its_own():
    """On the object, or in a class."""

    class Labs(Base):
        colour = "red"

    base = Base()
    base.colour = "blue"
    assert (base.colour, Labs().colour, Base().colour) == ("blue", "red", "grey")
