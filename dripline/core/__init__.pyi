"""What type checkers read in place of `__init__.py`, which imports each name when it is asked for."""

from typing import Any

from dripline.core.alert_consumer import AlertConsumer as AlertConsumer
from dripline.core.calibrate import calibrate as calibrate
from dripline.core.core import Core as Core
from dripline.core.default_configs import (
    DriplineConfig as DriplineConfig,
    ServiceConfig as ServiceConfig,
    add_dripline_auth_spec as add_dripline_auth_spec,
    add_dripline_options as add_dripline_options,
    add_service_options as add_service_options,
)
from dripline.core.endpoint import Endpoint as Endpoint
from dripline.core.entity import Entity as Entity
from dripline.core.interface import Interface as Interface
from dripline.core._credentials import create_dripline_auth_spec as create_dripline_auth_spec
from dripline.core.object_creator import ObjectCreator as ObjectCreator
from dripline.core.receiver import Receiver as Receiver
from dripline.core.request_handler import RequestHandler as RequestHandler
from dripline.core.request_sender import RequestSender as RequestSender
from dripline.core.return_codes import (
    ReturnCode as ReturnCode,
    add_return_code as add_return_code,
    get_return_code_values as get_return_code_values,
    get_return_codes_dict as get_return_codes_dict,
    get_return_codes_map as get_return_codes_map,
)
from dripline.core.scheduler import Scheduler as Scheduler
from dripline.runtime.pending_replies import SentMessagePackage as SentMessagePackage
from dripline.core.service import Service as Service
from dripline.core.throw_reply import (
    DriplineError as DriplineError,
    ThrowReply as ThrowReply,
    set_reply_cache as set_reply_cache,
    throw_dripline_error as throw_dripline_error,
    throw_message as throw_message,
)
from dripline.wire.enums import encoding as encoding, msg_t as msg_t, op_t as op_t
from dripline.wire.message import (
    Message as Message,
    MsgAlert as MsgAlert,
    MsgReply as MsgReply,
    MsgRequest as MsgRequest,
)
from dripline.wire.return_codes import (
    DL_AmqpError as DL_AmqpError,
    DL_AmqpErrorBrokerConnection as DL_AmqpErrorBrokerConnection,
    DL_AmqpErrorRoutingkeyNotfound as DL_AmqpErrorRoutingkeyNotfound,
    DL_ClientError as DL_ClientError,
    DL_ClientErrorHandlingReply as DL_ClientErrorHandlingReply,
    DL_ClientErrorInvalidRequest as DL_ClientErrorInvalidRequest,
    DL_ClientErrorTimeout as DL_ClientErrorTimeout,
    DL_ClientErrorUnableToSend as DL_ClientErrorUnableToSend,
    DL_ResourceError as DL_ResourceError,
    DL_ResourceErrorConnection as DL_ResourceErrorConnection,
    DL_ResourceErrorNoResponse as DL_ResourceErrorNoResponse,
    DL_ResourceErrorSubService as DL_ResourceErrorSubService,
    DL_ServiceError as DL_ServiceError,
    DL_ServiceErrorAccessDenied as DL_ServiceErrorAccessDenied,
    DL_ServiceErrorBadPayload as DL_ServiceErrorBadPayload,
    DL_ServiceErrorDecodingFail as DL_ServiceErrorDecodingFail,
    DL_ServiceErrorInvalidKey as DL_ServiceErrorInvalidKey,
    DL_ServiceErrorInvalidMethod as DL_ServiceErrorInvalidMethod,
    DL_ServiceErrorInvalidSpecifier as DL_ServiceErrorInvalidSpecifier,
    DL_ServiceErrorInvalidValue as DL_ServiceErrorInvalidValue,
    DL_ServiceErrorNoEncoding as DL_ServiceErrorNoEncoding,
    DL_ServiceErrorTimeout as DL_ServiceErrorTimeout,
    DL_Success as DL_Success,
    DL_UnhandledException as DL_UnhandledException,
    DL_WarningDeprecatedFeature as DL_WarningDeprecatedFeature,
    DL_WarningDryRun as DL_WarningDryRun,
    DL_WarningNoActionTaken as DL_WarningNoActionTaken,
    DL_WarningOffline as DL_WarningOffline,
    DL_WarningSubService as DL_WarningSubService,
)
from dripline.wire.sender import add_version as add_version, get_version as get_version
from dripline.wire.identifiers import Specifier as Specifier

def __getattr__(name: str) -> Any: ...  # return codes that a mesh added, and parts of the package
