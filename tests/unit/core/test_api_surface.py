"""Names, argument names, their order and defaults: what packages and scripts of the reference rely on."""

from __future__ import annotations

import inspect
from enum import Enum
from typing import Any

import pytest

import _dripline.core
import dripline.core
import scarab
from dripline.core import (
    AlertConsumer,
    Core,
    DriplineConfig,
    DriplineError,
    Endpoint,
    Entity,
    Interface,
    MsgAlert,
    MsgReply,
    MsgRequest,
    ObjectCreator,
    Receiver,
    RequestSender,
    Scheduler,
    Service,
    ServiceConfig,
    Specifier,
    ThrowReply,
    add_return_code,
    create_dripline_auth_spec,
    msg_t,
    op_t,
    set_reply_cache,
    throw_dripline_error,
)
from dripline.implementations import (
    EthernetSCPIService,
    FormatEntity,
    HeartbeatMonitor,
    PostgreSQLInterface,
    SQLTable,
)

#: What is called, and its arguments in their order, with defaults. None stands for `Param()` also.
SIGNATURES: dict[Any, str] = {
    MsgRequest.create: (
        "payload=None msg_op=op_t.unknown routing_key='' specifier='' reply_to='' encoding=encoding.json"
    ),
    MsgRequest.reply: "self return_code=0 return_message='' payload=None",
    MsgReply.create: (
        "return_code=0 return_message='' payload=None routing_key='' specifier='' encoding=encoding.json"
    ),
    MsgAlert.create: "payload=None routing_key='' specifier='' encoding=encoding.json",
    Specifier: "unparsed=''",
    add_return_code: "value name description",
    ThrowReply: "return_code=None message=None payload=None",
    set_reply_cache: "return_code return_message payload=None",
    throw_dripline_error: "message=''",
    Endpoint: "name",
    Endpoint.on_set: "self _value",
    Service: (
        "name make_connection=True endpoints=None add_endpoints_now=True enable_scheduling=False "
        "broadcast_key='broadcast' loop_timeout_ms=1000 message_wait_ms=1000 heartbeat_interval_s=60 "
        "username=None password=None authentication_obj=None dripline_mesh=None"
    ),
    Service.add_child: "self an_endpoint",
    Service.add_async_child: "self an_endpoint",
    Service.bind_key: "self exchange key",
    Service.bind_keys: "self",
    Service.cancel: "self code=0",
    Entity: (
        "get_on_set=False log_on_set=False log_routing_key_prefix='sensor_value' log_interval=0 max_interval=0 "
        "max_absolute_change=0 max_fractional_change=0 check_field='value_cal' calibration=None"
    ),
    AlertConsumer: "alert_keys=None alert_key_parser_re=''",
    RequestSender.get: "self endpoint specifier=None lockout_key=None timeout_s=0",
    RequestSender.set: "self endpoint value specifier=None lockout_key=None timeout_s=0",
    RequestSender.cmd: "self endpoint specifier ordered_args=None keyed_args=None lockout_key=None timeout_s=0",
    Interface: (
        "username=None password=None dripline_mesh=None timeout_s=None confirm_retcodes=True dripline_config=None"
    ),
    Interface.get: "self endpoint specifier=None lockout_key=None timeout_s=0",
    Interface.set: "self endpoint value specifier=None lockout_key=None timeout_s=0",
    Core: "config=None auth=None make_connection=True",
    Receiver.wait_for_reply: "self sent_msg_pkg timeout_ms=0",
    DriplineConfig: "read_mesh_file=True",
    ServiceConfig: "name='dlpy_service'",
    ObjectCreator.create_object: "self config default_module auth=None",
    FormatEntity: ("get_str=None set_str=None set_value_lowercase=True set_value_map=None extract_raw_regex=None"),
    HeartbeatMonitor: (
        "time_between_checks_s=20 warning_threshold_s=120 critical_threshold_s=300 add_unknown_heartbeats=True "
        "endpoint_name_prefix='hbmon_'"
    ),
    PostgreSQLInterface: "database_name database_server",
    SQLTable: (
        "table_name schema=None required_insert_names=None return_col_names=None optional_insert_names=None "
        "default_insert_values=None"
    ),
    EthernetSCPIService: (
        "socket_timeout=1.0 socket_info=('localhost',1234) cmd_at_reconnect=('*OPC?',) reconnect_test='1' "
        "command_terminator='' response_terminator=None reply_echo_cmd=False"
    ),
    scarab.to_param: "object hyphenate_keys=False",
    scarab.VersionSemantic: "major=0 minor=0 patch=0",
    scarab.Authentication.add_item: "self group name default env=''",
    scarab.Authentication.get: "self group item default=None",
    scarab.Authentication.has: "self group item=None",
    scarab.ParamNode.get_value: "self key default=None",
    scarab.ParamArray.get_value: "self index default=None",
    scarab.MainApp.add_default_auth_spec_group: "self group_name spec_group",
}


@pytest.mark.parametrize("called", SIGNATURES, ids=lambda called: called.__qualname__)
def test_arguments_have_the_references_names_places_and_defaults(called):
    """Further ones of ours may follow behind them, if they need not be given."""
    parameters = list(inspect.signature(called).parameters.values())
    expected = SIGNATURES[called].split()
    assert [_shown(parameter) for parameter in parameters[: len(expected)]] == expected
    for parameter in parameters[len(expected) :]:
        is_variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        assert is_variable or parameter.default is not parameter.empty, parameter


