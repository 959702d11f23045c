"""Making objects of configurations."""

from __future__ import annotations

import pytest

from dripline.core import Endpoint, ObjectCreator, Service
from dripline.core.object_creator import maker_of
from dripline.errors import ConfigurationError, DriplineError
from dripline.implementations import KeyValueStore
from scarab import Authentication

LAB = """
from dripline.core import Endpoint, Entity, Service

class Strict(Entity):
    def __init__(self, base_str, **kwargs):
        Entity.__init__(self, **kwargs)

class Inner(Entity):
    def __init__(self, **kwargs):
        Strict.__init__(self, **kwargs)

class Derived(Strict):
    def __init__(self, **kwargs):
        Strict.__init__(self, **kwargs)

class Closed(Entity):
    def __init__(self, name):
        Entity.__init__(self, name=name)

class Failing(Entity):
    def __init__(self, **kwargs):
        (lambda x: x)()

class Forgetful(Entity):
    def __init__(self, name, **kwargs):
        self.name = name

class HalfForgetful(Entity):
    def __init__(self, name, **kwargs):
        Endpoint.__init__(self, name)

class ForgetfulService(Service):
    def __init__(self, **kwargs):
        self.endpoints = []

class Nameless(Endpoint):
    def __init__(self, name, **kwargs):
        Endpoint.__init__(self, "")
"""


@pytest.fixture
def create(extensions):
    """Creates objects; the classes above are in an extension."""
    extensions({"dripline/extensions/lab.py": LAB})
    return ObjectCreator().create_object


def test_a_configuration_names_class_and_arguments(create):
    """`module` is the class, all the rest its arguments."""
    made = create({"name": "peaches", "module": "KeyValueStore", "initial_value": 0.75}, "Endpoint")
    assert isinstance(made, KeyValueStore)
    assert (made.name, made.on_get()["value_raw"]) == ("peaches", 0.75)


def test_the_default_class_is_used_where_none_is_named(create):
    """`Endpoint` for endpoints, `Service` for a service."""
    assert type(create({"name": "plain"}, "Endpoint")) is Endpoint
    assert type(create({"name": "plain", "module": None}, "Endpoint")) is Endpoint


@pytest.mark.parametrize("endpoints", [{"0": {"name": "peaches"}}, ["peaches"]])
def test_a_configuration_that_is_no_mapping(endpoints):
    """As from a script that makes a service with endpoints in a mapping."""
    with pytest.raises(ConfigurationError, match=r"the configuration of each endpoint is a mapping, .* not '"):
        Service("my_store", make_connection=False, endpoints=endpoints)


def test_the_configuration_stays_as_it_was(create):
    """It may be used again."""
    configuration = {"name": "peaches", "module": "KeyValueStore", "module_path": None}
    create(configuration, "Endpoint")
    assert configuration == {"name": "peaches", "module": "KeyValueStore", "module_path": None}


def test_a_class_may_stand_in_a_file(create, tmp_path):
    """`module_path` names it."""
    (tmp_path / "mine.py").write_text("from dripline.core import Entity\nclass Mine(Entity): pass\n")
    made = create({"name": "x", "module": "Mine", "module_path": str(tmp_path / "mine.py")}, "Endpoint")
    assert type(made).__name__ == "Mine"


