"""Creates the endpoints of a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from dripline.core._access import Reach
from dripline.discovery.class_finder import class_finder
from dripline.discovery.index import KEY, is_rules
from dripline.discovery.validation import check_kind, constructor_mistake, kinds_of
from dripline.errors import ConfigurationError
from dripline.wire.safe_text import is_for_program

if TYPE_CHECKING:
    from scarab import Authentication

_WRONG_ARGUMENTS = re.compile(
    r"(?P<who>[\w.<>]+)\.__init__\(\) (?P<what>missing \d+ required .*|got an unexpected keyword argument .*)"
)


class ObjectCreator:
    """Makes objects from configurations; services make their endpoints with it."""

    _dripline_reach: ClassVar[Reach] = {}

    def create_object(
        self, config: Mapping[str, Any], default_module: str, auth: Authentication | None = None
    ) -> Any:
        """Make the object that a configuration describes.

        Args:
            config: `module` names the class, `module_path` perhaps a file it is in, all the rest are arguments of
                its constructor. It is not changed.
            default_module: the class when the configuration names none; `Service` and `Endpoint` say which kind.
            auth: secrets for a service.

        Returns:
            The object.

        Raises:
            ConfigurationError: there is no such class, it is nothing of that kind, or it refuses its arguments.
            Exception: what else the constructor raises; `maker_of` tells whose constructor it was.
        """
        if not hasattr(config, "keys"):
            kind = default_module.lower()
            raise ConfigurationError(
                f"the configuration of each {kind} is a mapping, such as {{'name': 'peaches'}}, not {config!r}"
            )
        arguments = dict(config)
        name = arguments.pop("module", None) or default_module
        cls = class_finder().find(name, arguments.pop("module_path", None))
        if _can_be(cls, default_module.lower()):
            if KEY in arguments and is_rules(arguments[KEY]):  # they are for whoever reads the configuration
                del arguments[KEY]
            if auth is not None:
                arguments["authentication_obj"] = auth
        try:
            made = cls(**arguments)
            if mistake := constructor_mistake(made):
                raise ConfigurationError(mistake)
            return made
        except BaseException as error:
            if is_for_program(error) or maker_of(error):  # it was an endpoint of this service that failed
                raise
            label = describe(cls, config)
            reason = _refusal(cls, error)
            failure = ConfigurationError(f"{label}: {reason}") if reason else error
            vars(failure)[_MAKER] = label
            raise failure from (error if reason else error.__cause__)


_MAKER = "_dripline_maker"


def maker_of(error: BaseException) -> str:
    """The object whose constructor raised an error, as `describe` calls it; empty if it was none."""
    return str(vars(error).get(_MAKER, ""))


def describe(cls: type, config: Mapping[str, Any]) -> str:
    """How messages call an object: `endpoint 'peaches' (KeyValueStore)`."""
    kind = "service" if "service" in kinds_of(cls) else "endpoint"
    return f"{kind} {config.get('name')!r} ({cls.__name__})"


@lru_cache(maxsize=1000)
def _can_be(cls: type, wanted: str) -> bool:
    """Refuse a class that cannot be what is wanted of it; tell whether it is a service."""
    check_kind(cls, wanted, class_finder().owner_of(cls))
    return "service" in kinds_of(cls)


def _refusal(cls: type, error: BaseException) -> str:
    """What a constructor has against its arguments; empty when the error is about something else."""
    if isinstance(error, ConfigurationError):
        return str(error)
    match = _WRONG_ARGUMENTS.match(str(error)) if isinstance(error, TypeError) else None
    return match["what"] if match and _is_constructor_of(cls, match["who"]) else ""


def _is_constructor_of(cls: type, qualified_name: str) -> bool:
    """Whether a TypeError speaks of this class or a base, not of something that its constructor made."""
    return any(base.__qualname__ == qualified_name for base in cls.__mro__)
