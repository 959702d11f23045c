"""Texts of one's own: what is sent, and what is found in the answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.core import MsgRequest, ThrowReply, calibrate, op_t
from dripline.implementations import FormatEntity

from .test_simple_scpi_entity import ask, made

VALUE = r"volts is (?P<value_raw>[-\d.]+)V"


def sent(value, set_str="S {}", **arguments):
    """What is sent for a value; the return code when it is refused."""
    entity, service = made(FormatEntity, set_str=set_str, **arguments)
    code, _ = ask(entity, op_t.set, value)
    return service.sent[0] if code == 0 else code


def test_it_gets_by_its_text_and_sets_by_its_format():
    """The value goes where the hole is."""
    entity, service = made(FormatEntity, get_str="READ CH1", set_str="SET CH1,{:.2f};*OPC?")
    assert ask(entity, op_t.get) == (0, {"value_raw": "1.5"})
    assert ask(entity, op_t.set, 2) == (0, "1.5")
    assert service.sent == ["READ CH1", "SET CH1,2.00;*OPC?"]


def test_what_has_no_text_is_refused():
    """306, with the endpoint's name."""
    entity, _ = made(FormatEntity)
    assert ask(entity, op_t.get)[0] == ask(entity, op_t.set, 1)[0] == 306


def test_the_value_is_found_in_the_answer():
    """By the group value_raw; no match is told with answer and expression."""
    entity, service = made(
        FormatEntity, "volts is -1.5V", get_str="V?", extract_raw_regex=VALUE, calibration="2*{}"
    )
    assert ask(entity, op_t.get) == (0, {"value_raw": "-1.5", "value_cal": -3.0})
    service.answer = "ERROR"
    reply = entity.on_request_message(MsgRequest.create(None, op_t.get, "volts"))
    assert reply.return_code == 304
    assert "'ERROR'" in reply.return_message
    assert "value_raw" in reply.return_message


def test_an_expression_that_takes_for_ever_is_given_up():
    """304, with expression and answer, and the service goes on."""
    entity, service = made(FormatEntity, "1" * 5000, get_str="V?", extract_raw_regex=r"(?P<value_raw>(\d+,?)+);")
    reply = entity.on_request_message(MsgRequest.create(None, op_t.get, "volts"))
    assert reply.return_code == 304
    assert "'volts': extract_raw_regex" in reply.return_message
    assert "takes more than" in reply.return_message
    assert len(reply.return_message) < 500
    service.answer = "1,2;"
    assert ask(entity, op_t.get) == (0, {"value_raw": "1,2"})


def test_texts_are_made_lower_case_unless_told():
    """For tables, whose keys are."""
    assert sent("ON") == "S on"
    assert sent("ON", set_value_lowercase=False) == "S ON"
    assert sent("ON", set_value_map={"on": 1}) == "S 1"
    assert sent("ON", set_value_map={"ON": 1}, set_value_lowercase=False) == "S 1"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "S OPEN"),
        ("1", "S OPEN"),
        (1.0, "S OPEN"),
        (0, "S CLOSE"),
        ("on", "S OPEN"),
        ("off", "S CLOSE"),
        (True, "S OPEN"),
        (False, "S CLOSE"),
        ("maybe", 304),
        (2, 304),
        (None, 304),
        ([1], 304),
    ],
)
@pytest.mark.parametrize(
    "table",
    [
        {1: "OPEN", 0: "CLOSE", "on": "OPEN", "off": "CLOSE"},
        {"1": "OPEN", "0": "CLOSE", "on": "OPEN", "off": "CLOSE"},
        {True: "OPEN", "1": "OPEN", "0": "CLOSE", "on": "OPEN", False: "CLOSE", "off": "CLOSE"},
    ],
)
def test_a_table_is_looked_up_in_any_spelling(table, value, expected):
    """Keys of Python and of YAML; YAML's are text, whatever they look like."""
    assert sent(value, set_value_map=table) == expected