def test_services_get_the_secrets_and_endpoints_do_not(create):
    """`authentication_obj` is a service's argument."""
    auth = Authentication()
    auth.add_groups({"dripline": {"username": "me", "password": "p"}})
    auth.process_spec()
    service = create({"name": "s", "make_connection": False}, "Service", auth)
    assert isinstance(service, Service)
    assert service.auth.get("dripline", "username") == "me"
    create({"name": "e"}, "Endpoint", auth)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        (
            {"name": "x", "module": "Strict"},
            "endpoint 'x' (Strict): missing 1 required positional argument: 'base_str'",
        ),
        (
            {"name": "x", "module": "Derived"},
            "endpoint 'x' (Derived): missing 1 required positional argument: 'base_str'",
        ),
        (
            {"name": "x", "module": "Closed", "port": 5},
            "endpoint 'x' (Closed): got an unexpected keyword argument 'port'",
        ),
        ({"module": "Closed"}, "endpoint None (Closed): missing 1 required positional argument: 'name'"),
        ({"module": "Service"}, "service None (Service): missing 1 required positional argument: 'name'"),
    ],
)
def test_wrong_arguments_are_told_with_the_name_of_the_object(create, configuration, message):
    """Whichever constructor on the way missed something."""
    with pytest.raises(ConfigurationError) as caught:
        create(configuration, "Endpoint")
    assert str(caught.value) == message


def test_a_type_error_of_something_else_is_not_taken_for_that(create):
    """A laboratory's own mistake keeps its trace."""
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'") as caught:
        create({"name": "x", "module": "Failing"}, "Endpoint")
    assert maker_of(caught.value) == "endpoint 'x' (Failing)"


def test_the_innermost_object_that_failed_is_told(create):
    """A service makes its endpoints, and is not to blame for them."""
    with pytest.raises(TypeError) as caught:
        create(
            {"name": "s", "make_connection": False, "endpoints": [{"name": "x", "module": "Failing"}]}, "Service"
        )
    assert maker_of(caught.value) == "endpoint 'x' (Failing)"
    with pytest.raises(ConfigurationError, match=r"^endpoint 'y' \(Strict\): missing"):
        create(
            {"name": "s", "make_connection": False, "endpoints": [{"name": "y", "module": "Strict"}]}, "Service"
        )
    assert maker_of(ValueError()) == ""


def test_a_class_of_another_kind_is_refused_with_its_extension(create, extensions):
    """Before it is made; what is not called Service or Endpoint may be anything."""
    extensions({"dripline/extensions/tools.py": "class Tool:\n    pass\n"})
    with pytest.raises(ConfigurationError) as caught:
        create({"name": "x", "module": "Tool"}, "Endpoint")
    assert str(caught.value) == (
        "class 'Tool' of extension 'tools' is no Endpoint or Entity; derive it from dripline.core.Endpoint"
    )
    with pytest.raises(ConfigurationError, match="'Tool' of extension 'tools' is no service, it cannot run"):
        create({"name": "x", "module": "Tool"}, "Service")
    assert type(create({"module": "Tool"}, "Tool")).__name__ == "Tool"


def test_an_unknown_class_is_told(create):
    """By the class finder."""
    with pytest.raises(ConfigurationError, match="no class 'KeyValueStor'"):
        create({"name": "x", "module": "KeyValueStor"}, "Endpoint")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Forgetful", "__init__ of class 'Forgetful' does not call Entity.__init__(self, **kwargs)"),
        ("HalfForgetful", "__init__ of class 'HalfForgetful' does not call Entity.__init__(self, **kwargs)"),
        (
            "ForgetfulService",
            "__init__ of class 'ForgetfulService' does not call Service.__init__(self, **kwargs)",
        ),
        ("Nameless", "an object of class 'Nameless' has no name; pass 'name' to the constructor of its base"),
    ],
)
def test_a_constructor_that_does_not_call_that_of_its_base(create, name, message):
    """The error names the class instead of an attribute that is missing later."""
    with pytest.raises(ConfigurationError) as caught:
        create({"module": name, "name": "x"}, "Service" if "Service" in name else "Endpoint")
    assert str(caught.value).endswith(f"'x' ({name}): {message}")


def test_an_endpoint_that_is_added_in_python_is_checked_too():
    """Services are put together in scripts as well."""

    class Forgetful(Endpoint):
        def __init__(self):
            self.name = "x"

    with pytest.raises(DriplineError, match=r"'Forgetful' does not call Endpoint.__init__\(self, \*\*kwargs\)"):
        Service("s", make_connection=False).add_child(Forgetful())
