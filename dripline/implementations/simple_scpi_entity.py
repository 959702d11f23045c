"""SCPI entities: get and set with one command each."""

from __future__ import annotations

from typing import Any, ClassVar

from dripline.core import settings
from dripline.core._access import Reach
from dripline.core.argument_checks import Checks, Doubtful, check_arguments
from dripline.core.calibrate import calibrate
from dripline.core.entity import Entity
from dripline.core.throw_reply import ThrowReply
from dripline.implementations.device_text import send_to_device, sendable


def _command(value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"is a command such as VOLT, not {value!r}")
    if value.rstrip().endswith("?"):
        raise Doubtful(f"is a command without '?', which is added: {value!r}")
    if "{" in value:
        raise Doubtful(
            f"has no holes, the value is added behind it: {value!r}; FormatEntity takes a set_str with holes"
        )


class SimpleSCPIEntity(Entity):
    """Gets with ``base?`` and sets with ``base value;base?``.

    Args:
        base_str: the command without question mark and value, such as ``VOLT``.
        allow_semicolon: Whether values may contain ``;``, so that one value can send several commands.
        **kwargs: for `Entity`.

    Attributes:
        cmd_base: that command.
    """

    _dripline_reach: ClassVar[Reach] = {"get": {"cmd_base"}}

    _dripline_checks: ClassVar[Checks] = {"base_str": _command, "allow_semicolon": settings.switch}

    def __init__(self, base_str: str, allow_semicolon: bool = False, **kwargs: Any) -> None:
        Entity.__init__(self, **kwargs)
        check_arguments(
            self.name, SimpleSCPIEntity._dripline_checks, base_str=base_str, allow_semicolon=allow_semicolon
        )
        self.cmd_base = base_str
        self._dripline_allow_semicolon = settings.switch(allow_semicolon)

    @calibrate()
    def on_get(self) -> Any:
        """Ask for the value."""
        return send_to_device(self, f"{self.cmd_base}?")

    def on_set(self, value: Any) -> Any:
        """Set the value.

        Returns:
            What the device answers when it is asked for the value then.
        """
        checked = sendable(self, value, self._dripline_allow_semicolon)
        return send_to_device(self, f"{self.cmd_base} {checked};{self.cmd_base}?")


class SimpleSCPIGetEntity(SimpleSCPIEntity):
    """Gets with ``base?``, and cannot be set."""

    _dripline_reach: ClassVar[Reach] = {}

    def on_set(self, value: Any) -> Any:
        """Refuse.

        Raises:
            ThrowReply: always.
        """
        raise ThrowReply("service_error_invalid_method", f"endpoint {self.name!r} does not support set")


class SimpleSCPISetEntity(SimpleSCPIEntity):
    """Sets with ``base value;*OPC?``, and cannot be got."""

    _dripline_reach: ClassVar[Reach] = {}

    def on_get(self) -> Any:
        """Refuse.

        Raises:
            ThrowReply: always.
        """
        raise ThrowReply("service_error_invalid_method", f"endpoint {self.name!r} does not support get")

    def on_set(self, value: Any) -> Any:
        """Set the value.

        Returns:
            What the device answers: 1 when it is done.
        """
        return send_to_device(
            self, f"{self.cmd_base} {sendable(self, value, self._dripline_allow_semicolon)};*OPC?"
        )