def _shown(parameter: inspect.Parameter) -> str:
    default = parameter.default
    if default is parameter.empty:
        return parameter.name
    return f"{parameter.name}={default if isinstance(default, Enum) else repr(default).replace(' ', '')}"


_MESSAGE = (
    "routing_key correlation_id message_id reply_to timestamp encoding specifier message_type sender_info payload "
    "is_request is_reply is_alert encode_full_message "
)
#: Class and the attributes that its objects have.
ATTRIBUTES = {
    "MsgRequest": _MESSAGE + "lockout_key lockout_key_valid message_operation reply",
    "MsgReply": _MESSAGE + "return_code return_message",
    "MsgAlert": _MESSAGE,
    "Specifier": "parse reparse to_string",
    "DL_Success": "value name description",
    "Endpoint": (
        "name service submit_request_message on_request_message on_reply_message on_alert_message do_get_request "
        "do_set_request do_cmd_request on_get on_set"
    ),
    "Service": (
        "name service auth sync_children add_child add_async_child add_endpoints_from_config bind_keys bind_key "
        "requests_exchange alerts_exchange send run start listen stop schedule unschedule execution_buffer "
        "cycle_time is_canceled cancel endpoint_configs create_object get set cmd enable_scheduling"
    ),
    "Entity": (
        "get_on_set log_on_set log_interval max_interval max_absolute_change max_fractional_change log_a_value "
        "start_logging stop_logging scheduled_log _calibration"
    ),
    "Core": (
        "send address port username password requests_exchange alerts_exchange heartbeat_routing_key "
        "max_payload_size make_connection max_connection_attempts"
    ),
    "Interface": "get set cmd send address port",
    "Receiver": "wait_for_reply cancel is_canceled",
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "Endpoint": {"name": "x"},
    "Entity": {"name": "x"},
    "Service": {"name": "x", "make_connection": False},
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_objects_have_the_references_attributes(name):
    """All of them, right after they are made."""
    made = getattr(_dripline.core, name)(**ARGUMENTS.get(name, {}))
    missing = [attribute for attribute in ATTRIBUTES[name].split() if not hasattr(made, attribute)]
    assert missing == []


def test_the_binding_module_gives_the_same_objects():
    """`_dripline.core.X` is `dripline.core.X`, for each name."""
    for name in dripline.core.__all__:
        assert getattr(_dripline.core, name) is getattr(dripline.core, name)


@pytest.mark.parametrize(("kind", "member"), [(op_t, op_t.cmd), (msg_t, msg_t.alert)])
def test_numbers_and_names_are_asked_of_class_and_member(kind, member):
    """`op_t.to_uint(x)` as well as `x.to_uint()`."""
    assert kind.to_uint(member) == member.to_uint() == int(member)
    assert kind.to_string(member) == member.to_string() == member.name


def test_the_default_payload_is_null():
    """As `Param()` is."""
    for message in (MsgRequest.create(), MsgReply.create(), MsgAlert.create()):
        assert message.payload.is_null()


@pytest.mark.parametrize("key", ["", "00000000-0000-0000-0000-000000000000"])
def test_no_key_is_a_key_of_zeros(key):
    """As peers send it, and as packages assign it."""
    request = MsgRequest.create()
    request.lockout_key = key
    assert request.lockout_key.int == 0
    assert request.lockout_key_valid


@pytest.mark.parametrize("kind", ["request", "reply", "alert"])
def test_without_connection_the_text_of_the_error_is_the_message(kind):
    """For a service as for a core."""
    message = {"request": MsgRequest, "reply": MsgReply, "alert": MsgAlert}[kind].create(payload={"a": 1})
    for sender in (Core(make_connection=False), Service("s", make_connection=False)):
        with pytest.raises(RuntimeError, match=f"^Thrown {kind}:") as thrown:
            sender.send(message)
        assert str(message) in str(thrown.value)


def test_an_authentication_is_built_as_the_reference_builds_it():
    """Its specification is a payload value, into which what was given is merged."""
    spec = create_dripline_auth_spec()
    spec.merge(scarab.to_param({"username": "anna", "password": {"value": "secret"}}))
    groups = scarab.ParamNode()
    groups.add("dripline", spec)
    auth = scarab.Authentication()
    auth.add_groups(groups)
    auth.process_spec()
    core = Core(config=DriplineConfig(), auth=auth)
    assert (core.username, core.password) == ("anna", "secret")


def test_a_request_sender_needs_somebody_who_sends():
    """It is told what is missing; `Core` as a base in front of it is enough, or a sender."""

    class Client(Core, RequestSender):
        def __init__(self) -> None:
            Core.__init__(self, make_connection=False)
            RequestSender.__init__(self, sender=self, timeout_s=3)

    client = Client()
    assert client.timeout_s == 3
    for sender in (client, RequestSender(client)):
        with pytest.raises(RuntimeError, match="Thrown request"):
            sender.get("peaches")
    with pytest.raises(TypeError, match="RequestSender cannot send: it needs Core as a base"):
        RequestSender().get("peaches")


def test_a_scheduler_stands_alone():
    """A package may use it without a service."""
    assert Scheduler().unschedule(7) is None
    with pytest.raises(DriplineError, match="why"):
        throw_dripline_error("why")
