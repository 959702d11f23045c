"""`talk_to`: sends requests to an endpoint without a broker."""

from __future__ import annotations

from typing import Any

from dripline.core.endpoint import Endpoint
from dripline.core.request_sender import RequestSender
from dripline.runtime.children import answer_own
from dripline.wire.message import MsgReply, MsgRequest

_WHO = "test"  # the service_name in the requests' sender_info


def talk_to(endpoint: Endpoint) -> Talk:
    """Ask an endpoint as the mesh would, without any broker.

    ::

        furnace = talk_to(Furnace(name="furnace", calibration="{} - 273.15"))
        furnace.set(293.15)
        assert furnace.get()["value_cal"] == 20

    Args:
        endpoint: An endpoint or a service.
    """
    return Talk(endpoint)


class Talk:
    """A conversation with one endpoint: real requests, answered by `Endpoint.on_request_message`.

    Payloads go through JSON both ways, as on the mesh: a tuple arrives as a list. Results are plain Python, and a
    return code of 100 or more raises `ErrorReply`, as with `Interface`.

    Args:
        endpoint: Who is asked.

    Attributes:
        endpoint: Who is asked.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._sender = _Direct(endpoint)

    def get(self, specifier: str | None = None) -> Any:
        """Get the endpoint's value, or an attribute as ``{"values": [x]}``.

        Args:
            specifier: An attribute of the endpoint.

        Raises:
            ErrorReply: The return code is 100 or more.
        """
        return self._sender.get(self.endpoint.name, specifier)

    def set(self, value: Any, specifier: str | None = None) -> Any:
        """Set the endpoint's value, or an attribute. Errors as for `get`.

        Args:
            value: The value.
            specifier: An attribute of the endpoint.
        """
        return self._sender.set(self.endpoint.name, value, specifier)

    def cmd(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the endpoint with arguments. Errors as for `get`.

        Args:
            method: The method's name.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.
        """
        return self._sender.cmd(self.endpoint.name, method, args, kwargs)


class _Direct(RequestSender):
    """Sends requests to an endpoint that is at hand."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def _dripline_exchange(self, request: MsgRequest, timeout_s: float | None) -> MsgReply:
        return answer_own(self._endpoint, request, _WHO)