@pytest.mark.parametrize("value", [1, True, "1.0", "001", "+1.00E+00", "true"])
def test_a_number_is_found_in_any_notation(value):
    """Keys of YAML are text."""
    assert sent(value, set_value_map={"1": "OPEN", "0": "CLOSE"}) == "S OPEN"


@pytest.mark.parametrize("key", ["true", "True", "yes", "on"])
def test_true_has_many_spellings(key):
    """And so has false."""
    opposite = {"true": "false", "True": "False", "yes": "no", "on": "off"}[key]
    assert sent(True, set_value_map={key: 5}) == "S 5"
    assert sent(False, set_value_map={opposite: 6}) == "S 6"
    assert sent(True, set_value_map={opposite: 6}) == 304


@pytest.mark.parametrize(
    ("formula", "value", "expected"),
    [
        ("{}*1000", 1.5, "S 1500.0"),
        ("{}*1000", "1.5", "S 1500.0"),
        ("{}**2", -3, "S 9"),  # the hole is the value, with its sign
        ("{}*2", "+000300", "S 600"),
        ("round({}*10)", 0.26, "S 3"),
        ("{{'a': 1, 'b': 2}}['{}']", "b", "S 2"),
        ("int('{}', 16)", "FF", "S 255"),
        ("'{}'.split(',')[1]", "a,b", "S b"),
        ("1 if {} else 0", True, "S 1"),
        ("7", 5, "S 7"),
    ],
)
def test_a_formula_maps_values(formula, value, expected):
    """Numbers stand for themselves, and texts in quotes."""
    assert sent(value, set_value_map=formula) == expected


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("{}", "open('/etc/passwd').read()"),
        ("{}*2", "__import__('os')"),
        ("{}", "pi"),
        ("{}", [1, "a"][1]),
        ("1/{}", 0),
        ("nothing({})", 1),
        ("x = {}", 1),
        ("{}", None),
    ],
)
def test_what_cannot_be_evaluated_is_refused(formula, value):
    """Text is no code, and a formula without value gives nothing to send."""
    assert sent(value, set_value_map=formula) == 304


@pytest.mark.parametrize("value", ["'+open('x')+'", "' or '1", "\\'", "{0.__class__}", "{}", '"""', "#"])
def test_quotes_do_not_end_where_a_value_has_some(value):
    """A text in quotes is that text."""
    assert sent(value, set_value_map="'{}'") == f"S {value}"
    assert sent(value) == f"S {value}"


@pytest.mark.parametrize("set_str", ["{0.__class__}", "{.real}", "{0[a].b}", "{value}", "{1}", "{", "{:{x}.y}}"])
def test_a_format_has_holes_for_the_value_and_nothing_else(set_str):
    """No attributes, no other names; told when the entity is made."""
    with pytest.raises(ValueError, match="set_str of volts"):
        FormatEntity(name="volts", set_str=set_str)


def test_a_format_may_take_a_part_of_the_value():
    """Lists and maps have parts."""
    assert sent([1, 2], set_str="S {0[1]},{0[0]}") == "S 2,1"
    assert sent({"a": 1}, set_str="S {0[a]}") == "S 1"
    assert sent([1], set_str="S {0[1]}") == sent("x", set_str="S {:.3f}") == 304


@pytest.mark.parametrize("value", ["1\nOUTP ON", ["a\n"], {"a\r": 1}, {"a": [["\n"]]}])
def test_a_value_is_no_second_command(value):
    """Line ends are refused wherever they are."""
    assert sent(value, set_str="S {0}") == 304


@given(st.text(max_size=30))
def test_any_text_is_sent_as_it_is_or_refused(text):
    """It is never read as a format, nor as a formula."""
    assert sent(text, set_value_lowercase=False) in (f"S {text}", 304)
    mapped = sent(text, set_value_lowercase=False, set_value_map="'{}'")
    assert mapped in (f"S {text}", f"S {text.strip()}", 304)


