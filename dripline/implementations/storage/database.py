"""SQLAlchemy engines, and classification of database errors: retry or reject."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dripline.config.authentication import is_blank
from dripline.config.suggest import pip_install
from dripline.errors import ConfigurationError
from dripline.wire.body import to_jsonable
from dripline.wire.safe_text import hide_login

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine, Table

logger = logging.getLogger("dripline.database")

_CONNECT_TIMEOUT_S = 5
# A server whose cable was pulled is given up after some 25 s, and not when the kernel thinks so.
_LOSS = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25000}
_LOCK_TIMEOUT_S = 0.8  # less than it takes until rows go to disk, so that they go there in their order

# Times are UTC, whatever the server, the database or the user is set to; the drivers only read these styles.
_SESSION = """SELECT set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO', false),
    set_config('IntervalStyle', 'postgres', false)"""

# A line without words, or one that shows a part of the statement.
_STATEMENT = re.compile(r"[\s^]*$|LINE \d+:")

# SQLSTATE: a row that meets one of these is not to blame, or is not the only one.
_WAIT_CLASSES = ("08", "25", "28", "3D", "3F", "40", "53", "55", "57", "58", "F0")
_NO_PERMISSION = "42501"
# Nor such a table, such a column, such a constraint, or it is a view: somebody can mend it.
_WAIT_CODES = (_NO_PERMISSION, "42P01", "42703", "42P10", "42809")
# The same in words, for databases that give no SQLSTATE.
_WAIT_WORDS = re.compile(
    r"locked|busy|readonly|read-only|unable to open|disk|database or disk is full|malformed database"
    r"|not a database|no such savepoint|no transaction is active|no such table|no column named|no such column"
    r"|ON CONFLICT clause does not match|connect|server|timed? ?out|shutdown|deadlock",
    re.IGNORECASE,
)


# What waiting alone does not mend, and what does. A login is refused without an SQLSTATE: it is told in words.
_REMEDIES = (
    (
        "28",
        re.compile(r'password authentication failed|no password supplied|no pg_hba|role ".*" does not exist'),
        "correct name and password: those of the address, else of the group 'postgres' of the authentication "
        "file, else POSTGRES_USER and POSTGRES_PASSWORD",
    ),
    ("3D", re.compile(r'database ".*" does not exist'), "make the database, or name another"),
    ("3F", None, "make the schema, or name another"),
    ("42501", None, "grant it to the database's user"),
    ("42P01", None, "make the table, or name another"),
    ("42703", None, "add the column, or name another"),
    ("42P10", None, "make the column of message ids unique, or name another table"),
    ("42809", None, "name a table that takes rows"),
)


class DatabaseAway(Exception):
    """The database takes no rows for now; the text says why."""


class DatabaseBusy(DatabaseAway):
    """Another program keeps the database from taking rows, which usually ends soon; logged if it does not."""


class DatabaseFileChanged(DatabaseAway):
    """The file of the database was moved, deleted, replaced or overwritten; the text says which."""


class RowRefused(Exception):
    """The row does not fit the table; the text says why."""


class DatabaseUnfit(DatabaseAway):
    """The database is there, but takes no rows before somebody mends something; the text says what."""


def sqlalchemy() -> Any:
    """Return SQLAlchemy.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        import sqlalchemy as module
    except ImportError:
        raise ConfigurationError(f"SQLAlchemy is missing: {pip_install('sql')}") from None
    return module


def read_url(text: str) -> URL:
    """Read the address of a database.

    Raises:
        ConfigurationError: It is none, or one that keeps nothing.
    """
    library = sqlalchemy()
    try:
        url: URL = library.make_url(text)
    except (library.exc.ArgumentError, ValueError):  # the latter: a port that is no number
        raise ConfigurationError(
            f"database_url: {hide_login(text)!r} is no address of a database, such as "
            "'sqlite:///slow_controls.sqlite' or 'postgresql://user@host/database'"
        ) from None
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigurationError(
            f"database_url: {text!r} keeps nothing; give a file: 'sqlite:///slow_controls.sqlite'"
        )
    for part, value in (("name", url.username), ("password", url.password)):
        if value is not None and is_blank(value):
            raise ConfigurationError(
                f"database_url: {hide_login(text)!r} has an empty {part}; fill it in, or leave out the login"
            )
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return url


def make_engine(url: URL) -> Engine:
    """Make an engine; it connects when it is first used.

    Raises:
        ConfigurationError: The driver is not installed, or there is none of that name.
    """
    library = sqlalchemy()
    if (path := sqlite_path(url)) is not None and not str(path).startswith(("file:", ":memory:")):
        url = url.set(database=os.path.abspath(path))
    try:
        arguments = {key: value for key, value in _connect_arguments(url).items() if key not in url.query}
        engine: Engine = library.create_engine(
            url, connect_args=arguments, pool_recycle=1800, json_serializer=_json
        )
    except ImportError as error:
        remedy = pip_install("postgres") if url.get_backend_name() == "postgresql" else "install it"
        raise ConfigurationError(f"the driver of {url.drivername} is missing ({error}); {remedy}") from None
    except library.exc.NoSuchModuleError:
        raise ConfigurationError(f"database_url: SQLAlchemy knows no {url.drivername!r}") from None
    if url.get_backend_name() == "postgresql":
        library.event.listen(engine, "connect", _on_postgresql_connect)
    if engine.dialect.driver == "psycopg":
        from dripline.implementations.storage.psycopg2_compatibility import adapt_engine  # imports the driver

        adapt_engine(engine)
        logging.getLogger("psycopg").addFilter(_is_no_echo)
    if url.get_backend_name() == "sqlite":
        _name_time_types(engine.dialect)
        library.event.listen(engine, "do_connect", _before_sqlite_connect)
        library.event.listen(engine, "connect", _on_sqlite_connect)
        library.event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _json(value: Any) -> str:
    """Write a value for a column of JSON; NaN, which JSON does not have, as the word that messages contain."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(to_jsonable(value)[0])


def make_table(engine: Engine, table: Table) -> None:
    """Make a table unless it is there; another program may do the same at this moment."""
    library = sqlalchemy()
    try:
        with engine.begin() as connection:
            table.create(connection, checkfirst=True)
    except library.exc.DBAPIError as error:
        if is_away(error):
            raise
        with engine.connect() as connection:
            if not library.inspect(connection).has_table(table.name, schema=table.schema):
                raise


def is_away(error: Exception) -> bool:
    """Tell whether an error is the database's state, so that waiting helps."""
    library = sqlalchemy()
    if isinstance(error, (DatabaseAway, library.exc.NoSuchTableError)):
        return True
    if not isinstance(error, library.exc.SQLAlchemyError):
        return isinstance(error, (OSError, MemoryError))
    if isinstance(error, library.exc.DBAPIError):
        return _driver_is_away(error, library)
    return not isinstance(error, library.exc.StatementError)


