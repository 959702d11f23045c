"""`PostgreSQLInterface`: a service for PostgreSQL tables."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any, ClassVar

import scarab
from dripline.core._access import Reach
from dripline.core.endpoint import Endpoint
from dripline.errors import ConfigurationError
from dripline.implementations.storage.database import is_away, make_engine, reason, sqlalchemy

if TYPE_CHECKING:
    from sqlalchemy import Engine, MetaData

__all__ = ["Endpoint", "PostgreSQLInterface", "SQLTable"]  # noqa: F822 - see below

logger = logging.getLogger("dripline.database")

#: The group of secrets with the login at the database.
GROUP = "postgres"
_SPEC = {"username": {"env": "POSTGRES_USER"}, "password": {"env": "POSTGRES_PASSWORD"}}


def __getattr__(name: str) -> Any:
    if name == "SQLTable":  # the reference has it here; only tables need its module
        return importlib.import_module("dripline.implementations.sql_table").SQLTable
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class PostgreSQLInterface:
    """Gives a service an ``engine``, which its `SQLTable` endpoints use. A base beside `Service`.

    ::

        class RunTable(Service, PostgreSQLInterface):
            def __init__(self, **kwargs):
                Service.__init__(self, add_endpoints_now=False, **kwargs)
                PostgreSQLInterface.__init__(self, **kwargs)
                self.connect_to_db(self.auth)
                self.add_endpoints_from_config()

            def add_child(self, endpoint):
                self.add_child_table(endpoint)
                return Service.add_child(self, endpoint)

    Name and password are those of the group ``postgres`` in the authentication file, or the environment variables
    ``POSTGRES_USER`` and ``POSTGRES_PASSWORD``. The engine connects when it is first used.

    Args:
        database_name: Name of the database.
        database_server: Its host, or ``host:port``.
        **kwargs: Ignored: what is for other bases.

    Raises:
        ConfigurationError: One of the variables is set, and empty.

    Attributes:
        database_name: Name of the database.
        database_server: Its host.
    """

    if TYPE_CHECKING:  # what the service that this is a base of has
        auth: scarab.Authentication

    _dripline_reach: ClassVar[Reach] = {"get": {"database_name", "database_server"}}

    def __init__(self, database_name: str, database_server: str, **kwargs: Any) -> None:
        self.database_name = database_name
        self.database_server = database_server
        login_of(scarab.Authentication())  # an empty variable is an error now, not at the first query
        self.__engine: Engine | None = None
        self.__meta: MetaData | None = None

    @property
    def meta(self) -> MetaData:
        """The SQLAlchemy `MetaData` of the tables that `add_child_table` has described."""
        if self.__meta is None:
            self.__meta = sqlalchemy().MetaData()
        return self.__meta

    @meta.setter
    def meta(self, meta: MetaData) -> None:
        self.__meta = meta

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine."""
        if self.__engine is None:
            self.connect_to_db(getattr(self, "auth", None))
        assert self.__engine is not None, "it was just made"
        return self.__engine

    @engine.setter
    def engine(self, engine: Engine) -> None:
        self.__engine = engine

    def add_child_table(self, endpoint: Endpoint) -> None:
        """Have the database describe the table of an `SQLTable`; other endpoints are left alone.

        A service calls it in its `add_child`. If the database is away, the table is described at its first use.

        Args:
            endpoint: The endpoint.

        Raises:
            ConfigurationError: There is no such table, or the login is refused.
        """
        from dripline.implementations.sql_table import SQLTable  # only tables need its module

        if not isinstance(endpoint, SQLTable):
            return
        library = sqlalchemy()
        try:
            endpoint.table = library.Table(
                endpoint.table_name, self.meta, schema=endpoint.schema, autoload_with=self.engine
            )
        except library.exc.NoSuchTableError as error:
            raise ConfigurationError(
                f"{endpoint.name}: there is no table {str(error)!r} in {self.engine.url!r}; make it, or correct "
                "table_name or schema"
            ) from None
        except library.exc.SQLAlchemyError as error:
            if not is_away(error):
                raise ConfigurationError(f"{endpoint.name}: {reason(error)}") from error
            logger.warning("%s: %s; the table is described later", endpoint.name, reason(error))

    def connect_to_db(self, auth: scarab.Authentication | None = None) -> None:
        """Make the engine, with a login from ``auth``. The first use of `engine` does it by itself."""
        username, password = login_of(auth if auth is not None else scarab.Authentication())
        host, _, port = str(self.database_server).rpartition(":")
        with_port = bool(host) and port.isdecimal()
        self.__engine = make_engine(
            sqlalchemy().URL.create(
                "postgresql+psycopg",
                username=username,
                password=password,
                host=host if with_port else str(self.database_server),
                port=int(port) if with_port else None,
                database=self.database_name,
            )
        )


def login_of(auth: scarab.Authentication) -> tuple[str | None, str | None]:
    """Name and password of the group ``postgres``, or of the environment; None for what is not there.

    Raises:
        ConfigurationError: One is there, and empty.
    """
    if not all(auth.has(GROUP, item) for item in _SPEC) and GROUP not in auth.spec:
        auth.add_groups({GROUP: _SPEC})
        try:
            auth.process_spec()
        except scarab.AuthenticationError as error:
            raise ConfigurationError(f"login at PostgreSQL: {error}") from None
    username, password = (auth.get(GROUP, item) if auth.has(GROUP, item) else None for item in _SPEC)
    return username, password
