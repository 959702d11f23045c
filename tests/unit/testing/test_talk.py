"""dripline.testing.talk: an endpoint is asked as the mesh would ask it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.core import Entity, Service, ThrowReply, calibrate
from dripline.errors import ErrorReply
from dripline.testing import talk_to

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


class Furnace(Entity):
    """Takes whatever it is given."""

    def __init__(self, **kwargs):
        self.value = 293
        self.steps = (1, 2)
        Entity.__init__(self, **kwargs)

    @calibrate()
    def on_get(self):
        """What was set."""
        return self.value

    def on_set(self, value):
        """Refuses the text `hot`."""
        if value == "hot":
            raise ThrowReply("service_error_invalid_value", "how hot?", {"limit": 1200})
        self.value = value

    def heat(self, step, times=1):
        """A command."""
        self.value += step * times
        return {"steps": (step,) * times}


@pytest.fixture
def furnace():
    """A conversation."""
    return talk_to(Furnace(name="furnace", calibration="{} - 273"))


def test_values_and_attributes(furnace) -> None:
    """Asked and set, with and without specifier."""
    assert furnace.get() == {"value_raw": 293, "value_cal": 20}
    assert furnace.set(273) is None
    assert furnace.get()["value_cal"] == 0
    furnace.set(5, "value")
    assert furnace.get("value") == {"values": [5]}


def test_commands(furnace) -> None:
    """Arguments by position and by name; a tuple arrives as a list, as everywhere on the mesh."""
    assert furnace.cmd("heat", 10, times=2) == {"steps": [10, 10]}
    assert furnace.get("value") == {"values": [313]}
    assert furnace.get("steps") == {"values": [[1, 2]]}


@given(JSON)
def test_what_json_holds_arrives_as_it_was(value) -> None:
    """Both ways, and as an object of its own."""
    talk = talk_to(Furnace(name="furnace"))
    talk.set([value])
    assert talk.get("value") == {"values": [[value]]}


def test_what_was_sent_is_no_longer_the_senders(furnace) -> None:
    """Neither side holds a list of the other's."""
    sent = [1]
    furnace.set(sent, "value")
    sent.append(2)
    furnace.get("value")["values"][0].append(3)
    assert furnace.get("value") == {"values": [[1]]}


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda furnace: furnace.get("nothing"), 310),
        (lambda furnace: furnace.get("_value"), 310),
        (lambda furnace: furnace.cmd("nothing"), 306),
        (lambda furnace: furnace.cmd("heat"), 304),
        (lambda furnace: furnace.set("hot"), 304),
    ],
)
def test_errors_are_raised_as_by_interface(furnace, ask, code: int) -> None:
    """`ErrorReply` with code, name and message."""
    with pytest.raises(ErrorReply) as caught:
        ask(furnace)
    assert caught.value.return_code == code


def test_an_error_tells_all_that_the_reply_did(furnace) -> None:
    """Its payload, too."""
    with pytest.raises(ErrorReply, match=r"how hot\? \[304 service_error_invalid_value\]") as caught:
        furnace.set("hot")
    assert caught.value.payload == {"limit": 1200}


def test_a_service_can_be_asked_without_connection() -> None:
    """It is an endpoint itself, and those that it owns can be asked; nothing is sent."""
    service = Service("heating", make_connection=False, endpoints=[{"name": "a", "module": "KeyValueStore"}])
    store = talk_to(service.sync_children["a"])
    store.set(4)
    assert store.get() == {"value_raw": 4}
    assert talk_to(service).get("name") == {"values": ["heating"]}