def is_refusal(error: Exception) -> bool:
    """Tell whether a database, or the check of a row, refuses the row; other errors are not the row's fault."""
    return isinstance(error, (RowRefused, sqlalchemy().exc.StatementError)) and not is_away(error)


def is_conflict(error: Exception) -> bool:
    """Tell whether a transaction met another one: a deadlock, or a failure to serialize the two."""
    original = getattr(error, "orig", None)
    code = getattr(original, "sqlstate", None) or ""
    return code.startswith("40") or (not code and "deadlock" in str(original).lower())


def remedy(error: Exception) -> str:
    """What somebody has to do about an error of a database that is there; empty when waiting may help."""
    if isinstance(error, sqlalchemy().exc.NoSuchTableError):
        return "make the table, or name another"
    original = getattr(error, "orig", None)
    code = getattr(original, "sqlstate", None) or ""
    for begin, words, text in _REMEDIES:
        if code.startswith(begin) or (words is not None and not code and words.search(str(original))):
            return text
    return ""


def reason(error: Exception) -> str:
    """What a database said, in one line and without the statement."""
    original = getattr(error, "orig", None) or error
    if isinstance(original, sqlalchemy().exc.NoSuchTableError):
        return f"no such table: {original}"
    lines = [line.strip() for line in str(original).splitlines() if not _STATEMENT.match(line)]
    return "; ".join(lines[:2]) or type(original).__name__


# -- inside --------------------------------------------------------------------------------------------------


def _driver_is_away(error: Any, library: Any) -> bool:
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlstate", None)
    if code == _NO_PERMISSION and "row-level security" in str(error.orig):
        return False  # a rule about rows
    if code:
        return code[:2] in _WAIT_CLASSES or code in _WAIT_CODES
    if type(error) is library.exc.DatabaseError:  # SQLite: malformed, or not a database
        return True
    if isinstance(error, library.exc.OperationalError):
        return bool(_WAIT_WORDS.search(str(error.orig))) or "sqlite" not in type(error.orig).__module__
    return isinstance(error, library.exc.InternalError)


def _connect_arguments(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "postgresql":
        return {
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "application_name": "dripline",
            "client_encoding": "utf8",  # that of a database in SQL_ASCII would make bytes of texts
            **_LOSS,
        }
    return {"timeout": _LOCK_TIMEOUT_S} if url.get_backend_name() == "sqlite" else {}


def _is_no_echo(record: logging.LogRecord) -> bool:
    # psycopg warns of an error that it also raises; refused rows are told in our own words.
    return not record.msg.startswith("error ignored terminating")


def _on_postgresql_connect(connection: Any, _record: object) -> None:
    if type(connection).__module__.partition(".")[0] == "psycopg":
        from dripline.implementations.storage.psycopg2_compatibility import adapt_connection

        adapt_connection(connection)
    autocommit, connection.autocommit = connection.autocommit, True
    with connection.cursor() as cursor:
        cursor.execute(_SESSION)
    connection.autocommit = autocommit


def _name_time_types(dialect: Any) -> None:
    # SQLite takes any name for the type of a column; SQLAlchemy takes those that it does not know for numbers.
    kind = dialect.ischema_names["TIMESTAMP"]
    names = ("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITHOUT TIME ZONE")
    dialect.ischema_names = {**dialect.ischema_names, **dict.fromkeys(names, kind)}


def _before_sqlite_connect(_dialect: Any, _record: object, arguments: Any, _keywords: Any) -> None:
    path = Path(str(arguments[0]))
    if path.is_absolute() and not path.exists():
        put_log_aside(path)


def put_log_aside(path: Path) -> None:
    """Rename the log of a file that is not there any more: a new file would delete it, or take it for its own."""
    log = Path(f"{os.path.realpath(path)}-wal")
    if not log.exists() or not log.stat().st_size:
        return
    number = 1
    while (aside := Path(f"{log}.{number}")).exists():
        number += 1
    log.rename(aside)
    logger.warning(
        "%s belongs to a database that was moved away without it, and is %s now; "
        "to have rows that are missing there, put it beside that database as <its name>-wal",
        log, aside,
    )  # fmt: skip


def _on_sqlite_connect(connection: Any, _record: object) -> None:
    # sqlite3 would begin and end transactions in its own way, which leaves no room for savepoints.
    connection.isolation_level = None
    # Readers go on while a batch is written; FULL, since what was acknowledged must survive a loss of power.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _on_sqlite_begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


def sqlite_path(url: URL) -> Path | None:
    """The file of an SQLite database; None for other databases."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