@pytest.mark.parametrize(
    "wrong",
    [
        {"extract_raw_regex": "(?P<value>.*)"},
        {"extract_raw_regex": "("},
        {"extract_raw_regex": 5},
        {"set_value_map": 5},
        {"set_value_map": {}},
        {"set_value_map": "{x}"},
        {"get_str": 5},
    ],
)
def test_a_configuration_that_cannot_work_is_told(wrong):
    """With key and endpoint, when the entity is made."""
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} of volts"):
        FormatEntity(name="volts", **wrong)


class Processed(FormatEntity):
    """Evaluates the answer with a function from its configuration."""

    def __init__(self, asteval_format_response_string, **kwargs):
        FormatEntity.__init__(self, **kwargs)
        self.evaluator(asteval_format_response_string)

    @calibrate()
    def on_get(self):
        """What the function makes of it."""
        raw = FormatEntity.on_get(self)["value_raw"]
        return self.evaluator(f"f('{raw}')")


def test_packages_build_on_it():
    """``FormatEntity.on_get(self)["value_raw"]``, the evaluator, and what they read of it."""
    define = "def f(response): return float(response.split(',')[1])"
    entity, _ = made(Processed, "0,2.5", asteval_format_response_string=define, get_str="V?", calibration="2*{}")
    assert ask(entity, op_t.get) == (0, {"value_raw": 2.5, "value_cal": 5.0})
    assert (entity._get_str, entity._extract_raw_regex) == ("V?", None)


def test_functions_of_a_package_are_known_to_its_formulas():
    """What was put into the evaluator."""
    entity, service = made(FormatEntity, set_str="S {}", set_value_map="scaled({})")
    entity.evaluator("def scaled(x): return x * 4")
    assert ask(entity, op_t.set, 2)[0] == 0
    assert service.sent == ["S 8"]


def test_messages_do_not_reach_the_evaluator():
    """Neither call nor value nor assignment."""
    entity, _ = made(FormatEntity)
    for operation in (op_t.cmd, op_t.get, op_t.set):
        request = MsgRequest.create({"values": ["1+1"]}, operation, "volts", "evaluator")
        assert entity.on_request_message(request).return_code in (306, 310)
    assert entity.evaluator("open('x')") is None
    entity.evaluator.error = []


def test_a_function_of_a_lab_may_refuse():
    """What it throws is the reply."""

    def refuse(_):
        raise ThrowReply("resource_error", "too hot")

    entity, _ = made(FormatEntity, set_str="S {}", set_value_map="refuse({})")
    entity.evaluator.symtable["refuse"] = refuse
    reply = entity.on_request_message(MsgRequest.create({"values": [1]}, op_t.set, "volts"))
    assert (reply.return_code, reply.return_message) == (200, "too hot")


@pytest.mark.parametrize("formula", ["lambda: {}", "import os", "{}.__class__", "while True: {}"])
def test_a_formula_that_asks_for_too_much_is_told_at_the_start(formula):
    """With key and endpoint, before anything is set."""
    with pytest.raises(ValueError, match=r"set_value_map of volts: .* (a formula|the attribute)"):
        FormatEntity(name="volts", set_str="V {}", set_value_map=formula)


@pytest.mark.parametrize("formula", ["9**9**{}", "[0]*10**{}", "'a'*10**{}"])
def test_a_formula_that_takes_too_much_is_answered(formula):
    """304, at once, and the next value is set as ever."""
    entity, service = made(FormatEntity, set_str="S {}", set_value_map=formula)
    assert ask(entity, op_t.set, 10)[0] == 304
    assert service.sent == []


def test_a_semicolon_in_a_value_is_no_second_command():
    """It is refused in the value only: the configuration's own texts are trusted, and so is a table."""
    assert sent("A;B") == sent(["A", {"x": "B;C"}]) == 304
    assert sent("A;B", set_value_map="'{}'") == 304
    assert sent("A;B", allow_semicolon=True) == "S a;b"
    assert sent(1, "S {};*OPC?") == "S 1;*OPC?"
    assert sent("a;b", set_value_map={"a;b": "1;2"}) == "S 1;2"
